// The patterns of BY and GET: which value belongs to an element (Redis: `lookupKeyByPattern`).

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'

const STAR = 0x2a
const HASH = 0x23
const ARROW = '->'
/** Room for elements, at first. */
const ROOM = 64
/** Up to here a loop copies faster than a call. */
const SHORT = 32

/** The bytes that a lookup found. Valid until the next one, and until the store changes. */
export class Found {
  bytes: Buffer = Buffer.alloc(0)
  start = 0
  end = 0

  set(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes
    this.start = start
    this.end = end
  }
}

/** `weight_*` is the string of the key with the element in place of the star; `object_*->field` a field of a hash. */
export class Pattern {
  /** The pattern is `#`: the element itself. */
  readonly isElement: boolean
  /** Without a star it finds nothing. */
  readonly hasStar: boolean
  readonly #prefixLength: number
  readonly #suffix: Buffer
  /** The name of the key: the prefix, then an element and the suffix. */
  #key: Buffer
  /** `undefined`: the key holds a string. */
  readonly #field: Buffer | undefined

  constructor(text: Buffer) {
    const star = text.indexOf(STAR)
    const arrow = star < 0 ? -1 : text.indexOf(ARROW, star + 1)
    const hasField = arrow >= 0 && arrow + ARROW.length < text.length
    this.isElement = text.length === 1 && text[0] === HASH
    this.hasStar = star >= 0
    this.#prefixLength = Math.max(0, star)
    this.#suffix = text.subarray(star + 1, hasField ? arrow : undefined)
    this.#key = Buffer.concat([text.subarray(0, this.#prefixLength)], text.length + ROOM)
    this.#field = hasField ? text.subarray(arrow + ARROW.length) : undefined
  }

  /**
   * Finds the value of an element. Loads nothing: it sees what is cached. False: there is none, or it has another type.
   */
  find(c: Context, bytes: Buffer, start: number, end: number, found: Found): boolean {
    if (this.isElement) {
      found.set(bytes, start, end)
      return true
    }
    if (!this.hasStar) return false
    const { group } = c
    const { store } = group
    const { records } = store
    const length = this.#name(bytes, start, end)
    const key = this.#key
    const ref = c.client.noTouch ? store.peek(key, 0, length) : store.get(key, 0, length)
    if (ref === NULL_REF || records.type(ref) === ValueType.ABSENT || records.isStale(ref, c.instant.ms)) {
      group.misses++
      return false
    }
    group.hits++
    if (this.#field !== undefined) {
      const { hashes } = store
      if (records.type(ref) !== ValueType.HASH || !hashes.get(ref, this.#field, 0, this.#field.length))
        return false
      found.set(hashes.value.bytes, hashes.value.start, hashes.value.end)
      return true
    }
    if (records.type(ref) !== ValueType.STRING) return false
    records.locate(ref)
    found.set(records.bytes, records.valueStart, records.valueEnd)
    return true
  }

  /** Writes the name of the key of an element. Returns its length. */
  #name(bytes: Buffer, start: number, end: number): number {
    const from = this.#prefixLength
    const to = from + end - start
    const length = to + this.#suffix.length
    if (length > this.#key.length) this.#key = Buffer.concat([this.#key.subarray(0, from)], 2 * length)
    const key = this.#key
    if (end - start > SHORT) bytes.copy(key, from, start, end)
    else for (let i = start, at = from; i < end; i++, at++) key[at] = bytes[i]
    this.#suffix.copy(key, to)
    return length
  }
}
