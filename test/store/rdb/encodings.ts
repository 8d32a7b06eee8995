// The encodings of older and newer versions of Redis, which the server of the tests does not write.

import { RdbType } from '../../../src/store/rdb/format.ts'
import { ListpackBuilder } from '../../../src/store/rdb/packed/listpack.ts'

/** A string with its length before it, uncompressed. */
export function string(text: string | Uint8Array): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  return Buffer.concat([length(bytes.length), bytes])
}

export function length(n: number): Buffer {
  if (n < 0x40) return Buffer.from([n])
  if (n < 0x4000) return Buffer.from([0x40 | (n >> 8), n & 0xff])
  const wide = Buffer.alloc(5, 0x80)
  wide.writeUInt32BE(n, 1)
  return wide
}

/** A number in the form of a length, with all its 64 bits. */
export function uint64(n: bigint): Buffer {
  const bytes = Buffer.alloc(9, 0x81)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, n), 1)
  return bytes
}

export function int64(n: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(n)
  return bytes
}

export function listpack(elements: readonly string[]): Buffer {
  const builder = new ListpackBuilder()
  for (const element of elements) {
    const bytes = Buffer.from(element, 'latin1')
    builder.append(bytes, 0, bytes.length)
  }
  return Buffer.from(builder.finish())
}

function ziplist(elements: readonly string[]): Buffer {
  const entries: Buffer[] = []
  let at = 10
  let previous = 0
  let last = at
  for (const element of elements) {
    const before = previous < 0xfe ? Buffer.from([previous]) : Buffer.alloc(5, 0xfe)
    if (previous >= 0xfe) before.writeUInt32LE(previous, 1)
    const entry = Buffer.concat([before, ziplistEntry(element)])
    last = at
    at += entry.length
    previous = entry.length
    entries.push(entry)
  }
  const header = Buffer.alloc(10)
  header.writeUInt32LE(at + 1, 0)
  header.writeUInt32LE(last, 4)
  header.writeUInt16LE(Math.min(elements.length, 0xffff), 8)
  return Buffer.concat([header, ...entries, Buffer.from([0xff])])
}

function ziplistEntry(element: string): Buffer {
  if (/^(0|-?[1-9]\d{0,17})$/.test(element)) {
    const n = BigInt(element)
    if (n >= 0n && n <= 12n) return Buffer.from([0xf1 + Number(n)])
    for (const [encoding, size] of [
      [0xfe, 1],
      [0xc0, 2],
      [0xf0, 3],
      [0xd0, 4],
    ]) {
      if (BigInt.asIntN(8 * size, n) !== n) continue
      const entry = Buffer.alloc(1 + size, encoding)
      entry.writeIntLE(Number(n), 1, size)
      return entry
    }
    const entry = Buffer.alloc(9, 0xe0)
    entry.writeBigInt64LE(n, 1)
    return entry
  }
  const bytes = Buffer.from(element, 'latin1')
  const n = bytes.length
  if (n < 0x40) return Buffer.concat([Buffer.from([n]), bytes])
  if (n < 0x4000) return Buffer.concat([Buffer.from([0x40 | (n >> 8), n & 0xff]), bytes])
  const head = Buffer.alloc(5, 0x80)
  head.writeUInt32BE(n, 1)
  return Buffer.concat([head, bytes])
}

function zipmap(fields: readonly (readonly [string, string])[], unused = 0): Buffer {
  const size = (n: number): Buffer => {
    if (n < 0xfe) return Buffer.from([n])
    const wide = Buffer.alloc(5, 0xfe)
    wide.writeUInt32LE(n, 1)
    return wide
  }
  const parts = fields.flatMap(([field, value]) => [
    size(field.length),
    Buffer.from(field, 'latin1'),
    size(value.length),
    Buffer.from([unused]),
    Buffer.from(value, 'latin1'),
    Buffer.alloc(unused, 0x55),
  ])
  return Buffer.concat([Buffer.from([Math.min(fields.length, 0xfe)]), ...parts, Buffer.from([0xff])])
}

/** A score before RDB version 8. */
function textScore(score: number): Buffer {
  if (Number.isNaN(score)) return Buffer.from([253])
  if (!Number.isFinite(score)) return Buffer.from([score > 0 ? 254 : 255])
  const digits = Buffer.from(String(score))
  return Buffer.concat([Buffer.from([digits.length]), digits])
}

const body = (type: RdbType, ...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.from([type]), ...parts])

type Fields = readonly (readonly [string, string])[]
type Scores = readonly (readonly [string, number])[]

export const old = {
  list: (elements: readonly string[]): Buffer =>
    body(RdbType.LIST, length(elements.length), ...elements.map(string)),
  ziplistList: (elements: readonly string[]): Buffer => body(RdbType.LIST_ZIPLIST, string(ziplist(elements))),
  quicklist: (nodes: readonly (readonly string[])[]): Buffer =>
    body(RdbType.LIST_QUICKLIST, length(nodes.length), ...nodes.map((node) => string(ziplist(node)))),
  quicklist2: (nodes: readonly (string | readonly string[])[]): Buffer =>
    body(
      RdbType.LIST_QUICKLIST_2,
      length(nodes.length),
      ...nodes.flatMap((node) =>
        typeof node === 'string' ? [length(1), string(node)] : [length(2), string(listpack(node))],
      ),
    ),
  listpackSet: (members: readonly string[]): Buffer => body(RdbType.SET_LISTPACK, string(listpack(members))),
  zipmapHash: (fields: Fields, unused = 0): Buffer =>
    body(RdbType.HASH_ZIPMAP, string(zipmap(fields, unused))),
  ziplistHash: (fields: Fields): Buffer => body(RdbType.HASH_ZIPLIST, string(ziplist(fields.flat()))),
  ziplistSortedSet: (members: Scores): Buffer =>
    body(RdbType.ZSET_ZIPLIST, string(ziplist(members.flat().map(String)))),
  listpackSortedSet: (members: Scores): Buffer =>
    body(RdbType.ZSET_LISTPACK, string(listpack(members.flat().map(String)))),
  textSortedSet: (members: Scores): Buffer =>
    body(
      RdbType.ZSET,
      length(members.length),
      ...members.flatMap(([member, score]) => [string(member), textScore(score)]),
    ),
}
