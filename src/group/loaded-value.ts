// Converts the value that an origin returned to the form that is stored: a string, or an encoded collection.

import { IntegerMembers, RdbWriter } from '../store/rdb/writer.ts'
import { ValueType } from '../store/record.ts'
import { Collection, type Value } from '../store/value.ts'
import { type OriginElement, SortedSet } from './origin.ts'

/** A collection with fewer elements, all of them short, is encoded in one piece. */
const SMALL_COUNT = 128
const SMALL_BYTES = 64

/** @throws TypeError that says what the value is instead, without naming the key */
export function valueFrom(value: unknown): Value | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return Buffer.from(value, 'utf8')
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  // The value of a pending write.
  if (value instanceof Collection) return value
  if (Array.isArray(value)) return listOf(value)
  if (value instanceof Set) return setOf([...value])
  if (value instanceof SortedSet) return sortedSetOf(value)
  if (value instanceof Map) return hashOf([...value])
  if (isPlainObject(value)) return hashOf(Object.entries(value))
  throw new TypeError(describe(value))
}

/** The type of a value in words, for errors. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value !== 'object') return `a ${typeof value}`
  if (Array.isArray(value)) return 'an array'
  const { name } = value.constructor ?? {}
  return typeof name === 'string' && name !== 'Object' && name !== '' ? `an object (${name})` : 'an object'
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Not `instanceof`: the value may come from another realm (`node:vm`).
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function listOf(elements: readonly unknown[]): Collection | null {
  if (elements.length === 0) return null
  const writer = new RdbWriter()
  writer.beginList()
  for (const [i, element] of elements.entries()) {
    const each = bytesOf(element, () => `element ${i} of a list`)
    writer.element(each, 0, each.length)
  }
  return new Collection(ValueType.LIST, writer.finish())
}

function setOf(members: readonly unknown[]): Collection | null {
  // Different values may have the same text: 1 and '1'.
  const byText = new Map<string, Buffer>()
  for (const member of members) {
    const each = bytesOf(member, () => 'a member of a set')
    byText.set(each.toString('latin1'), each)
  }
  if (byText.size === 0) return null
  const writer = new RdbWriter()
  const integers = new IntegerMembers(byText.size)
  const unique = [...byText.values()]
  if (unique.every((each) => integers.add(each, 0, each.length))) writer.integers(integers.sorted())
  else {
    writer.beginSet(unique.length)
    for (const each of unique) writer.element(each, 0, each.length)
  }
  return new Collection(ValueType.SET, writer.finish())
}

/** Fields whose value is null or undefined are left out, as NULL columns are. */
function hashOf(entries: readonly (readonly [unknown, unknown])[]): Collection | null {
  const fields = new Map<string, readonly [field: Buffer, value: Buffer]>()
  for (const [name, value] of entries) {
    if (value === null || value === undefined) continue
    const field = bytesOf(name, () => 'a field of a hash')
    fields.set(field.toString('latin1'), [
      field,
      bytesOf(value, () => `field ${JSON.stringify(String(field))} of a hash`),
    ])
  }
  if (fields.size === 0) return null
  const pairs = [...fields.values()]
  const isSmall =
    pairs.length <= SMALL_COUNT &&
    pairs.every(([field, value]) => field.length <= SMALL_BYTES && value.length <= SMALL_BYTES)
  const writer = new RdbWriter()
  writer.beginHash(pairs.length, isSmall)
  for (const [field, value] of pairs) {
    writer.element(field, 0, field.length)
    writer.element(value, 0, value.length)
  }
  return new Collection(ValueType.HASH, writer.finish())
}

function sortedSetOf({ entries }: SortedSet): Collection | null {
  const members = new Map<string, readonly [member: Buffer, score: number]>()
  for (const [member, score] of entries) {
    const each = bytesOf(member, () => 'a member of a sorted set')
    if (typeof score !== 'number' || Number.isNaN(score))
      throw new TypeError(
        `${Number.isNaN(score) ? 'NaN' : describe(score)} as the score of a member of a sorted set`,
      )
    members.set(each.toString('latin1'), [each, score])
  }
  if (members.size === 0) return null
  const sorted = [...members.values()].sort(([a, aScore], [b, bScore]) =>
    aScore < bScore ? -1 : aScore > bScore ? 1 : Buffer.compare(a, b),
  )
  const isSmall = sorted.length <= SMALL_COUNT && sorted.every(([{ length }]) => length <= SMALL_BYTES)
  const writer = new RdbWriter()
  writer.beginSortedSet(sorted.length, isSmall)
  for (const [member, score] of sorted) {
    writer.scored(member, 0, member.length, score)
  }
  return new Collection(ValueType.SORTED_SET, writer.finish())
}

/** @throws TypeError */
function bytesOf(element: unknown | OriginElement, place: () => string): Buffer {
  if (typeof element === 'string') return Buffer.from(element, 'utf8')
  if (typeof element === 'number' || typeof element === 'bigint' || typeof element === 'boolean')
    return Buffer.from(String(element), 'latin1')
  if (element instanceof Uint8Array)
    return Buffer.from(element.buffer, element.byteOffset, element.byteLength)
  throw new TypeError(`${describe(element)} as ${place()}`)
}
