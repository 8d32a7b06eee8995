// Values of all types as plain data: out of dumps, into dumps, and out of a redis-server.

import type { ByteRange } from '../../../src/store/rdb/byte-range.ts'
import { FOOTER_BYTES, hasValidFooter, writeFooter } from '../../../src/store/rdb/format.ts'
import { readValue } from '../../../src/store/rdb/reader.ts'
import type { RdbSink } from '../../../src/store/rdb/sink.ts'
import { IntegerMembers, RdbWriter } from '../../../src/store/rdb/writer.ts'
import { idText, type StreamId } from '../../../src/store/types/stream/id.ts'
import type { Argument, RedisReply } from '../../support/resp.ts'

/** Strings are latin1, one character per byte. What has no order is sorted. */
export type Value =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'list' | 'set'; readonly elements: string[] }
  | { readonly type: 'hash'; readonly fields: [field: string, value: string, deadline?: string][] }
  | { readonly type: 'zset'; readonly members: [member: string, score: number][] }
  | Stream

interface Stream {
  readonly type: 'stream'
  readonly entries: [id: string, ...fields: string[]][]
  lastId: string
  maxDeletedId: string
  entriesAdded: string
  readonly groups: Group[]
}

interface Group {
  readonly name: string
  readonly lastId: string
  /** -1: unknown. */
  readonly entriesRead: string
  readonly pending: { id: string; consumer: string; deliveredAt: string; deliveries: string }[]
  readonly consumers: [name: string, seenAt: string][]
}

function text({ bytes, start, end }: ByteRange): string {
  return bytes.toString('latin1', start, end)
}

/** The double that redis-parser reads for an integer: above 2^53 not always the nearest one. */
function asRead(n: unknown): number {
  if (typeof n !== 'bigint') return Number(n)
  const read = [...String(n).replace('-', '')].reduce((sum, digit) => 10 * sum + Number(digit), 0)
  return n < 0n ? -read : read
}

function rounded(n: unknown): string {
  return asRead(n).toPrecision(17)
}

/** A time of a dump. One that no clock shows is as near to it as a double counts milliseconds. */
function time(n: unknown): string {
  const { MAX_SAFE_INTEGER: most } = Number
  return rounded(Math.min(most, Math.max(-most, asRead(n))))
}

/** Refuses duplicates, as a store does. */
class Collector implements RdbSink {
  value: Value | undefined
  readonly #seen = new Set<string>()

  string(value: ByteRange): boolean {
    this.value = { type: 'string', value: text(value) }
    return true
  }

  begin(type: 'list' | 'set' | 'hash' | 'zset' | 'stream'): boolean {
    if (type === 'hash') this.value = { type, fields: [] }
    else if (type === 'zset') this.value = { type, members: [] }
    else if (type === 'stream')
      this.value = { type, entries: [], lastId: '', maxDeletedId: '', entriesAdded: '', groups: [] }
    else this.value = { type, elements: [] }
    return true
  }

  element(element: ByteRange): boolean {
    const { value } = this
    if (value?.type !== 'list' && value?.type !== 'set') throw new Error('an element of no list or set')
    value.elements.push(text(element))
    return value.type === 'list' || this.#isNew(text(element))
  }

  field(field: ByteRange, content: ByteRange, deadline: number): boolean {
    const { value } = this
    if (value?.type === 'stream') {
      value.entries.at(-1)?.push(text(field), text(content))
      return true
    }
    if (value?.type !== 'hash') throw new Error('a field of no hash')
    value.fields.push(
      deadline === 0 ? [text(field), text(content)] : [text(field), text(content), String(deadline)],
    )
    return this.#isNew(text(field))
  }

  scored(member: ByteRange, score: number): boolean {
    const { value } = this
    if (value?.type !== 'zset') throw new Error('a member of no sorted set')
    value.members.push([text(member), score])
    return this.#isNew(text(member))
  }

  entry(id: StreamId): boolean {
    this.#stream.entries.push([idText(id)])
    return true
  }

  stream(lastId: StreamId, maxDeletedId: StreamId, entriesAdded: bigint): boolean {
    Object.assign(this.#stream, {
      lastId: idText(lastId),
      maxDeletedId: idText(maxDeletedId),
      entriesAdded: rounded(entriesAdded),
    })
    return true
  }

  group(name: ByteRange, lastId: StreamId, entriesRead: bigint): boolean {
    const group = {
      name: text(name),
      lastId: idText(lastId),
      entriesRead: rounded(entriesRead),
      pending: [],
      consumers: [],
    }
    this.#stream.groups.push(group)
    return this.#isNew(group.name)
  }

  pending(id: StreamId, deliveredAt: bigint, deliveries: bigint): boolean {
    this.#group.pending.push({
      id: idText(id),
      consumer: '',
      deliveredAt: time(deliveredAt),
      deliveries: rounded(deliveries),
    })
    return this.#isNew(`${this.#group.name}\n${idText(id)}`)
  }

  consumer(name: ByteRange, seenAt: bigint): boolean {
    this.#group.consumers.push([text(name), time(seenAt)])
    return this.#isNew(`${this.#group.name}\nconsumer ${text(name)}`)
  }

  owned(id: StreamId): boolean {
    const pending = this.#group.pending.find((candidate) => candidate.id === idText(id))
    if (pending === undefined || !this.#isNew(`${this.#group.name}\nowned ${pending.id}`)) return false
    pending.consumer = this.#group.consumers.at(-1)?.[0] ?? ''
    return true
  }

  get #stream(): Stream {
    if (this.value?.type !== 'stream') throw new Error('no stream')
    return this.value
  }

  get #group(): Group {
    const group = this.#stream.groups.at(-1)
    if (group === undefined) throw new Error('no group')
    return group
  }

  #isNew(name: string): boolean {
    const before = this.#seen.size
    return this.#seen.add(name).size > before
  }
}

function sorted(value: Value): Value {
  if (value.type === 'set') value.elements.sort()
  else if (value.type === 'stream') {
    const by =
      <T>(nameOf: (item: T) => string) =>
      (a: T, b: T): number =>
        nameOf(a) < nameOf(b) ? -1 : 1
    value.groups.sort(by(({ name }) => name))
    for (const { pending, consumers } of value.groups) {
      pending.sort(by(({ id }) => id))
      consumers.sort(by(([name]) => name))
    }
  } else if (value.type === 'hash') value.fields.sort(([a], [b]) => (a < b ? -1 : 1))
  else if (value.type === 'zset') value.members.sort(([a, x], [b, y]) => x - y || (x === y && a < b ? -1 : 1))
  return value
}

/** The value of a type and value without a footer; `undefined`: it is refused. */
export function decodeBody(body: Buffer): Value | undefined {
  const sink = new Collector()
  // Bytes around it that must not be read.
  const around = Buffer.concat([Buffer.alloc(7, 0xee), body, Buffer.alloc(20, 0xee)])
  if (!readValue(around, 7, 7 + body.length, sink) || sink.value === undefined) return undefined
  return sorted(sink.value)
}

/** The value of a dump; `undefined`: it is refused. */
export function decode(dump: Buffer): Value | undefined {
  if (!hasValidFooter(dump, 0, dump.length)) return undefined
  return decodeBody(dump.subarray(0, dump.length - FOOTER_BYTES))
}

/** A dump of a type and a value. */
export function withFooter(...body: readonly Uint8Array[]): Buffer {
  const dump = Buffer.concat([...body, Buffer.alloc(FOOTER_BYTES)])
  writeFooter(dump, dump.length - FOOTER_BYTES)
  return dump
}

/** The dump of a value. */
export function encode(value: Exclude<Value, Stream>, isSmall: boolean): Buffer {
  const writer = new RdbWriter()
  const add = (element: string): void => {
    const bytes = Buffer.from(`<${element}>`, 'latin1')
    writer.element(bytes, 1, bytes.length - 1)
  }
  switch (value.type) {
    case 'string': {
      const bytes = Buffer.from(value.value, 'latin1')
      writer.string(bytes, 0, bytes.length)
      break
    }
    case 'list':
      writer.beginList()
      for (const element of value.elements) add(element)
      break
    case 'set': {
      const integers = new IntegerMembers(value.elements.length)
      const areIntegers = value.elements.every((element) => {
        const bytes = Buffer.from(element, 'latin1')
        return integers.add(bytes, 0, bytes.length)
      })
      if (areIntegers && isSmall) {
        writer.integers(integers.sorted())
        break
      }
      writer.beginSet(value.elements.length)
      for (const element of value.elements) add(element)
      break
    }
    case 'hash':
      writer.beginHash(value.fields.length, isSmall)
      for (const [field, content] of value.fields) {
        add(field)
        add(content)
      }
      break
    case 'zset':
      writer.beginSortedSet(value.members.length, isSmall)
      for (const [member, score] of value.members) {
        const bytes = Buffer.from(member, 'latin1')
        writer.scored(bytes, 0, bytes.length, score)
      }
  }
  return writer.finish()
}

/** Redis packs the score -0 as 0. */
export function positive(value: Value): Value {
  if (value.type !== 'zset') return value
  return { ...value, members: value.members.map(([member, number]) => [member, number + 0]) }
}

interface Callable {
  call(...command: Argument[]): Promise<RedisReply>
}

/** What a server has at a key; `undefined`: nothing. */
export async function valueAt(redis: Callable, key: string): Promise<Value | undefined> {
  const type = await redis.call('TYPE', key)
  switch (type) {
    case 'string':
      return { type, value: (await redis.call('GET', key)) as string }
    case 'list':
      return { type, elements: (await redis.call('LRANGE', key, 0, -1)) as string[] }
    case 'set':
      return sorted({ type, elements: (await redis.call('SMEMBERS', key)) as string[] })
    case 'hash':
      return sorted({ type, fields: pairs(await redis.call('HGETALL', key)) })
    case 'zset': {
      const members = pairs(await redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'))
      return sorted({ type, members: members.map(([member, score]) => [member, scoreOf(score)]) })
    }
    case 'stream':
      return streamAt(redis, key)
    default:
      return undefined
  }
}

function scoreOf(score: string): number {
  // Redis has no -0 in a packed sorted set.
  return score.endsWith('inf') ? Number(score.replace('inf', 'Infinity')) : Number(score) + 0
}

function pairs(flat: RedisReply): [string, string][] {
  const texts = flat as string[]
  return Array.from({ length: texts.length / 2 }, (_, i) => [texts[2 * i], texts[2 * i + 1]])
}

/** A flat reply of names and values. */
function named(flat: RedisReply): Record<string, RedisReply> {
  const list = flat as RedisReply[]
  return Object.fromEntries(
    Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i] as string, list[2 * i + 1]]),
  )
}

async function streamAt(redis: Callable, key: string): Promise<Stream> {
  const info = named(await redis.call('XINFO', 'STREAM', key, 'FULL', 'COUNT', 0))
  const groups = (info.groups as RedisReply[]).map((reply): Group => {
    const group = named(reply)
    return {
      name: group.name as string,
      lastId: group['last-delivered-id'] as string,
      entriesRead: rounded(group['entries-read'] ?? -1),
      pending: (group.pending as RedisReply[][]).map(([id, consumer, deliveredAt, deliveries]) => ({
        id: id as string,
        consumer: consumer as string,
        deliveredAt: time(deliveredAt),
        deliveries: rounded(deliveries),
      })),
      consumers: (group.consumers as RedisReply[]).map((consumer) => {
        const { name, 'seen-time': seenAt } = named(consumer)
        return [name as string, time(seenAt)]
      }),
    }
  })
  return sorted({
    type: 'stream',
    entries: ((await redis.call('XRANGE', key, '-', '+')) as [string, string[]][]).map(([id, fields]) => [
      id,
      ...fields,
    ]),
    lastId: info['last-generated-id'] as string,
    maxDeletedId: info['max-deleted-entry-id'] as string,
    entriesAdded: rounded(info['entries-added']),
    groups,
  }) as Stream
}
