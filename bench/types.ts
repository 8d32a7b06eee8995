// The benchmark of data types, compared to redis-server: memory of collections, how long whole ones take, and commands.

import type { Socket } from 'node:net'
import { open } from './load.ts'
import { type Command, encoded, fill, replies, send } from './requests.ts'
import { build, conditions, type Server, startErinys, startRedis } from './servers.ts'
import { benchTypeCommands } from './type-commands.ts'

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

export async function benchTypes({ smoke }: { readonly smoke: boolean }): Promise<void> {
  build()
  const rows: Record<string, string | number | undefined>[] = []
  for (const shape of shapes(smoke ? 100 : 1)) {
    const own = await measure(await startErinys({ maxBytes: '4gb' }), shape)
    const redis = await startRedis('redis-server')
    const other = redis && (await measure(redis, shape))
    for (const [figure, value] of Object.entries(own)) {
      const theirs = other?.[figure]
      rows.push({
        what: `${shape.count} ${shape.name}`,
        figure,
        erinys: round(value),
        redis: theirs && round(theirs),
        '× redis': theirs && round(value / theirs),
      })
    }
  }
  console.log(Object.values(conditions()).join('; '))
  console.table(rows)
  await benchTypeCommands({ smoke })
}

/** RSS growth for each collection or element; for a single collection also commands on the whole of it. */
async function measure(server: Server, { count, command }: Shape): Promise<Record<string, number>> {
  const socket = await open(server.port)
  try {
    // The buffers and the compiled code are there before.
    await send(
      socket,
      Array.from({ length: 1000 }, () => ['PING']),
    )
    const before = server.residentBytes()
    await fill(socket, count, command)
    const found: Record<string, number> = { 'RSS bytes each': (server.residentBytes() - before) / count }
    const name = String(command(0)[1])
    if (name !== String(command(1)[1])) return found
    for (const [figure, whole] of [
      ['COPY, ms', ['COPY', name, 'copy']],
      ['RENAME, ms', ['RENAME', 'copy', 'renamed']],
      ['DUMP and RESTORE, ms', ['DUMP', name]],
      ['DEL, ms', ['DEL', 'renamed']],
    ] as const) {
      const began = performance.now()
      if (figure.startsWith('DUMP')) await restore(socket, server.port, name)
      else await send(socket, [whole])
      found[figure] = performance.now() - began
    }
    return found
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

function round(value: number): number {
  return Number(value.toPrecision(3))
}
