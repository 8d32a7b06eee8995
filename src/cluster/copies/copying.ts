// Hot copies between nodes: fetches copies of keys that are read often here, and on writes invalidates other nodes' copies
// and sends them the new values.

import type { Timers } from '../../bytes/clock.ts'
import type { Hash, Hasher } from '../../bytes/hash.ts'
import type { Instant } from '../../bytes/instant.ts'
import { type Copies, defaultCopyPolicy } from '../../group/copies/copies.ts'
import { CopyDirectory, type CopyUpdates } from '../../group/copies/directory.ts'
import { FrequencySketch } from '../../group/copies/frequency-sketch.ts'
import { ReadCounts } from '../../group/copies/read-counts.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { Collection, copyValue, receivedValue, type Value } from '../../store/value.ts'
import { encodeRequest, parseReplies, type Reply } from '../links/request.ts'

/** A connection of another node, to which this one can push. */
export interface Holder {
  push(bytes: Buffer): void
  /** Bytes that it has not read. */
  readonly outputBufferBytes: number
}

export interface HotCopiesOptions {
  readonly groups: readonly Group[]
  readonly instant: Instant
  readonly hasher: Hasher
  readonly timers: Timers
  /** The fraction of each group's budget that copies may take; 0: there are no copies. */
  readonly fraction: number
  readonly maxAgeMs: number
  /** Asks the owner for a copy, and for up to `updates` new values after writes. */
  readonly fetch: (owner: string, group: Group, key: Buffer, updates: number) => Promise<Reply>
  /** Runs a function once the requests of this callback have run; by default after the callback. */
  readonly soon?: (run: () => void) => void
}

/** A value that the owner lets another node keep. */
export interface GrantedCopy {
  readonly value: Value
  /** How long it may be kept, ms. */
  readonly remainingMs: number
  /** The version of the last write before it was read. */
  readonly version: number
}

/** One of eight reads is counted. A key with HOT_COUNT counted reads is hot: about 60 reads per second. */
const SAMPLE_MASK = 7
const HOT_COUNT = 4

/**
 * An update costs the two nodes about as much as it saves if this many reads are not forwarded: 16 in long pipelines,
 * fewer in short ones. A key that is read less often between writes is not updated, and not copied for a while.
 */
const READS_PER_UPDATE = 16
/** The first updates, before it is known how often a key is read, and the most in one lease. */
const MIN_UPDATES = 4
const MAX_UPDATES = 100_000

/** Larger values are not sent after a write: holders fetch them again when they are read. */
const MAX_UPDATE_BYTES = 16 * 1024
/** A holder with more unread bytes is not sent new values. */
const MAX_UNREAD_BYTES = 256 * 1024

export class HotCopies {
  readonly #options: HotCopiesOptions
  readonly #sketch: FrequencySketch
  /** The counted reads of each key since its last fetch. */
  readonly #counts: ReadCounts
  readonly #updates: CopyUpdates<Holder>
  #reads = 0
  readonly #directories = new Map<Group, CopyDirectory<Holder>>()

  constructor(options: HotCopiesOptions) {
    this.#options = options
    this.#sketch = new FrequencySketch(options.instant, { threshold: HOT_COUNT })
    this.#counts = new ReadCounts(options.instant)
    this.#updates = {
      soon: options.soon ?? ((run) => process.nextTick(run)),
      encode: (group, key, version) => this.#encodeUpdate(group, key, version),
      send: sendUpdate,
    }
    this.groupsChanged()
  }

  /** Groups, or their policies, have changed. */
  groupsChanged(): void {
    const { groups, fraction, maxAgeMs, hasher, timers } = this.#options
    // None for groups with `onPartition: 'refuse'`: an invalidation may be lost with a link, so a copy may be older
    // than a write for a moment.
    const copied = new Set(groups.filter(({ refuses }) => !refuses))
    for (const [group, directory] of this.#directories) {
      if (copied.has(group)) continue
      directory.flushed()
      group.disableCopies()
      this.#directories.delete(group)
    }
    for (const group of copied) {
      if (this.#directories.has(group)) continue
      if (fraction > 0) group.enableCopies({ ...defaultCopyPolicy, share: fraction, maxAgeMs })
      const notify = sendInvalidation
      const directory = new CopyDirectory(group, { maxAgeMs, hasher, timers, notify, updates: this.#updates })
      this.#directories.set(group, directory)
    }
  }

  /** Whether this node has a copy of the key of argument `i`, which `owner` owns. If not, it may start to fetch one. */
  serve(group: Group, args: Args, i: number, owner: string): boolean {
    const { copies } = group
    if (copies === undefined) return false
    const { buf } = args
    const start = args.start[i]
    const end = args.end[i]
    // Reads of a copy are counted too, so that its key stays hot. Hashing is the largest cost here.
    const isCounted = (++this.#reads & SAMPLE_MASK) === 0
    const hasCopies = copies.store !== undefined
    if (!isCounted && !hasCopies) return false
    const { hasher } = this.#options
    const hash = hasher.hash(buf, start, end)
    const isHot = isCounted && this.#sketch.touch(hash)
    if (isCounted) this.#counts.count(hash)
    if (hasCopies) {
      // The hash is used twice: to find the copy now, and to read it later.
      hasher.prime(buf, start, end, hash)
      const ref = copies.find(buf, start, end)
      if (ref !== NULL_REF) {
        group.hits++
        if (isHot && copies.isAging(ref)) this.#fetch(group, buf, start, end, hash, owner)
        return true
      }
      hasher.forget()
    }
    if (isHot) this.#fetch(group, buf, start, end, hash, owner)
    return false
  }

  /** This node is about to forward a write of a key to its owner: drops its own copy. See also `Cluster.keepsCopy`. */
  beforeForwardedWrite(group: Group, args: Args, i: number): void {
    group.copies?.drop(args.buf, args.start[i], args.end[i])
  }

  /** The link over which copies of this owner came is closed: no invalidation of them will arrive. */
  linkLost(owner: string): void {
    for (const { copies } of this.#options.groups) copies?.dropOwner(owner)
  }

  /** The view has changed: all copies are dropped. */
  dropAll(): void {
    for (const { copies } of this.#options.groups) copies?.dropAll()
  }

  /** Handles a push: an invalidation of a key, or of the whole group if it has none; or the new value of a key. */
  handlePush(frame: Buffer): void {
    const parts = partsOf(frame)
    if (parts === undefined) return
    const [kind, name, key, version, bytes, type] = parts
    const copies = this.#options.groups.find((each) => each.name === String(name))?.copies
    if (copies === undefined) return
    if (String(kind) === 'update') {
      if (!Buffer.isBuffer(key) || !Buffer.isBuffer(bytes)) return
      const value = receivedValue(bytes, type === undefined ? undefined : Number(type))
      if (value !== undefined) copies.update(key, value, Number(version))
    } else if (String(kind) === 'invalidate') {
      if (!Buffer.isBuffer(key)) copies.dropAll()
      else this.#written(copies, key, version === undefined ? undefined : Number(version))
    }
  }

  /**
   * The owner is about to write a key. Without a version the copy is dropped. If it was read too rarely to be worth its
   * cost, the key is not copied again for a while.
   */
  #written(copies: Copies, key: Buffer, version: number | undefined): void {
    const hash = this.#options.hasher.hash(key, 0, key.length)
    this.#counts.countWrite(hash)
    if (version !== undefined) {
      copies.invalidate(key, version)
      return
    }
    copies.drop(key, 0, key.length)
    const reads = this.#counts.of(hash) * (SAMPLE_MASK + 1)
    if (reads < this.#counts.writesOf(hash) * READS_PER_UPDATE) copies.backOff(key, this.#options.maxAgeMs)
  }

  /** The copy of an own key that `holder` may keep; `undefined`: none. */
  grant(
    holder: Holder,
    group: Group,
    bytes: Buffer,
    start: number,
    end: number,
    updates = 0,
  ): GrantedCopy | undefined {
    const { store } = group
    const ref = store.peek(bytes, start, end)
    if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return undefined
    const directory = this.#directories.get(group)
    const mayKeep = directory?.add(bytes, start, end, holder, updates) ?? 0
    if (directory === undefined || mayKeep === 0) return undefined
    const deadline = store.records.deadline(ref)
    const left = deadline === 0 ? mayKeep : deadline - this.#options.instant.now
    // A stale value: only the owner can decide whether it may still be served.
    if (left < 0) return undefined
    const { version } = directory
    return { value: copyValue(store, ref), remainingMs: Math.min(mayKeep, left), version }
  }

  /** This node has lost slots. Their new owners do not know which nodes hold copies, so all copies are invalidated. */
  recallAll(): void {
    for (const directory of this.#directories.values()) directory.flushed()
  }

  /** The directory of copies that other nodes hold of a group's keys. */
  directoryOf(group: Group): CopyDirectory<Holder> | undefined {
    return this.#directories.get(group)
  }

  /** A connection of another node was closed. */
  connectionClosed(holder: Holder): void {
    for (const directory of this.#directories.values()) directory.connectionClosed(holder)
  }

  #fetch(group: Group, bytes: Buffer, start: number, end: number, hash: Hash, owner: string): void {
    const { copies } = group
    const ticket = copies?.begin(bytes, start, end, owner)
    if (copies === undefined || ticket === undefined) return
    const { maxAgeMs, fetch } = this.#options
    const reads = this.#counts.restart(hash, maxAgeMs) * (SAMPLE_MASK + 1)
    const updates = Math.min(MAX_UPDATES, Math.max(MIN_UPDATES, Math.floor(reads / READS_PER_UPDATE)))
    fetch(owner, group, ticket.key, updates).then(
      (reply) => {
        const [bytes, remainingMs, type, version] = Array.isArray(reply) ? reply : []
        const value = Buffer.isBuffer(bytes) ? receivedValue(bytes, type ?? undefined) : undefined
        if (value !== undefined && typeof remainingMs === 'number')
          copies.install(ticket, value, remainingMs, typeof version === 'number' ? version : 0)
        else copies.cancel(ticket)
      },
      () => copies.cancel(ticket),
    )
  }

  /** The message with the current value of an own key; `undefined`: holders have to fetch it if they still need it. */
  #encodeUpdate({ name, store }: Group, key: Buffer, version: number): Buffer | undefined {
    const ref = store.peek(key, 0, key.length)
    if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return undefined
    // A holder does not know how long the message takes, so the value must live longer than every lease.
    const deadline = store.records.deadline(ref)
    const { instant, maxAgeMs } = this.#options
    if (deadline !== 0 && deadline - instant.now < maxAgeMs) return undefined
    if (store.bytesOf(ref) > MAX_UPDATE_BYTES) return undefined
    const value = copyValue(store, ref)
    const head = ['update', name, key, String(version)]
    return pushOf(value instanceof Collection ? [...head, value.dump, String(value.type)] : [...head, value])
  }
}

const ARRAY = Buffer.from('*')
const PUSH = 0x3e

/** A push is encoded as an array, except for its first byte. `undefined`: malformed. */
function partsOf(frame: Buffer): Reply[] | undefined {
  try {
    const [parts] = parseReplies(Buffer.concat([ARRAY, frame.subarray(1)]))
    return Array.isArray(parts) ? parts : undefined
  } catch {
    return undefined
  }
}

function pushOf(parts: readonly (string | Buffer)[]): Buffer {
  const request = encodeRequest(parts)
  request[0] = PUSH
  return request
}

function sendInvalidation(holder: Holder, group: string, key: Buffer | undefined, version?: number): void {
  const parts = key === undefined ? ['invalidate', group] : ['invalidate', group, key]
  holder.push(pushOf(version === undefined ? parts : [...parts, String(version)]))
}

function sendUpdate(holder: Holder, update: Buffer): boolean {
  if (holder.outputBufferBytes > MAX_UNREAD_BYTES) return false
  holder.push(update)
  return true
}
