// A signal that was not meant to end the node ended it at once, and what it had accepted was lost.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { exchange, type Running, start, startMany } from '../../support/cli.ts'
import { compiledProgram } from '../../support/compiled.ts'
import { serveHttp } from '../../support/http-server.ts'
import { poll } from '../../support/poll.ts'

const program = compiledProgram()

const IGNORED = [
  'SIGUSR1',
  'SIGALRM',
  'SIGVTALRM',
  'SIGPROF',
  'SIGIO',
  'SIGXCPU',
  'SIGTTIN',
  'SIGTTOU',
  'SIGWINCH',
] as const satisfies NodeJS.Signals[]

/** A source whose writes wait until it is released. */
async function slowSource(): Promise<{ port: number; stored: Set<string>; release: () => void }> {
  const stored = new Set<string>()
  let held: (() => void)[] | undefined = []
  const port = await serveHttp((request, response) => {
    const take = (): void => {
      stored.add(request.url ?? '')
      response.end()
    }
    request.resume()
    if (held === undefined) take()
    else held.push(take)
  })
  const release = (): void => {
    const waiting = held ?? []
    held = undefined
    for (const take of waiting) take()
  }
  return { port, stored, release }
}

function configFile(port: number): string {
  const path = join(mkdtempSync(join(tmpdir(), 'erinys-signals-')), 'config.json')
  const origin = { kind: 'http', url: `http://127.0.0.1:${port}/{key}` }
  const groups = { users: { write: 'behind', originTimeout: '10m', origin } }
  writeFileSync(path, JSON.stringify({ shutdownTimeout: '10m', groups }))
  return path
}

async function write(port: number, count: number): Promise<void> {
  const client = new Redis(port, '127.0.0.1', { enableReadyCheck: false })
  await Promise.all(Array.from({ length: count }, (_, i) => client.set(`key:${i}`, 'value')))
  client.disconnect()
}

function logs({ log }: Running, text: string): Promise<boolean> {
  return poll(() => log().includes(text), text)
}

test('a signal that is not an end is ignored with a line, and what was written behind is kept', async () => {
  const source = await slowSource()
  const node = await start(['--config', configFile(source.port)], { program })
  await write(node.port, 20)
  for (const signal of IGNORED) {
    node.child.kill(signal)
    await logs(node, `${signal}: ignored, `)
    expect(await exchange(node.port, 'PING\r\n', 'PONG')).toBe('+PONG\r\n')
  }
  node.child.kill('SIGHUP')
  await logs(node, 'SIGHUP: the configuration was applied')
  node.child.kill('SIGPIPE')
  node.child.kill('SIGSTOP')
  node.child.kill('SIGCONT')
  await logs(node, 'SIGCONT: continued')
  expect(source.stored.size).toBe(0)
  node.child.kill('SIGTERM')
  await logs(node, 'SIGTERM: closing')
  // While it closes, too.
  node.child.kill('SIGHUP')
  await logs(node, 'SIGHUP: the configuration was refused, nothing has changed: the node is closing')
  source.release()
  const { code, stderr } = await node.outcome
  // A debugger would say on standard error where it listens.
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(source.stored.size).toBe(20)
})

test.each(['SIGQUIT', 'SIGPWR', 'SIGINT'] as const)('%s closes in order', async (signal) => {
  const source = await slowSource()
  const node = await start(['--config', configFile(source.port)], { program })
  await write(node.port, 20)
  node.child.kill(signal)
  await logs(node, `${signal}: closing`)
  source.release()
  expect((await node.outcome).code).toBe(0)
  expect(source.stored.size).toBe(20)
})

test.each(['SIGQUIT', 'SIGINT'] as const)('a second %s ends at once', async (signal) => {
  const node = await start(['--config', configFile((await slowSource()).port)], { program })
  await write(node.port, 20)
  node.child.kill(signal)
  await logs(node, `${signal}: closing`)
  node.child.kill(signal)
  expect((await node.outcome).code).toBe(1)
})

test('several nodes of one process: the same, also when that process is killed', async () => {
  const source = await slowSource()
  const nodes = await startMany(['--config', configFile(source.port)], { program })
  const [first] = nodes.ports
  await write(first, 20)
  nodes.child.kill('SIGHUP')
  await nodes.logged((lines) => lines.some(({ msg }) => msg.startsWith('SIGHUP: all nodes read')))
  expect(await exchange(first, 'PING\r\n', 'PONG')).toBe('+PONG\r\n')
  const pid = nodes.lines().find((line) => line.node === first && line.pid !== undefined)?.pid
  process.kill(Number(pid), 'SIGHUP')
  await nodes.logged((lines) =>
    lines.some(({ node, msg }) => node === first && msg.startsWith('SIGHUP: the configuration was applied')),
  )
  expect(source.stored.size).toBe(0)
  nodes.child.kill('SIGKILL')
  source.release()
  await poll(() => source.stored.size === 20, 'what was written behind')
})
