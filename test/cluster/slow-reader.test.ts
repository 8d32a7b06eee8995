// A client that asks for much by way of another node before it reads: it is served, as by the owner itself.

import { connect } from 'node:net'
import { test } from 'vitest'
import { startCluster } from '../support/cluster.ts'
import { poll } from '../support/poll.ts'

const VALUE = 'v'.repeat(65_536)
const REQUESTS = 2000
/** The length with its CRLF, the value, CRLF. */
const REPLY_BYTES = `$${VALUE.length}\r\n`.length + VALUE.length + 2

test('all it has asked for arrives, also before it reads', async () => {
  const cluster = await startCluster(2, { groups: { cache: {} } })
  const [entry, owner] = cluster.members
  const socket = connect(entry.port, '127.0.0.1')
  try {
    const own = `127.0.0.1:${owner.port}`
    const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
    const plans = await Promise.all(
      keys.map(async (key) => [key, String(await entry.watcher.call('EXPLAIN', key))]),
    )
    const [key] = plans.find(([, plan]) => plan.includes(own)) as [string, string]
    await entry.watcher.set(key, VALUE)
    const [before] = await entry.forwarded()
    socket.pause()
    // A write, since reads are served from a copy after a while.
    socket.write(`*3\r\n$5\r\nGETEX\r\n$${key.length}\r\n${key}\r\n$7\r\nPERSIST\r\n`.repeat(REQUESTS))
    await poll(async () => (await entry.forwarded())[0] - before >= REQUESTS, 'all requests to be answered')

    let bytes = 0
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    socket.resume()
    await poll(() => bytes === REQUESTS * REPLY_BYTES, 'all replies')
  } finally {
    socket.destroy()
    await cluster.close()
  }
})
