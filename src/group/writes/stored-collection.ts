// A collection in the form that `storeCollection` of an origin receives, and the change of it by a write.

import { isUtf8 } from 'node:buffer'
import type { ByteRange } from '../../store/rdb/byte-range.ts'
import { FOOTER_BYTES } from '../../store/rdb/format.ts'
import { readValue } from '../../store/rdb/reader.ts'
import type { RdbSink } from '../../store/rdb/sink.ts'
import { Collection, type Value } from '../../store/value.ts'
import { BadRequest, SortedSet, type StoreChange, type StoredCollection, sortedSet } from '../origin.ts'

/** @throws BadRequest for a stream, and for fields and members that are not UTF-8 */
export function storedCollection({ dump }: Collection): StoredCollection {
  const sink = new PartsSink()
  if (!readValue(dump, 0, dump.length - FOOTER_BYTES, sink) || sink.value === undefined)
    throw new BadRequest(sink.refusal)
  return sink.value
}

/** The change from the value before to the stored one; undefined: it cannot be expressed by elements. */
export function changeOf(
  before: Value | null | undefined,
  stored: StoredCollection,
): StoreChange | undefined {
  if (before === undefined) return undefined
  const old = before instanceof Collection ? storedCollection(before) : undefined
  if (before !== null && old === undefined) return undefined
  if (stored instanceof Map) return hashChange(old, stored)
  if (stored instanceof Set) return setChange(old, stored)
  return stored instanceof SortedSet ? sortedSetChange(old, stored) : undefined
}

/** The same if the origin has one of several values: a change that leads from each of them to the stored one. */
export function changeOfAny(
  befores: readonly (Value | null | undefined)[],
  stored: StoredCollection,
): StoreChange | undefined {
  const [first, ...others] = befores.map((before) => changeOf(before, stored))
  return others.reduce(joined, first)
}

function joined(a: StoreChange | undefined, b: StoreChange | undefined): StoreChange | undefined {
  if (a === undefined || b === undefined) return undefined
  const removed = union(a.removed, b.removed)
  if ('set' in a) return 'set' in b ? { set: new Map([...a.set, ...b.set]), removed } : undefined
  if ('scores' in a)
    return 'scores' in b ? { scores: new Map([...a.scores, ...b.scores]), removed } : undefined
  return 'added' in b ? { added: union(a.added, b.added), removed } : undefined
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])]
}

function hashChange(
  old: StoredCollection | undefined,
  stored: ReadonlyMap<string, Buffer>,
): StoreChange | undefined {
  if (old !== undefined && !(old instanceof Map)) return undefined
  const fields: ReadonlyMap<string, Buffer> = old ?? new Map()
  const set = new Map([...stored].filter(([field, value]) => fields.get(field)?.equals(value) !== true))
  return { set, removed: [...fields.keys()].filter((field) => !stored.has(field)) }
}

function setChange(old: StoredCollection | undefined, stored: ReadonlySet<string>): StoreChange | undefined {
  if (old !== undefined && !(old instanceof Set)) return undefined
  const members: ReadonlySet<string> = old ?? new Set()
  return {
    added: [...stored].filter((member) => !members.has(member)),
    removed: [...members].filter((member) => !stored.has(member)),
  }
}

function sortedSetChange(old: StoredCollection | undefined, stored: SortedSet): StoreChange | undefined {
  if (old !== undefined && !(old instanceof SortedSet)) return undefined
  const scores = scoresOf(stored)
  const oldScores = old === undefined ? new Map<string, number>() : scoresOf(old)
  return {
    scores: new Map([...scores].filter(([member, score]) => oldScores.get(member) !== score)),
    removed: [...oldScores.keys()].filter((member) => !scores.has(member)),
  }
}

/** The members of a stored sorted set are text. */
function scoresOf({ entries }: SortedSet): Map<string, number> {
  return new Map([...entries].map(([member, score]) => [String(member), score]))
}

const NOT_UTF8 =
  'a field or member that is not UTF-8 cannot be written to the origin: encode it as text, or set `write` of the group to `around`'
const STREAM = 'a stream cannot be written to the origin: set `write` of the group to `around`'

/** Collects the parts of a collection. */
class PartsSink implements RdbSink {
  value: StoredCollection | undefined
  /** The error if the dump gives no value. */
  refusal = 'a dump of a collection is malformed'
  #add: (text: ByteRange, value: ByteRange | undefined, score: number) => boolean = () => false

  string(): boolean {
    return false
  }

  begin(type: 'list' | 'set' | 'hash' | 'zset' | 'stream'): boolean {
    if (type === 'list') {
      const elements: Buffer[] = []
      this.value = elements
      this.#add = (element) => elements.push(copied(element)) > 0
    } else if (type === 'set') {
      const members = new Set<string>()
      this.value = members
      this.#add = (member) => this.#named(member, (name) => members.add(name))
    } else if (type === 'hash') {
      const fields = new Map<string, Buffer>()
      this.value = fields
      this.#add = (field, value) =>
        value !== undefined && this.#named(field, (name) => fields.set(name, copied(value)))
    } else if (type === 'zset') {
      const members: [string, number][] = []
      this.value = sortedSet(members)
      this.#add = (member, _, score) => this.#named(member, (name) => members.push([name, score]))
    } else this.refusal = STREAM
    return type !== 'stream'
  }

  element(element: ByteRange): boolean {
    return this.#add(element, undefined, 0)
  }

  field(field: ByteRange, value: ByteRange): boolean {
    return this.#add(field, value, 0)
  }

  scored(member: ByteRange, score: number): boolean {
    return this.#add(member, undefined, score)
  }

  #named({ bytes, start, end }: ByteRange, use: (name: string) => unknown): boolean {
    if (isUtf8(bytes.subarray(start, end))) {
      use(bytes.toString('utf8', start, end))
      return true
    }
    this.refusal = NOT_UTF8
    return false
  }

  // The parts of a stream, which `begin` refuses.

  entry(): boolean {
    return false
  }

  stream(): boolean {
    return false
  }

  group(): boolean {
    return false
  }

  pending(): boolean {
    return false
  }

  consumer(): boolean {
    return false
  }

  owned(): boolean {
    return false
  }
}

function copied({ bytes, start, end }: ByteRange): Buffer {
  return Buffer.from(bytes.subarray(start, end))
}
