// The numbers of the RDB format (Redis: rdb.h), and the envelope of a dump.

import { crc64 } from './crc64.ts'

/** The first byte of a dump: the type of the value and how it is encoded. */
export const RdbType = {
  STRING: 0,
  LIST: 1,
  SET: 2,
  ZSET: 3,
  HASH: 4,
  ZSET_2: 5,
  HASH_ZIPMAP: 9,
  LIST_ZIPLIST: 10,
  SET_INTSET: 11,
  ZSET_ZIPLIST: 12,
  HASH_ZIPLIST: 13,
  LIST_QUICKLIST: 14,
  STREAM_LISTPACKS: 15,
  HASH_LISTPACK: 16,
  ZSET_LISTPACK: 17,
  LIST_QUICKLIST_2: 18,
  STREAM_LISTPACKS_2: 19,
  SET_LISTPACK: 20,
  STREAM_LISTPACKS_3: 21,
  HASH_METADATA: 24,
  HASH_LISTPACK_EX: 25,
} as const
export type RdbType = (typeof RdbType)[keyof typeof RdbType]

/** The node of a quicklist is one element, or a listpack of elements. */
export const PLAIN_NODE = 1
export const PACKED_NODE = 2

/** The version of Redis 7.0, which reads no higher one. */
export const RDB_VERSION = 10
/** The version of Redis 7.4 and 8.0: it has fields with deadlines. */
export const TIMED_FIELDS_VERSION = 12
const MAX_RDB_VERSION = TIMED_FIELDS_VERSION

/*
 *   type, 1 byte | value | RDB version, uint16 | CRC-64 of all before it, uint64
 *
 * Both are little-endian.
 */

export const FOOTER_BYTES = 10
const CHECKSUM_BYTES = 8

const checksum = new Int32Array(2)

/** Whether `bytes[start, end)` is a dump of a known version that arrived whole (Redis: `verifyDumpPayload`). */
export function hasValidFooter(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < FOOTER_BYTES || bytes.readUInt16LE(end - FOOTER_BYTES) > MAX_RDB_VERSION) return false
  const at = end - CHECKSUM_BYTES
  crc64(bytes, start, at, checksum)
  return bytes.readInt32LE(at) === checksum[0] && bytes.readInt32LE(at + 4) === checksum[1]
}

/** Writes the footer of the dump `bytes[0, end)` behind it. */
export function writeFooter(bytes: Buffer, end: number, version: number = RDB_VERSION): void {
  const at = bytes.writeUInt16LE(version, end)
  crc64(bytes, 0, at, checksum)
  bytes.writeInt32LE(checksum[0], at)
  bytes.writeInt32LE(checksum[1], at + 4)
}
