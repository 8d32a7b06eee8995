// Dumps: an entry as bytes, for transfer to another node whose clock may differ.

import { NULL_REF, type Ref } from '../arena.ts'
import { EXPIRES, FRESHNESS, FreshnessWindows, isCollection, LOADED, tagFlags, ValueType } from '../record.ts'
import type { Store } from '../store.ts'
import { EntryTags, MAX_TAGS } from '../validity/tags.ts'
import { type Collection, copyValue, putValue, receivedValue, type Value } from '../value.ts'

/*
 *   byte 0    version
 *   byte 1    type
 *   byte 2    which optional fields follow
 *   byte 3    0
 *   4 – 7     length of the value, uint32
 *
 *   HAS_DEADLINE    remaining lifetime, ms, int64
 *   HAS_LOAD        age since the load, ms, int64 | duration of the load, ms, int32
 *   HAS_FRESHNESS   refreshAhead, staleWhileRevalidate, staleIfError, retention, ms | length of the validator;
 *                   all int32 | validator bytes
 *   HAS_TAGS        number of tags, int32 | age of the tag epoch, ms, int64 | tag hashes, int32 each
 *   value bytes: of a collection, in the encoding of DUMP; with IN_PARTS the number of its parts, which were sent before
 *
 *   NO_NOTIFICATIONS has no field: the sender was disconnected from the origin's change notifications.
 *
 * Numbers are little-endian. Times are relative to the time of the dump. The key is not part of it.
 */

const VERSION = 1
const HEADER_BYTES = 8
const DEADLINE_BYTES = 8
const LOAD_BYTES = 12
const WINDOW_BYTES = 20
const windows = new FreshnessWindows()
const TAG_BYTES = 4
const TAGS_BYTES = 12
const tags = new EntryTags()

/**
 * The receiver counts ages from the arrival of the dump. It adds this bound on the transfer time, so that an
 * invalidation during the transfer is not missed.
 */
const MAX_TRANSFER_MS = 10_000

const HAS_DEADLINE = 1
const HAS_LOAD = 2
const IS_RAW = 4
const HAS_FRESHNESS = 8
const HAS_TAGS = 16
const NO_NOTIFICATIONS = 32
const IN_PARTS = 64
const ALL_FLAGS = HAS_DEADLINE | HAS_LOAD | IS_RAW | HAS_FRESHNESS | HAS_TAGS | NO_NOTIFICATIONS | IN_PARTS
/** The length of the number of parts. */
const PARTS_BYTES = 4

/** The latest deadline that a record can have. */
const FOREVER = 2n ** 63n - 1n

const NOTHING = Buffer.alloc(0)

/** The value of a record, in the store's own memory, or of a collection its encoding. */
function valueRange(store: Store, ref: Ref): { bytes: Buffer; start: number; end: number } {
  const { records } = store
  if (isCollection(records.type(ref))) {
    const { dump } = copyValue(store, ref) as Collection
    return { bytes: dump, start: 0, end: dump.length }
  }
  records.locate(ref)
  return { bytes: records.bytes, start: records.valueStart, end: records.valueEnd }
}

function numberOfParts(parts: number): { bytes: Buffer; start: number; end: number } {
  const bytes = Buffer.alloc(PARTS_BYTES)
  bytes.writeUInt32LE(parts)
  return { bytes, start: 0, end: PARTS_BYTES }
}

/** In how many parts the value of a dump was sent before; 0: it is in the dump. */
export function partsOf(dump: Buffer): number {
  const isInParts = dump.length >= HEADER_BYTES + PARTS_BYTES && (dump[2] & IN_PARTS) !== 0
  return isInParts ? dump.readUInt32LE(dump.length - PARTS_BYTES) : 0
}

/** `undefined`: malformed. */
function valueOfDump(dump: Buffer, start: number, type: number): Value | undefined {
  const bytes = dump.subarray(start)
  return receivedValue(bytes, type === ValueType.STRING ? undefined : type)
}

/** The dump of a record. If its value was sent in `parts` parts, the dump has everything but the value. */
export function dumpEntry(store: Store, ref: Ref, parts = 0): Buffer {
  const { records } = store
  const deadline = records.exactDeadline(ref)
  const loaded = (records.flags(ref) & LOADED) !== 0
  const { bytes, start, end } = parts === 0 ? valueRange(store, ref) : numberOfParts(parts)
  const expiring = deadline !== 0n
  const hasFreshness = expiring && records.hasFreshness(ref)
  const validator = store.validity.validator(ref)
  const freshnessBytes = hasFreshness ? WINDOW_BYTES + validator.length : 0
  records.readTags(ref, tags)
  const tagBytes = tags.count === 0 ? 0 : TAGS_BYTES + TAG_BYTES * tags.count
  const head =
    HEADER_BYTES + (expiring ? DEADLINE_BYTES : 0) + (loaded ? LOAD_BYTES : 0) + freshnessBytes + tagBytes
  const dump = Buffer.allocUnsafe(head + end - start)
  dump[0] = VERSION
  dump[1] = records.type(ref)
  dump[2] =
    (expiring ? HAS_DEADLINE : 0) |
    (loaded ? HAS_LOAD : 0) |
    (records.isRaw(ref) ? IS_RAW : 0) |
    (hasFreshness ? HAS_FRESHNESS : 0) |
    (tagBytes === 0 ? 0 : HAS_TAGS) |
    (parts === 0 ? 0 : IN_PARTS)
  dump[3] = 0
  dump.writeUInt32LE(end - start, 4)
  let at = HEADER_BYTES
  if (expiring) at = dump.writeBigInt64LE(deadline - BigInt(Math.floor(store.now)), at)
  if (loaded) {
    at = dump.writeBigInt64LE(BigInt(Math.floor(store.now) - Math.floor(records.loadedAt(ref))), at)
    at = dump.writeInt32LE(records.loadMs(ref), at)
  }
  if (hasFreshness) {
    records.readWindows(ref, windows)
    for (const ms of [
      windows.refreshAhead,
      windows.staleWhileRevalidate,
      windows.staleIfError,
      windows.retention,
      validator.length,
    ])
      at = dump.writeInt32LE(ms, at)
    at += validator.copy(dump, at)
  }
  if (tagBytes !== 0) {
    at = dump.writeInt32LE(tags.count, at)
    at = dump.writeBigInt64LE(BigInt(store.validity.tagEpochs.ageMs(tags.epoch[0])), at)
    for (let i = 0; i < tags.count; i++) at = dump.writeInt32LE(tags.hashes[i], at)
  }
  bytes.copy(dump, at, start, end)
  return dump
}

/**
 * Stores the entry of a dump under a key, which counts as an access. An entry that has expired, or that may have
 * changed at the origin since, is dropped. An entry whose sender received no change notifications is stored as stale,
 * or dropped if it may not be served stale.
 *
 * @param isDisconnected whether this node receives no change notifications either: it will invalidate the entry itself
 *   when it reconnects, so the entry is stored unchanged
 * @param arrived stores the value that has arrived in parts, as `Store.put`
 * @returns false when the dump is malformed or of another version, or the entry alone exceeds the budget; then nothing
 *   has changed
 */
export function restoreEntry(
  store: Store,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  dump: Buffer,
  isDisconnected = false,
  arrived?: (flags: number) => Ref,
): boolean {
  if (dump.length < HEADER_BYTES || dump[0] !== VERSION || dump[3] !== 0) return false
  const type = dump[1]
  const contents = dump[2]
  const expiring = (contents & HAS_DEADLINE) !== 0
  const loaded = (contents & HAS_LOAD) !== 0
  const hasFreshness = (contents & HAS_FRESHNESS) !== 0
  if (hasFreshness && !(expiring && loaded)) return false
  const freshnessAt = HEADER_BYTES + (expiring ? DEADLINE_BYTES : 0) + (loaded ? LOAD_BYTES : 0)
  if (hasFreshness && !readWindows(dump, freshnessAt)) return false
  const validatorLength = hasFreshness ? dump.readInt32LE(freshnessAt + 16) : 0
  const tagsAt = hasFreshness ? freshnessAt + WINDOW_BYTES + validatorLength : freshnessAt
  const isTagged = (contents & HAS_TAGS) !== 0
  const tagCount = isTagged ? countTags(dump, tagsAt) : 0
  if (isTagged && tagCount === 0) return false
  const valueStart = isTagged ? tagsAt + TAGS_BYTES + TAG_BYTES * tagCount : tagsAt
  if ((contents & ~ALL_FLAGS) !== 0 || dump.length !== valueStart + dump.readUInt32LE(4)) return false
  const raw = (contents & IS_RAW) !== 0
  if (type === ValueType.ABSENT) {
    if (!loaded || !expiring || raw || hasFreshness || dump.length !== valueStart) return false
  }
  if ((arrived !== undefined) !== ((contents & IN_PARTS) !== 0)) return false
  const isWithout = type === ValueType.ABSENT || arrived !== undefined
  const value = isWithout ? NOTHING : valueOfDump(dump, valueStart, type)
  if (value === undefined) return false

  const isSuspect = !isDisconnected && (contents & NO_NOTIFICATIONS) !== 0
  if (isSuspect && (!hasFreshness || windows.retention === 0)) return true
  const now = Math.floor(store.now)
  let ageMs = 0
  let deadline = 0n
  let at = HEADER_BYTES
  if (expiring) {
    let remaining = dump.readBigInt64LE(at)
    at += DEADLINE_BYTES
    if (isSuspect && remaining >= 0n) remaining = -1n
    deadline = BigInt(now) + remaining
    if (deadline > FOREVER) deadline = FOREVER
    // A key is still valid in the millisecond of its deadline.
    if (remaining < (hasFreshness ? -BigInt(windows.retention) : 0n) || deadline <= 0n) return true
  }
  if (loaded) {
    const loadMs = dump.readInt32LE(at + 8)
    if (loadMs < 0) return false
    const age = Number(dump.readBigInt64LE(at))
    store.loadedAt[0] = Math.min(Math.max(1, now - age), Number.MAX_SAFE_INTEGER)
    store.loadMs = loadMs
    ageMs = Math.max(0, age) + loadMs
  }
  if (store.validity.mayHaveChanged(key, keyStart, keyEnd, ageMs + MAX_TRANSFER_MS)) return true
  store.deadline[0] = Number(deadline)
  if (hasFreshness) {
    Object.assign(store.windows, windows)
    store.newValidator = dump.subarray(tagsAt - validatorLength, tagsAt)
  }
  const flags =
    (expiring ? EXPIRES : 0) | (loaded ? LOADED : 0) | (hasFreshness ? FRESHNESS : 0) | tagFlags(tagCount)
  if (isTagged) readTags(store, dump, tagsAt, tagCount)
  const put = (): Ref =>
    type === ValueType.ABSENT
      ? store.put(key, keyStart, keyEnd, NOTHING, 0, 0, ValueType.ABSENT, flags)
      : putValue(store, key, keyStart, keyEnd, value, flags)
  const ref = arrived === undefined ? put() : arrived(flags)
  if (ref === NULL_REF) return false
  if (raw) store.records.markRaw(ref)
  if (expiring) store.records.setExactDeadline(ref, deadline)
  return true
}

/** The number of tags; 0: the field is malformed. */
function countTags(dump: Buffer, at: number): number {
  const count = dump.length < at + TAGS_BYTES ? 0 : dump.readInt32LE(at)
  return count > 0 && count <= MAX_TAGS && dump.length >= at + TAGS_BYTES + TAG_BYTES * count ? count : 0
}

function readTags({ entryTags, validity }: Store, dump: Buffer, at: number, count: number): void {
  entryTags.epoch[0] = validity.tagEpochs.epochBefore(Number(dump.readBigInt64LE(at + 4)) + MAX_TRANSFER_MS)
  entryTags.count = 0
  for (let i = 0; i < count; i++) entryTags.add(dump.readInt32LE(at + TAGS_BYTES + TAG_BYTES * i))
}

/** False: the field is malformed. */
function readWindows(dump: Buffer, at: number): boolean {
  if (dump.length < at + WINDOW_BYTES) return false
  windows.refreshAhead = dump.readInt32LE(at)
  windows.staleWhileRevalidate = dump.readInt32LE(at + 4)
  windows.staleIfError = dump.readInt32LE(at + 8)
  windows.retention = dump.readInt32LE(at + 12)
  return Object.values(windows).every((ms) => ms >= 0) && dump.readInt32LE(at + 16) >= 0
}

/** Marks a dump whose sender receives no change notifications. */
export function markWithoutNotifications(dump: Buffer): void {
  if ((dump[2] & HAS_LOAD) !== 0) dump[2] |= NO_NOTIFICATIONS
}

/** Adjusts a dump as if it had been made `ms` milliseconds later. */
export function ageDump(dump: Buffer, ms: number): void {
  let at = HEADER_BYTES
  if ((dump[2] & HAS_DEADLINE) !== 0) at = dump.writeBigInt64LE(dump.readBigInt64LE(at) - BigInt(ms), at)
  if ((dump[2] & HAS_LOAD) !== 0) {
    dump.writeBigInt64LE(dump.readBigInt64LE(at) + BigInt(ms), at)
    at += LOAD_BYTES
  }
  if ((dump[2] & HAS_TAGS) === 0) return
  if ((dump[2] & HAS_FRESHNESS) !== 0) at += WINDOW_BYTES + dump.readInt32LE(at + 16)
  dump.writeBigInt64LE(dump.readBigInt64LE(at + 4) + BigInt(ms), at + 4)
}

/** Whether a record still equals its dump. `deadline` is its `exactDeadline` at the time of the dump. */
export function isUnchanged(store: Store, ref: Ref, dump: Buffer, deadline: bigint): boolean {
  const { records } = store
  if (records.type(ref) !== dump[1] || records.exactDeadline(ref) !== deadline) return false
  if (records.isRaw(ref) !== ((dump[2] & IS_RAW) !== 0) || !hasTags(store, ref, dump)) return false
  const { bytes, start, end } = valueRange(store, ref)
  const length = dump.readUInt32LE(4)
  return length === end - start && dump.compare(bytes, start, end, dump.length - length, dump.length) === 0
}

function hasTags({ records }: Store, ref: Ref, dump: Buffer): boolean {
  records.readTags(ref, tags)
  if ((dump[2] & HAS_TAGS) === 0) return tags.count === 0
  let at = HEADER_BYTES + ((dump[2] & HAS_DEADLINE) === 0 ? 0 : DEADLINE_BYTES)
  if ((dump[2] & HAS_LOAD) !== 0) at += LOAD_BYTES
  if ((dump[2] & HAS_FRESHNESS) !== 0) at += WINDOW_BYTES + dump.readInt32LE(at + 16)
  if (dump.readInt32LE(at) !== tags.count) return false
  for (let i = 0; i < tags.count; i++)
    if (dump.readInt32LE(at + TAGS_BYTES + TAG_BYTES * i) !== tags.hashes[i]) return false
  return true
}
