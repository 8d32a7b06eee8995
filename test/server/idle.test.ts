// Ten thousand idle clients: memory for each, and the node serves others meanwhile.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { collectGarbage } from '../support/garbage.ts'
import { TestServer } from '../support/server.ts'

const WANTED = 10_000

/** Bytes of memory that one more idle connection may cost. */
const MAX_PER_CLIENT = 20 * 1024

/** A process that opens connections, uses each once, reports, and keeps them until its input ends. */
const CLIENTS = `
const { connect } = require('node:net')
const [port, count] = process.argv.slice(1).map(Number)
let open = 0
const more = () => {
  if (open === count) return process.stdout.write('open')
  const socket = connect(port, '127.0.0.1', () => socket.write('GET a\\r\\n'))
  socket.once('data', () => { open++; more() })
  socket.on('error', (error) => { console.error(error); process.exit(1) })
}
more()
process.stdin.resume().on('end', () => process.exit(0))
`

/** As many connections as the limit of open files allows, with some left for everything else. */
function connectionCount(): number {
  try {
    const [, limit] = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return limit === undefined ? 200 : Math.min(WANTED, Number(limit) - 500)
  } catch {
    return 200
  }
}

/** Resident bytes of the process after a collection of garbage. */
function memory(): number {
  collectGarbage()
  return process.memoryUsage().rss
}

test('an idle client costs a few kilobytes', async () => {
  const count = connectionCount()
  const running = await TestServer.start({ settings: { maxclients: count + 10 } })
  const peer = await running.connect()
  await peer.exchange('SET a 1\r\n', '+OK\r\n')
  const before = memory()
  const clients = spawn(process.execPath, ['-e', CLIENTS, String(running.port), String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(clients.stdout, 'data')
  while (running.server.clients.size < count + 1) await new Promise((resolve) => setImmediate(resolve))
  const perClient = (memory() - before) / count
  expect(perClient).toBeLessThan(MAX_PER_CLIENT)
  await peer.exchange('GET a\r\n', '$1\r\n1\r\n')
  running.clock.advance(2000)
  clients.stdin.end()
  await once(clients, 'exit')
  while (running.server.clients.size > 1) await new Promise((resolve) => setImmediate(resolve))
  await peer.exchange('GET a\r\n', '$1\r\n1\r\n')
  await running.stop()
})
