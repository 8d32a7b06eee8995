// An entry as bytes, to be moved to another node whose clock may show another time.

import { NULL_REF, type Ref } from './arena.ts'
import { EXPIRES, FRESHNESS, FreshnessWindows, LOADED, tagFlags, ValueType } from './record.ts'
import type { Store } from './store.ts'
import { EntryTags, MAX_TAGS } from './validity/tags.ts'

/*
 *   0 | version | 1 | type | 2 | flags | 3 | 0 |
 *   4 | length of the value, uint32 |                                      numbers are little-endian
 *   HAS_DEADLINE: remaining life in ms, int64
 *   HAS_ORIGIN:   ms since the origin gave it, int64 | how long that took, ms, int32
 *   HAS_NOTES:    windows in ms: lead, while it is loaded anew, when that fails, kept; bytes of notes; all int32; notes
 *   HAS_TAGS:     number of tags, int32 | ms since their invalidation counts, int64 | their hashes, int32 each
 *   value bytes
 *   IS_DOUBTFUL: the node that gave it does not hear any more what changes at the source
 *
 * Times are relative to the moment of the dump. The key goes beside it.
 */

const VERSION = 1
const HEADER_BYTES = 8
const DEADLINE_BYTES = 8
const ORIGIN_BYTES = 12
const WINDOW_BYTES = 20
const windows = new FreshnessWindows()
const TAG_BYTES = 4
const TAGS_BYTES = 12
const tagging = new EntryTags()

/**
 * The clock of the dump's receiver starts where the dump arrives: an entry counts as older by more than it travels, so
 * that an invalidation that it has met on its way is not missed.
 */
const MAX_TRANSFER_MS = 10_000

const HAS_DEADLINE = 1
const HAS_ORIGIN = 2
const IS_RAW = 4
const HAS_FRESHNESS = 8
const HAS_TAGS = 16
const NO_NOTIFICATIONS = 32
const ALL_FLAGS = HAS_DEADLINE | HAS_ORIGIN | IS_RAW | HAS_FRESHNESS | HAS_TAGS | NO_NOTIFICATIONS

/** The last deadline that a record can have. */
const FOREVER = 2n ** 63n - 1n

export function dumpEntry(store: Store, ref: Ref): Buffer {
  const { records } = store
  const deadline = records.exactDeadline(ref)
  const loaded = (records.flags(ref) & LOADED) !== 0
  records.locate(ref)
  const { bytes, valueStart, valueEnd } = records
  const expiring = deadline !== 0n
  const isNoted = expiring && records.hasFreshness(ref)
  const notes = store.validity.validator(ref)
  const noted = isNoted ? WINDOW_BYTES + notes.length : 0
  records.readTags(ref, tagging)
  const tagged = tagging.count === 0 ? 0 : TAGS_BYTES + TAG_BYTES * tagging.count
  const head = HEADER_BYTES + (expiring ? DEADLINE_BYTES : 0) + (loaded ? ORIGIN_BYTES : 0) + noted + tagged
  const dump = Buffer.allocUnsafe(head + valueEnd - valueStart)
  dump[0] = VERSION
  dump[1] = records.type(ref)
  dump[2] =
    (expiring ? HAS_DEADLINE : 0) |
    (loaded ? HAS_ORIGIN : 0) |
    (records.isRaw(ref) ? IS_RAW : 0) |
    (isNoted ? HAS_FRESHNESS : 0) |
    (tagged === 0 ? 0 : HAS_TAGS)
  dump[3] = 0
  dump.writeUInt32LE(valueEnd - valueStart, 4)
  let at = HEADER_BYTES
  if (expiring) at = dump.writeBigInt64LE(deadline - BigInt(Math.floor(store.now)), at)
  if (loaded) {
    at = dump.writeBigInt64LE(BigInt(Math.floor(store.now) - Math.floor(records.loadedAt(ref))), at)
    at = dump.writeInt32LE(records.loadMs(ref), at)
  }
  if (isNoted) {
    records.readWindows(ref, windows)
    for (const ms of [
      windows.refreshAhead,
      windows.staleWhileRevalidate,
      windows.staleIfError,
      windows.retention,
      notes.length,
    ])
      at = dump.writeInt32LE(ms, at)
    at += notes.copy(dump, at)
  }
  if (tagged !== 0) {
    at = dump.writeInt32LE(tagging.count, at)
    at = dump.writeBigInt64LE(BigInt(store.validity.tagEpochs.ageMs(tagging.epoch[0])), at)
    for (let i = 0; i < tagging.count; i++) at = dump.writeInt32LE(tagging.hashes[i], at)
  }
  dump.set(bytes.subarray(valueStart, valueEnd), at)
  return dump
}

/**
 * Stores under a key what `dumpEntry` wrote, as the most recently used entry; nothing if its life has ended, or if the
 * source has changed it since. If that is in doubt, it is stale, or where it cannot be, nothing is stored. False: it is
 * not an entry that this version knows, or alone exceeds the budget; then nothing has changed.
 *
 * @param isDeaf whether this node, too, will doubt what it holds as soon as it hears of changes again
 */
export function restoreEntry(
  store: Store,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
  dump: Buffer,
  isDeaf = false,
): boolean {
  if (dump.length < HEADER_BYTES || dump[0] !== VERSION || dump[3] !== 0) return false
  const type = dump[1]
  const shape = dump[2]
  const expiring = (shape & HAS_DEADLINE) !== 0
  const loaded = (shape & HAS_ORIGIN) !== 0
  const isNoted = (shape & HAS_FRESHNESS) !== 0
  if (isNoted && !(expiring && loaded)) return false
  const notedAt = HEADER_BYTES + (expiring ? DEADLINE_BYTES : 0) + (loaded ? ORIGIN_BYTES : 0)
  if (isNoted && !readWindows(dump, notedAt)) return false
  const notesLength = isNoted ? dump.readInt32LE(notedAt + 16) : 0
  const taggedAt = isNoted ? notedAt + WINDOW_BYTES + notesLength : notedAt
  const isTagged = (shape & HAS_TAGS) !== 0
  const tagCount = isTagged ? countTags(dump, taggedAt) : 0
  if (isTagged && tagCount === 0) return false
  const valueStart = isTagged ? taggedAt + TAGS_BYTES + TAG_BYTES * tagCount : taggedAt
  if ((shape & ~ALL_FLAGS) !== 0 || dump.length !== valueStart + dump.readUInt32LE(4)) return false
  const raw = (shape & IS_RAW) !== 0
  if (type === ValueType.ABSENT) {
    if (!loaded || !expiring || raw || isNoted || dump.length !== valueStart) return false
  } else if (type !== ValueType.STRING) return false

  const isDoubted = !isDeaf && (shape & NO_NOTIFICATIONS) !== 0
  if (isDoubted && (!isNoted || windows.retention === 0)) return true
  const now = Math.floor(store.now)
  let since = 0
  let deadline = 0n
  let at = HEADER_BYTES
  if (expiring) {
    let remaining = dump.readBigInt64LE(at)
    at += DEADLINE_BYTES
    if (isDoubted && remaining >= 0n) remaining = -1n
    deadline = BigInt(now) + remaining
    if (deadline > FOREVER) deadline = FOREVER
    // A key lives through the millisecond of its deadline.
    if (remaining < (isNoted ? -BigInt(windows.retention) : 0n) || deadline <= 0n) return true
  }
  if (loaded) {
    const loadMs = dump.readInt32LE(at + 8)
    if (loadMs < 0) return false
    const age = Number(dump.readBigInt64LE(at))
    store.loadedAt[0] = Math.min(Math.max(1, now - age), Number.MAX_SAFE_INTEGER)
    store.loadMs = loadMs
    since = Math.max(0, age) + loadMs
  }
  if (store.validity.mayHaveChanged(key, keyStart, keyEnd, since + MAX_TRANSFER_MS)) return true
  store.deadline[0] = Number(deadline)
  if (isNoted) {
    Object.assign(store.windows, windows)
    store.newValidator = dump.subarray(taggedAt - notesLength, taggedAt)
  }
  const flags =
    (expiring ? EXPIRES : 0) | (loaded ? LOADED : 0) | (isNoted ? FRESHNESS : 0) | tagFlags(tagCount)
  if (isTagged) readTags(store, dump, taggedAt, tagCount)
  const ref = store.put(key, keyStart, keyEnd, dump, valueStart, dump.length, type, flags)
  if (ref === NULL_REF) return false
  if (raw) store.records.markRaw(ref)
  if (expiring) store.records.setExactDeadline(ref, deadline)
  return true
}

/** 0: they are not what `dumpEntry` writes. */
function countTags(dump: Buffer, at: number): number {
  const count = dump.length < at + TAGS_BYTES ? 0 : dump.readInt32LE(at)
  return count > 0 && count <= MAX_TAGS && dump.length >= at + TAGS_BYTES + TAG_BYTES * count ? count : 0
}

function readTags({ entryTags, validity }: Store, dump: Buffer, at: number, count: number): void {
  entryTags.epoch[0] = validity.tagEpochs.epochBefore(Number(dump.readBigInt64LE(at + 4)) + MAX_TRANSFER_MS)
  entryTags.count = 0
  for (let i = 0; i < count; i++) entryTags.add(dump.readInt32LE(at + TAGS_BYTES + TAG_BYTES * i))
}

/** False: they are not what `dumpEntry` writes. */
function readWindows(dump: Buffer, at: number): boolean {
  if (dump.length < at + WINDOW_BYTES) return false
  windows.refreshAhead = dump.readInt32LE(at)
  windows.staleWhileRevalidate = dump.readInt32LE(at + 4)
  windows.staleIfError = dump.readInt32LE(at + 8)
  windows.retention = dump.readInt32LE(at + 12)
  return Object.values(windows).every((ms) => ms >= 0) && dump.readInt32LE(at + 16) >= 0
}

/** The node that gives the entry away does not hear what changes at the source. */
export function markWithoutNotifications(dump: Buffer): void {
  if ((dump[2] & HAS_ORIGIN) !== 0) dump[2] |= NO_NOTIFICATIONS
}

/** Makes of a dump what it would be had it been made `ms` later. */
export function ageDump(dump: Buffer, ms: number): void {
  let at = HEADER_BYTES
  if ((dump[2] & HAS_DEADLINE) !== 0) at = dump.writeBigInt64LE(dump.readBigInt64LE(at) - BigInt(ms), at)
  if ((dump[2] & HAS_ORIGIN) !== 0) {
    dump.writeBigInt64LE(dump.readBigInt64LE(at) + BigInt(ms), at)
    at += ORIGIN_BYTES
  }
  if ((dump[2] & HAS_TAGS) === 0) return
  if ((dump[2] & HAS_FRESHNESS) !== 0) at += WINDOW_BYTES + dump.readInt32LE(at + 16)
  dump.writeBigInt64LE(dump.readBigInt64LE(at + 4) + BigInt(ms), at + 4)
}

/** Whether a record is what it was when it was dumped, `deadline` being its `exactDeadline` then. */
export function isUnchanged(store: Store, ref: Ref, dump: Buffer, deadline: bigint): boolean {
  const { records } = store
  if (records.type(ref) !== dump[1] || records.exactDeadline(ref) !== deadline) return false
  if (records.isRaw(ref) !== ((dump[2] & IS_RAW) !== 0) || !hasTags(store, ref, dump)) return false
  records.locate(ref)
  const { bytes, valueStart, valueEnd } = records
  const length = dump.readUInt32LE(4)
  return (
    length === valueEnd - valueStart &&
    dump.compare(bytes, valueStart, valueEnd, dump.length - length, dump.length) === 0
  )
}

function hasTags({ records }: Store, ref: Ref, dump: Buffer): boolean {
  records.readTags(ref, tagging)
  if ((dump[2] & HAS_TAGS) === 0) return tagging.count === 0
  let at = HEADER_BYTES + ((dump[2] & HAS_DEADLINE) === 0 ? 0 : DEADLINE_BYTES)
  if ((dump[2] & HAS_ORIGIN) !== 0) at += ORIGIN_BYTES
  if ((dump[2] & HAS_FRESHNESS) !== 0) at += WINDOW_BYTES + dump.readInt32LE(at + 16)
  if (dump.readInt32LE(at) !== tagging.count) return false
  for (let i = 0; i < tagging.count; i++)
    if (dump.readInt32LE(at + TAGS_BYTES + TAG_BYTES * i) !== tagging.hashes[i]) return false
  return true
}
