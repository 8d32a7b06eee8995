// Collections of a Redis: copied by DUMP, or by the read commands of their type where dumps cannot be read.

import type { ChainableCommander } from 'ioredis'
import { BadRequest, type OriginValue, sortedSet } from '../../group/origin.ts'
import { showKey } from '../../group/result.ts'
import { ValueType } from '../../store/record.ts'
import { Collection } from '../../store/value.ts'
import { isRefused, type PipelineReply } from './replies.ts'

/** The value of a key, or its error; and its TTL, read right after it. */
export type CollectionReply = readonly [value: OriginValue | Error, ttl: PipelineReply]

/** Sends the commands that `fill` adds, all at once. */
export type Send = (fill: (pipeline: ChainableCommander) => void) => Promise<readonly PipelineReply[]>

export class CollectionReader {
  /** Whether the source dumps values, in a version that can be read. */
  #hasDumps = true

  /** Reads these keys with one round trip, or with two where there are no dumps. */
  async read(names: readonly string[], send: Send): Promise<CollectionReply[]> {
    const read = this.#hasDumps ? await this.#dumps(names, send) : names.map(() => undefined)
    const others = names.filter((_, i) => read[i] === undefined)
    const byType = others.length === 0 ? [] : await readByType(others, send)
    let next = 0
    return read.map((each) => each ?? byType[next++])
  }

  /** Undefined for a key whose dump is refused or cannot be read. */
  async #dumps(names: readonly string[], send: Send): Promise<(CollectionReply | undefined)[]> {
    const replies = await send((pipeline) => {
      for (const name of names) pipeline.dumpBuffer(name).pttl(name)
    })
    return names.map((_, i) => {
      const [error, dump] = replies[2 * i]
      const ttl = replies[2 * i + 1]
      if (isRefused(error)) this.#hasDumps = false
      if (error !== null) return isRefused(error) ? undefined : [error, ttl]
      if (!Buffer.isBuffer(dump)) return [null, ttl]
      const value = Collection.read(dump)
      if (value === 'wrong footer') this.#hasDumps = false
      if (!(value instanceof Collection)) return undefined
      if (value.type === ValueType.STRING) return [CHANGED, ttl]
      return [value, ttl]
    })
  }
}

/** It had another type when it was asked for before. */
const CHANGED = new Error('the key was changed while it was read')

interface TypeReader {
  readonly ask: (pipeline: ChainableCommander, name: string) => void
  readonly value: (reply: readonly Buffer[]) => OriginValue
}

/** By the name that TYPE gives. `call` by an upper-case name: ioredis makes objects of the replies of `hgetall`. */
const TYPES: Readonly<Record<string, TypeReader>> = {
  list: {
    ask: (pipeline, name) => void pipeline.lrangeBuffer(name, 0, -1),
    value: (elements) => elements,
  },
  set: {
    ask: (pipeline, name) => void pipeline.smembersBuffer(name),
    value: (members) => new Set(members),
  },
  hash: {
    ask: (pipeline, name) => void pipeline.callBuffer('HGETALL', name),
    value: (parts) => new Map(pairs(parts)),
  },
  zset: {
    ask: (pipeline, name) => void pipeline.zrangeBuffer(name, 0, '-1', 'WITHSCORES'),
    value: (parts) => sortedSet(pairs(parts).map(([member, score]) => [member, scoreOf(score)])),
  },
}

async function readByType(names: readonly string[], send: Send): Promise<CollectionReply[]> {
  const types = await send((pipeline) => {
    for (const name of names) pipeline.type(name)
  })
  const readers = types.map(([, type]) => TYPES[String(type)])
  const replies = await send((pipeline) => {
    for (const [i, name] of names.entries()) {
      readers[i]?.ask(pipeline, name)
      pipeline.pttl(name)
    }
  })
  let next = 0
  return names.map((name, i): CollectionReply => {
    const [error, type] = types[i]
    const read = readers[i] === undefined ? undefined : replies[next++]
    const ttl = replies[next++]
    if (error !== null) return [error, ttl]
    if (type === 'none') return [null, ttl]
    if (type === 'string') return [CHANGED, ttl]
    if (read === undefined) return [unreadable(name, String(type)), ttl]
    if (read[0] !== null) return [read[0].message.startsWith('WRONGTYPE') ? CHANGED : read[0], ttl]
    return [readers[i].value(read[1] as readonly Buffer[]), ttl]
  })
}

function unreadable(name: string, type: string): BadRequest {
  const why =
    type === 'stream'
      ? 'which only DUMP copies, and this source has no dumps that can be read'
      : 'which cannot be copied'
  return new BadRequest(`${showKey(name)} is of the type ${type}, ${why}`)
}

function pairs(parts: readonly Buffer[]): [Buffer, Buffer][] {
  const found: [Buffer, Buffer][] = []
  for (let i = 0; i + 1 < parts.length; i += 2) found.push([parts[i], parts[i + 1]])
  return found
}

function scoreOf(score: Buffer): number {
  const text = String(score)
  return Number(text.replace(/inf$/, 'Infinity'))
}
