// Pages on a real socket with a slow reader: every byte arrives as written, and every page is returned.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { PagePool } from '../../src/resp/pages.ts'
import { ReplyWriter } from '../../src/resp/reply.ts'

const FLUSHES = 600

/** The replies of flush `n`, 10 bytes to 30 KiB in total, which identify their position. */
function repliesOf(n: number): string[] {
  return Array.from({ length: 1 + (n % 7) }, (_, i) => `${n}.${i};`.repeat(1 + ((n * 31) % 700)))
}

const wire = (text: string) => `$${text.length}\r\n${text}\r\n`

test('a slow reader receives what was written', async () => {
  const pool = new PagePool()
  const writer = new ReplyWriter(pool)
  let lent = 0

  async function serve(socket: Socket): Promise<void> {
    for (let n = 0; n < FLUSHES; n++) {
      for (const text of repliesOf(n)) writer.bulk(Buffer.from(text), 0, text.length)
      writer.flush({
        write: (bytes, released) => {
          lent++
          socket.write(bytes, () => {
            lent--
            released()
          })
        },
      })
      // The reader falls behind by megabytes between these.
      if (n % 100 === 99 && socket.writableNeedDrain) await once(socket, 'drain')
    }
    socket.end()
  }

  const server = createServer((socket) => void serve(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const received: Buffer[] = []
  for await (const chunk of client) received.push(chunk as Buffer)
  server.close()
  await once(server, 'close')

  const expected = Array.from({ length: FLUSHES }, (_, n) => repliesOf(n).map(wire).join('')).join('')
  expect(Buffer.concat(received).toString('latin1') === expected).toBe(true)
  expect(lent).toBe(0)
  expect(pool.idle).toBeLessThanOrEqual(8)
})
