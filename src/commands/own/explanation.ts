// Explains how a read of a key would be answered, and the state of its entry: EXPLAIN for clients, `explain` for
// programs.

import { keySlot } from '../../bytes/crc16.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Flight } from '../../group/flights/flight.ts'
import type { Group } from '../../group/group.ts'
import { tagsOf } from '../../group/tags.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { elementsOf, encodingName, typeName } from '../spec/values/names.ts'

/**
 * The explanation of a read. In a cluster the fields below `source` are the owner's, and `null` if it is unreachable.
 */
export interface Explanation {
  /** The group's name. */
  readonly group: string
  /** The key's slot, 0 to 16383. */
  readonly slot: number
  /** The owner's name, or `self`. */
  readonly owner: string
  /**
   * What would answer a read now: `memory`; `absence` (a negative entry: no value); `flight` (joins the running load);
   * `origin` (starts a load); `nowhere` (no value: the group has no origin). For a key that another node owns: `peer`
   * (forwarded to the owner); `copy` (a hot copy on this node); `moved` (a client is redirected).
   */
  readonly source: 'memory' | 'absence' | 'flight' | 'origin' | 'nowhere' | 'peer' | 'copy' | 'moved'
  /**
   * `fresh`; `stale` (past its TTL, or a change notification may have been missed: served while revalidating, on
   * error, or not at all, as the group says); `absent` (a negative entry); `none` (not cached).
   */
  readonly state: 'fresh' | 'stale' | 'absent' | 'none' | null
  /** The type, as in the reply of TYPE. */
  readonly type: string | null
  /** The encoding, as in the reply of OBJECT ENCODING; `null`: no value is cached. */
  readonly encoding: string | null
  /** The number of elements, fields, members or entries; `null`: no collection is cached. */
  readonly elements: number | null
  /** Milliseconds since the entry was loaded; `null`: it was not loaded. */
  readonly ageMs: number | null
  /** As PTTL: -1 without a TTL, -2 when not cached or stale. For a negative entry, its own TTL. */
  readonly ttlMs: number | null
  /** Bytes that the entry occupies; `null`: not cached. */
  readonly bytes: number | null
  /** How long the load took, in ms; `null`: it was not loaded. */
  readonly loadMs: number | null
  /** Expected milliseconds until a read refreshes it ahead of its expiry; `null`: never. */
  readonly nextRefreshMs: number | null
  /** The number of its tags. Only hashes of tags are stored. */
  readonly tags: number | null
  /** Whether a load of the key is running. */
  readonly flight: 'loading' | 'none' | null
  /** Milliseconds since that load started. */
  readonly flightMs: number | null
  /** How many calls and commands wait for that load. */
  readonly waiters: number | null
  /** The longest time that a read waits for a load, in ms (`maxWait`); `null`: until the load ends. */
  readonly maxWaitMs: number | null
  /** In a cluster: what is wrong with it as seen by the node that was asked, or `none`. */
  readonly problem?: string
  /** For a key that another node owns: what the owner would do, in the words of `source`. */
  readonly ownerSource?: Explanation['source'] | null
}

/** The fields of a key whose owner is this node, in the order of the reply. */
export function explanationOf(group: Group, key: Buffer, instant: Instant): Explanation {
  const { store } = group
  const { records } = store
  const ref = store.peek(key, 0, key.length)
  const isCached = ref !== NULL_REF
  const flight = group.flights?.get(key)
  const isAbsent = isCached && records.type(ref) === ValueType.ABSENT
  const isStale = isCached && records.isStale(ref, instant.ms)
  const loadedAt = isCached ? records.loadedAt(ref) : 0
  const deadline = isCached ? records.deadline(ref) : 0
  const remaining = deadline === 0 ? -1 : Math.min(deadline - instant.now, Number.MAX_SAFE_INTEGER)
  const refreshes = isCached && group.flights !== undefined && deadline !== 0
  return {
    group: group.name,
    slot: keySlot(key, 0, key.length),
    owner: 'self',
    source: sourceOf(group, key, ref, flight),
    state: !isCached ? 'none' : isAbsent ? 'absent' : isStale ? 'stale' : 'fresh',
    type: isCached ? typeName(records.type(ref)) : 'none',
    encoding: isCached && !isAbsent ? encodingName(store, ref) : null,
    elements: isCached ? elementsOf(store, ref) : null,
    ageMs: loadedAt === 0 ? null : Math.max(0, instant.now - loadedAt),
    ttlMs: !isCached || isStale ? -2 : remaining,
    bytes: isCached ? store.bytesOf(ref) : null,
    loadMs: loadedAt === 0 ? null : records.loadMs(ref),
    nextRefreshMs: refreshes ? Math.min(group.nextRefresh(ref, key), Number.MAX_SAFE_INTEGER) : null,
    tags: isCached ? tagsOf(store, ref).length : 0,
    flight: flight === undefined ? 'none' : 'loading',
    flightMs: flight === undefined ? null : Math.max(0, instant.now - flight.startedAt),
    waiters: flight?.waiters.length ?? 0,
    maxWaitMs: group.waitLimit?.maxWaitMs ?? null,
  }
}

/** The fields of a key whose owner cannot be reached, in the order of the reply. */
export const UNKNOWN: Readonly<Record<Exclude<keyof Explanation, 'problem' | 'ownerSource'>, null>> = {
  group: null,
  slot: null,
  owner: null,
  source: null,
  state: null,
  type: null,
  encoding: null,
  elements: null,
  ageMs: null,
  ttlMs: null,
  bytes: null,
  loadMs: null,
  nextRefreshMs: null,
  tags: null,
  flight: null,
  flightMs: null,
  waiters: null,
  maxWaitMs: null,
}

function sourceOf(group: Group, key: Buffer, ref: Ref, flight: Flight | undefined): Explanation['source'] {
  if (ref !== NULL_REF && !group.wouldLoad(key, 0, key.length))
    return group.store.records.type(ref) === ValueType.ABSENT ? 'absence' : 'memory'
  if (flight !== undefined) return 'flight'
  return group.flights === undefined ? 'nowhere' : 'origin'
}
