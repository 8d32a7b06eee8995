// A connection of another node, on which something has to wait for a load: what is behind it goes on when that has ended.

import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { HandshakeClient } from '../../src/cluster/links/handshake.ts'
import { encodeRequest, parseReplies } from '../../src/cluster/links/request.ts'
import { startCluster } from '../support/cluster.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { poll } from '../support/poll.ts'

/** Says to a node to be another one, and then whatever a test says. */
async function pose(port: number) {
  const socket = connect({ host: '127.0.0.1', port })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  let heard = Buffer.alloc(0)
  const next = async (): Promise<Buffer> => {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    return chunk
  }
  const greeting = new HandshakeClient({ name: 'poser:1', runId: 'a'.repeat(40), secret: '' })
  socket.write(greeting.start())
  socket.write(greeting.receive(parseReplies(await next())[0]) as Buffer)
  greeting.receive(parseReplies(await next())[0])
  socket.on('data', (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk])
  })
  return {
    say: (...requests: string[][]) => socket.write(Buffer.concat(requests.map(encodeRequest))),
    heard: () => heard.toString(),
  }
}

test('what sees every key waits for a load, and no longer', async () => {
  const origin = new GatedOrigin()
  const cluster = await startCluster(1, { groups: { users: { maxBytes: '16mb', origin: origin.load } } })
  onTestFinished(() => cluster.close())
  const { say, heard } = await pose(cluster.members[0].port)
  say(['PEER', 'CONTEXT', 'users', '2', '1', '0'], ['GET', 'slow'], ['DBSIZE'], ['ECHO', 'behind'])
  await origin.isAskedFor('slow')
  origin.give('slow', 'value')
  await poll(() => heard().endsWith('behind\r\n'), 'what is behind')
  expect(heard()).toBe('@1\r\n^1\r\n$5\r\nvalue\r\n:1\r\n$6\r\nbehind\r\n')
})
