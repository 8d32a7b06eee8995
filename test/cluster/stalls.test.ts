// Requests of another node behind a pending load: those that must wait for it run when it ends.

import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { HandshakeClient } from '../../src/cluster/links/handshake.ts'
import { encodeRequest, parseReplies } from '../../src/cluster/links/request.ts'
import { startCluster } from '../support/cluster.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { poll } from '../support/poll.ts'

/** Connects as another node, and sends what the test gives. */
async function connectAsPeer(port: number) {
  const socket = connect({ host: '127.0.0.1', port })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  let received = Buffer.alloc(0)
  const nextChunk = async (): Promise<Buffer> => {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    return chunk
  }
  const handshake = new HandshakeClient({ name: 'peer:1', runId: 'a'.repeat(40), secret: '' })
  socket.write(handshake.start())
  socket.write(handshake.receive(parseReplies(await nextChunk())[0]) as Buffer)
  handshake.receive(parseReplies(await nextChunk())[0])
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
  })
  return {
    send: (...requests: string[][]) => socket.write(Buffer.concat(requests.map(encodeRequest))),
    received: () => received.toString(),
  }
}

test('a command on all keys waits for a pending load, and later requests run after it', async () => {
  const origin = new GatedOrigin()
  const cluster = await startCluster(1, { groups: { users: { maxBytes: '16mb', origin: origin.load } } })
  onTestFinished(() => cluster.close())
  const { send, received } = await connectAsPeer(cluster.members[0].port)
  send(['PEER', 'CONTEXT', 'users', '2', '1', '0'], ['GET', 'slow'], ['DBSIZE'], ['ECHO', 'behind'])
  await origin.isAskedFor('slow')
  origin.give('slow', 'value')
  await poll(() => received().endsWith('behind\r\n'), 'the reply to the last request')
  expect(received()).toBe('@1\r\n^1\r\n$5\r\nvalue\r\n:1\r\n$6\r\nbehind\r\n')
})
