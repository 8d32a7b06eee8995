// The log cannot be written: a full disk, a closed pipe, a reader that has stopped. The node continues.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { compiledMain } from '../../support/compiled.ts'
import { poll } from '../../support/poll.ts'
import { freePorts } from '../../support/ports.ts'

let child: ChildProcess | undefined
afterEach(() => child?.kill('SIGKILL'))

async function startNode(out: number | 'pipe'): Promise<number> {
  const [port] = await freePorts(1)
  const args = [compiledMain(), '--port', String(port), '--loglevel', 'verbose']
  child = spawn(process.execPath, args, { stdio: ['ignore', out, out], cwd: import.meta.dirname })
  await poll(async () => (await ask(port, 'PING')).startsWith('+PONG'), 'the node to listen')
  return port
}

/** The reply to commands, each a line; empty: no connection. */
function ask(port: number, ...commands: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.end(`${commands.join('\r\n')}\r\nQUIT\r\n`))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })
}

function dropped(info: string): number {
  return Number(/log_lines_dropped:(\d+)/.exec(info)?.[1])
}

/** At this level a protocol error writes a line. */
async function logMuch(port: number, lines: number): Promise<void> {
  for (let i = 0; i < lines; i++) await ask(port, '*x')
}

describe('a node whose log', () => {
  test.skipIf(!existsSync('/dev/full'))('is on a full disk', async () => {
    const fd = openSync('/dev/full', 'w')
    const port = await startNode(fd)
    closeSync(fd)
    await logMuch(port, 5)
    expect(dropped(await ask(port, 'INFO stats'))).toBeGreaterThanOrEqual(5)
    await ends()
  })

  test('goes into a closed pipe', async () => {
    const port = await startNode('pipe')
    child?.stdout?.destroy()
    child?.stderr?.destroy()
    await logMuch(port, 5)
    await poll(async () => {
      await logMuch(port, 1)
      return dropped(await ask(port, 'INFO stats')) > 0
    }, 'lines to be dropped')
    await ends()
  })

  test('goes into a pipe whose reader has stopped, and reads again', async () => {
    const port = await startNode('pipe')
    child?.stdout?.pause()
    // A warning with a long line: the pipe and what waits for it take 2 MB at most.
    await poll(async () => {
      await logMuch(port, 500)
      const info = await ask(port, 'INFO stats')
      expect(info).toContain('log_lines_dropped:')
      return dropped(info) > 0
    }, 'lines to be dropped')
    let text = ''
    child?.stdout?.on('data', (chunk) => {
      text += chunk
    })
    child?.stdout?.resume()
    await poll(
      () => text.includes('lines of the log could not be written and are lost'),
      'the loss to be said',
    )
    for (const line of text.trim().split('\n')) JSON.parse(line)
    await ends()
  })
})

/** It ends in order: nothing of it depends on its output. */
async function ends(): Promise<void> {
  const code = new Promise((resolve) => child?.once('exit', resolve))
  child?.kill('SIGTERM')
  expect(await code).toBe(0)
}
