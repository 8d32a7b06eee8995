// Memory of collections, and how long commands on whole large ones take, compared to redis-server.

import type { Socket } from 'node:net'
import { open } from '../load.ts'
import { type Command, encoded, fill, replies, send } from '../requests.ts'
import { type Server, startErinys, startRedis } from '../servers.ts'
import type { CollectionRow, TypeResults, WholeFigure } from './figures.ts'

interface Shape {
  readonly name: string
  readonly count: number
  /** The command that makes collection `i`, or element `i` of one collection. */
  readonly command: (i: number) => Command
}

const five = [0, 1, 2, 3, 4]
const hundred = Array.from({ length: 100 }, (_, i) => i)

function shapes(scale: number): readonly Shape[] {
  const many = 1_000_000 / scale
  return [
    {
      name: 'hashes of 5 fields',
      count: many,
      command: (i) => ['HSET', `hash:${i}`, ...five.flatMap((f) => [`field${f}`, `value${i}-${f}`])],
    },
    {
      name: 'lists of 5',
      count: many,
      command: (i) => ['RPUSH', `list:${i}`, ...five.map((e) => `value${i}-${e}`)],
    },
    {
      name: 'sets of 5',
      count: many,
      command: (i) => ['SADD', `set:${i}`, ...five.map((m) => `value${i}-${m}`)],
    },
    {
      name: 'sorted sets of 100',
      count: many / 10,
      command: (i) => ['ZADD', `zset:${i}`, ...hundred.flatMap((m) => [m * 7, `member${i}-${m}`])],
    },
    { name: 'members of a sorted set', count: many, command: (i) => ['ZADD', 'z', i, `member:${i}`] },
    { name: 'fields of a hash', count: many, command: (i) => ['HSET', 'h', `field:${i}`, `value:${i}`] },
    { name: 'elements of a list', count: many, command: (i) => ['RPUSH', 'l', `element:${i}`] },
  ]
}

/** A row for each shape, and the servers. @param scale divides the number of collections and elements */
export async function measureCollections(
  scale: number,
): Promise<{ readonly servers: TypeResults['servers']; readonly rows: readonly CollectionRow[] }> {
  const versions = new Map<string, string>()
  const rows: CollectionRow[] = []
  for (const shape of shapes(scale)) {
    const erinys = await startErinys({ maxBytes: '4gb' })
    const own = await measure(erinys, shape)
    const redis = await startRedis('redis-server')
    const theirs = redis && (await measure(redis, shape))
    for (const server of [erinys, redis]) if (server !== undefined) versions.set(server.name, server.version)
    rows.push({ what: shape.name, count: shape.count, own, theirs })
  }
  return { servers: [...versions].map(([name, version]) => ({ name, version })), rows }
}

/** RSS growth for each collection or element; for a single collection also commands on the whole of it. */
async function measure(server: Server, { count, command }: Shape): Promise<CollectionRow['own']> {
  const socket = await open(server.port)
  try {
    // Buffers and the heap of a server grow while it works, up to a size: as many bytes of requests go before.
    await fill(socket, count, (i) => ['ECHO', command(i).join(' ')])
    const before = server.residentBytes()
    await fill(socket, count, command)
    const bytesEach = (server.residentBytes() - before) / count
    const name = String(command(0)[1])
    if (name !== String(command(1)[1])) return { bytesEach }
    const wholeMs = {} as Record<WholeFigure, number>
    for (const [figure, whole] of [
      ['COPY', ['COPY', name, 'copy']],
      ['RENAME', ['RENAME', 'copy', 'renamed']],
      ['DUMP and RESTORE', ['DUMP', name]],
      ['DEL', ['DEL', 'renamed']],
    ] as const) {
      const began = performance.now()
      if (figure === 'DUMP and RESTORE') await restore(socket, server.port, name)
      else await send(socket, [whole])
      wholeMs[figure] = performance.now() - began
    }
    return { bytesEach, wholeMs }
  } finally {
    socket.destroy()
    await server.stop()
  }
}

async function restore(socket: Socket, port: number, name: string): Promise<void> {
  const reader = await open(port)
  const chunks: Buffer[] = []
  let missing = Number.POSITIVE_INFINITY
  const read = new Promise<void>((resolve) => {
    reader.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (missing === Number.POSITIVE_INFINITY) missing = lengthOf(chunk)
      missing -= chunk.length
      if (missing <= 0) resolve()
    })
  })
  reader.write(encoded(['DUMP', name]))
  await read
  reader.destroy()
  const reply = Buffer.concat(chunks)
  const dump = reply.subarray(reply.indexOf('\n') + 1, -2)
  socket.write(`*4\r\n$7\r\nRESTORE\r\n$8\r\nrestored\r\n$1\r\n0\r\n$${dump.length}\r\n`)
  socket.write(Buffer.concat([dump, Buffer.from('\r\n')]))
  await replies(socket)(1)
}

/** Bytes of a bulk string that begins with this chunk. */
function lengthOf(chunk: Buffer): number {
  const line = chunk.toString('latin1', 1, chunk.indexOf('\r'))
  return line.length + Number(line) + 5
}
