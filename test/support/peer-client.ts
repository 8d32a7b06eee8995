// A connection to a node as another node of its cluster opens it, which sends what the test gives.

import { once } from 'node:events'
import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { HandshakeClient, type ProvenHello } from '../../src/cluster/links/handshake.ts'
import { encodeRequest, parseReplies } from '../../src/cluster/links/request.ts'

export interface PeerClient {
  /** What the node has said of itself. */
  readonly hello: ProvenHello
  send(...requests: string[][]): void
  /** What it has sent since the handshake. */
  received(): string
}

export async function connectAsPeer(port: number): Promise<PeerClient> {
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
  const hello = handshake.receive(parseReplies(await nextChunk())[0]) as ProvenHello
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
  })
  return {
    hello,
    send: (...requests) => void socket.write(Buffer.concat(requests.map(encodeRequest))),
    received: () => received.toString(),
  }
}
