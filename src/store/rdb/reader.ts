// Reads the value of a dump, element by element. For any input it terminates, allocates memory in proportion to it, and
// does not throw (Redis: `rdbLoadObject` with sanitization).

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { parseDouble } from '../../bytes/numbers/double.ts'
import { ByteRange } from './byte-range.ts'
import { PACKED_NODE, PLAIN_NODE, RdbType } from './format.ts'
import { Input, MALFORMED } from './input.ts'
import { IntsetElements } from './packed/intset.ts'
import { type Elements, ListpackElements } from './packed/listpack.ts'
import { ZiplistElements } from './packed/ziplist.ts'
import { ZipmapElements } from './packed/zipmap.ts'
import type { RdbSink } from './sink.ts'
import { readStream } from './stream/reader.ts'

/** Redis: `EB_EXPIRE_TIME_MAX`. */
const MAX_FIELD_DEADLINE = 2 ** 48 - 2

/**
 * Reads `bytes[start, end)`: the type and the value of a dump, without its footer. Bytes after the value are ignored, as
 * in Redis.
 *
 * @returns false: the value is malformed or empty, or the sink refused it. The sink may have taken a part of it.
 */
export function readValue(bytes: Buffer, start: number, end: number, sink: RdbSink): boolean {
  try {
    return new Reader(new Input(bytes, start, end), sink).read()
  } catch (error) {
    if (error === MALFORMED) return false
    throw error
  }
}

class Reader {
  readonly #input: Input
  readonly #sink: RdbSink
  readonly #first = new ByteRange()
  readonly #second = new ByteRange()
  /** Holds the packed strings that elements are read from. */
  readonly #packed = new ByteRange()

  constructor(input: Input, sink: RdbSink) {
    this.#input = input
    this.#sink = sink
  }

  read(): boolean {
    const type = this.#input.byte()
    switch (type) {
      case RdbType.STRING:
        this.#input.string(this.#first)
        return this.#sink.string(this.#first)
      case RdbType.LIST:
      case RdbType.SET:
        return this.#elements(type === RdbType.LIST ? 'list' : 'set')
      case RdbType.HASH:
        return this.#hash()
      case RdbType.ZSET:
      case RdbType.ZSET_2:
        return this.#sortedSet(type === RdbType.ZSET_2)
      case RdbType.LIST_QUICKLIST:
      case RdbType.LIST_QUICKLIST_2:
        return this.#quicklist(type === RdbType.LIST_QUICKLIST_2)
      case RdbType.LIST_ZIPLIST:
        return this.#sink.begin('list', 0) && this.#packedElements(new ZiplistElements(this.#open()))
      case RdbType.SET_INTSET:
        return this.#sink.begin('set', 0) && this.#packedElements(new IntsetElements(this.#open()))
      case RdbType.SET_LISTPACK:
        return this.#sink.begin('set', 0) && this.#packedElements(new ListpackElements(this.#open()))
      case RdbType.HASH_ZIPMAP:
        return this.#packedHash(new ZipmapElements(this.#open()))
      case RdbType.HASH_ZIPLIST:
        return this.#packedHash(new ZiplistElements(this.#open()))
      case RdbType.HASH_LISTPACK:
        return this.#packedHash(new ListpackElements(this.#open()))
      case RdbType.HASH_METADATA:
        return this.#timedHash()
      case RdbType.HASH_LISTPACK_EX:
        return this.#packedTimedHash()
      case RdbType.ZSET_ZIPLIST:
        return this.#packedSortedSet(new ZiplistElements(this.#open()))
      case RdbType.ZSET_LISTPACK:
        return this.#packedSortedSet(new ListpackElements(this.#open()))
      case RdbType.STREAM_LISTPACKS:
      case RdbType.STREAM_LISTPACKS_2:
      case RdbType.STREAM_LISTPACKS_3:
        return readStream(this.#input, type, this.#sink)
      default:
        return false
    }
  }

  #elements(type: 'list' | 'set'): boolean {
    const count = this.#input.count()
    if (count === 0 || !this.#sink.begin(type, count)) return false
    for (let i = 0; i < count; i++) {
      this.#input.string(this.#first)
      if (!this.#sink.element(this.#first)) return false
    }
    return true
  }

  #hash(): boolean {
    const count = this.#input.count()
    if (count === 0 || !this.#sink.begin('hash', count)) return false
    for (let i = 0; i < count; i++) {
      this.#input.string(this.#first)
      this.#input.string(this.#second)
      if (!this.#sink.field(this.#first, this.#second, 0)) return false
    }
    return true
  }

  #sortedSet(isBinary: boolean): boolean {
    const count = this.#input.count()
    if (count === 0 || !this.#sink.begin('zset', count)) return false
    for (let i = 0; i < count; i++) {
      this.#input.string(this.#first)
      const score = isBinary ? this.#input.double() : this.#input.textDouble()
      if (Number.isNaN(score) || !this.#sink.scored(this.#first, score)) return false
    }
    return true
  }

  /** The nodes of a quicklist; before version 2 they are ziplists. An empty node is skipped, an empty list is refused. */
  #quicklist(isSecond: boolean): boolean {
    const nodes = this.#input.count()
    if (!this.#sink.begin('list', 0)) return false
    let isEmpty = true
    for (let i = 0; i < nodes; i++) {
      const container = isSecond ? this.#input.length() : PACKED_NODE
      if (container !== PLAIN_NODE && container !== PACKED_NODE) return false
      const node = this.#open()
      if (node.length === 0) return false
      if (container === PLAIN_NODE) {
        if (!this.#sink.element(node)) return false
        isEmpty = false
      } else {
        const elements = isSecond ? new ListpackElements(node) : new ZiplistElements(node)
        while (elements.next(this.#first)) {
          if (!this.#sink.element(this.#first)) return false
          isEmpty = false
        }
      }
    }
    return !isEmpty
  }

  /** Reads a string that elements are packed into. */
  #open(): ByteRange {
    this.#input.string(this.#packed)
    return this.#packed
  }

  #packedElements(elements: Elements): boolean {
    let count = 0
    for (; elements.next(this.#first); count++) if (!this.#sink.element(this.#first)) return false
    return count > 0
  }

  #packedHash(elements: Elements): boolean {
    if (!this.#sink.begin('hash', 0)) return false
    let count = 0
    for (; elements.next(this.#first); count++) {
      if (!elements.next(this.#second) || !this.#sink.field(this.#first, this.#second, 0)) return false
    }
    return count > 0
  }

  /** The earliest deadline, and before each field its own one, relative to that. */
  #timedHash(): boolean {
    const first = Number(this.#input.int64())
    const count = this.#input.count()
    if (count === 0 || !this.#sink.begin('hash', count)) return false
    for (let i = 0; i < count; i++) {
      const deadline = this.#input.length()
      this.#input.string(this.#first)
      this.#input.string(this.#second)
      if (!this.#timedField(deadline === 0 ? 0 : deadline + first - 1)) return false
    }
    return true
  }

  /** The earliest deadline, and fields, values and deadlines in turn. */
  #packedTimedHash(): boolean {
    this.#input.int64()
    const elements = new ListpackElements(this.#open())
    const deadline = new ByteRange()
    if (!this.#sink.begin('hash', 0)) return false
    let count = 0
    for (; elements.next(this.#first); count++) {
      if (!elements.next(this.#second) || !elements.next(deadline)) return false
      if (!this.#timedField(parseInteger(deadline.bytes, deadline.start, deadline.end))) return false
    }
    return count > 0
  }

  #timedField(deadline: number): boolean {
    const isValid = deadline >= 0 && deadline <= MAX_FIELD_DEADLINE
    return isValid && this.#sink.field(this.#first, this.#second, deadline)
  }

  #packedSortedSet(elements: Elements): boolean {
    if (!this.#sink.begin('zset', 0)) return false
    let count = 0
    for (; elements.next(this.#first); count++) {
      if (!elements.next(this.#second)) return false
      const { bytes, start, end } = this.#second
      const score = parseDouble(bytes, start, end)
      if (Number.isNaN(score) || !this.#sink.scored(this.#first, score)) return false
    }
    return count > 0
  }
}
