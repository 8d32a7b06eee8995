// The patterns of BY and GET: which value belongs to an element (Redis: `lookupKeyByPattern`).

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'

const STAR = 0x2a
const HASH = 0x23
const ARROW = '->'

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
  readonly #prefix: Buffer
  readonly #suffix: Buffer
  /** `undefined`: the key holds a string. */
  readonly #field: Buffer | undefined

  constructor(text: Buffer) {
    const star = text.indexOf(STAR)
    const arrow = star < 0 ? -1 : text.indexOf(ARROW, star + 1)
    const hasField = arrow >= 0 && arrow + ARROW.length < text.length
    this.isElement = text.length === 1 && text[0] === HASH
    this.hasStar = star >= 0
    this.#prefix = text.subarray(0, Math.max(0, star))
    this.#suffix = text.subarray(star + 1, hasField ? arrow : undefined)
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
    const key = Buffer.concat([this.#prefix, bytes.subarray(start, end), this.#suffix])
    const ref = c.client.noTouch ? store.peek(key, 0, key.length) : store.get(key, 0, key.length)
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
}
