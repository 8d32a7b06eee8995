// Many large values loaded at once must not take more memory than the budget and what is under way.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { start } from '../../support/cli.ts'
import { compiledProgram } from '../../support/compiled.ts'
import { serveHttp } from '../../support/http-server.ts'

const MB = 2 ** 20
const VALUE = Buffer.alloc(15 * MB, 'x')
const LOADS = 40
const CONNECTIONS = 8
const BUDGET = 256 * MB
/** What the allocator and the garbage collector have not given back yet. */
const SLACK = 200 * MB

/** The bytes of the reply of GET, which are counted and dropped. */
function countReply(port: number, key: string): Promise<number> {
  const reply = `$${VALUE.length}\r\n`.length + VALUE.length + 2
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${key}\r\n`))
    let received = 0
    socket.on('data', (chunk) => {
      received += chunk.length
      if (received === chunk.length && chunk[0] === 0x2d) reject(new Error(chunk.toString()))
      if (received < reply) return
      socket.destroy()
      resolve(received - reply)
    })
    socket.on('error', reject)
  })
}

/** The largest resident memory of a process so far, in bytes. */
function peakMemory(pid: number | undefined): number {
  const [, kb] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kb) * 1024
}

test.runIf(process.platform === 'linux')('40 loads of 15 MB into a group of 256 MB', async () => {
  let atOnce = 0
  let most = 0
  const source = await serveHttp((request, response) => {
    most = Math.max(most, ++atOnce)
    // Every second one does not say how long it is.
    if (/[02468]$/.test(String(request.url))) response.setHeader('content-length', VALUE.length)
    response.on('close', () => atOnce--)
    response.end(VALUE)
  })
  const folder = mkdtempSync(join(tmpdir(), 'erinys-large-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'config.json')
  const origin = { kind: 'http', url: `http://127.0.0.1:${source}/{key}`, connections: CONNECTIONS }
  const groups = { pages: { maxBytes: BUDGET, originTimeout: '10m', origin } }
  writeFileSync(path, JSON.stringify({ groups }))
  const node = await start(['--config', path], { program: compiledProgram() })
  onTestFinished(() => void node.child.kill('SIGKILL'))
  const idle = peakMemory(node.child.pid)
  const keys = Array.from({ length: LOADS }, (_, i) => `value:${i}`)
  expect(await Promise.all(keys.map((key) => countReply(node.port, key)))).toEqual(keys.map(() => 0))
  expect(most).toBeLessThanOrEqual(CONNECTIONS)
  const underWay = (CONNECTIONS + LOADS) * VALUE.length
  expect((peakMemory(node.child.pid) - idle) / MB).toBeLessThan((BUDGET + underWay + SLACK) / MB)
})
