// Plays traces against the store: asks for each key, and stores it after a miss.

import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { NULL_REF } from '../../src/store/arena.ts'
import type { EvictionPolicyFactory } from '../../src/store/eviction/policy.ts'
import { LOADED, ValueType } from '../../src/store/record.ts'
import { Store } from '../../src/store/store.ts'
import type { Played } from './figures.ts'
import type { ReferenceFactory } from './reference/policy.ts'
import type { Trace } from './traces.ts'

/** The bytes of a key, and of a value where all have one size: so large that the records are nearly all of the budget. */
const KEY_BYTES = 8
const VALUE_BYTES = 1000
/** About what a record takes beside its key and value: header, rounding and its share of the index. */
const OVERHEAD_BYTES = 32

/** Keys that fit; at least one. */
export function entriesAt(trace: Trace, share: number): number {
  return Math.max(1, Math.floor(trace.distinct * share))
}

/** The bytes that a record of a trace with sizes takes. */
function recordBytes(size: number): number {
  return KEY_BYTES + OVERHEAD_BYTES + size
}

/** That share of the bytes which all keys of a trace with sizes take, each as it was first. */
function bytesAt({ ids, sizes, distinct }: Trace, share: number): number {
  const seen = new Uint8Array(distinct)
  let all = 0
  for (let i = 0; i < ids.length; i++) {
    if (seen[ids[i]] === 0) all += recordBytes(sizes?.[i] ?? VALUE_BYTES)
    seen[ids[i]] = 1
  }
  return Math.floor(all * share)
}

/** The hits of a reference policy. */
export function playReference(trace: Trace, share: number, create: ReferenceFactory): number {
  const { ids, sizes, distinct } = trace
  const capacity = sizes === undefined ? entriesAt(trace, share) : bytesAt(trace, share)
  const policy = create(distinct, capacity, capacity / entriesAt(trace, share))
  let hits = 0
  for (let i = 0; i < ids.length; i++)
    if (policy.access(ids[i], sizes === undefined ? 1 : recordBytes(sizes[i]))) hits++
  return hits
}

export function playStore(trace: Trace, share: number, eviction: EvictionPolicyFactory): Played {
  const { name, ids, sizes, distinct, loadMs } = trace
  const keys = keysOf(distinct)
  const largest = sizes === undefined ? VALUE_BYTES : sizes.reduce((most, size) => Math.max(most, size), 0)
  const value = Buffer.alloc(largest, 'x')
  const maxBytes = sizes === undefined ? bytesOf(entriesAt(trace, share), keys, value) : bytesAt(trace, share)
  const store = emptyStore(maxBytes, eviction)
  const flags = loadMs === undefined ? 0 : LOADED
  let hits = 0
  let loadedMs = 0
  const before = process.cpuUsage()
  for (let i = 0; i < ids.length; i++) {
    const at = ids[i] * KEY_BYTES
    if (store.get(keys, at, at + KEY_BYTES) !== NULL_REF) hits++
    else {
      if (loadMs !== undefined) loadedMs += store.loadMs = loadMs[ids[i]]
      put(store, keys, at, value, sizes === undefined ? VALUE_BYTES : sizes[i], flags)
    }
  }
  const { user, system } = process.cpuUsage(before)
  return { trace: name, share, accesses: ids.length, hits, loadedMs, cpuMicros: user + system }
}

/** The bytes that a number of records of one size take in a store. */
function bytesOf(entries: number, keys: Buffer, value: Buffer): number {
  const store = emptyStore(2 ** 40, undefined)
  for (let id = 0; id < entries; id++) put(store, keys, id * KEY_BYTES, value, VALUE_BYTES, 0)
  // Half a record more: for what a policy has beside the records, and the unit that a block may be larger.
  return store.usedBytes + VALUE_BYTES / 2
}

function put(store: Store, keys: Buffer, at: number, value: Buffer, bytes: number, flags: number): void {
  store.put(keys, at, at + KEY_BYTES, value, 0, bytes, ValueType.STRING, flags)
}

function emptyStore(maxBytes: number, eviction: EvictionPolicyFactory | undefined): Store {
  return new Store({
    maxBytes,
    hasher: new Hasher({ low: 1, high: 2 }),
    instant: new Instant({ now: () => 0 }),
    ...(eviction && { eviction }),
  })
}

function keysOf(distinct: number): Buffer {
  const keys = Buffer.alloc(distinct * KEY_BYTES)
  for (let id = 0; id < distinct; id++) keys.writeUInt32LE(id, id * KEY_BYTES)
  return keys
}
