// Hot copies between nodes: fetches copies of keys that are read often here, and invalidates other nodes' copies on writes.

import type { Timers } from '../../bytes/clock.ts'
import type { Hasher } from '../../bytes/hash.ts'
import type { Instant } from '../../bytes/instant.ts'
import { defaultCopyPolicy } from '../../group/copies/copies.ts'
import { CopyDirectory } from '../../group/copies/directory.ts'
import { FrequencySketch } from '../../group/copies/frequency-sketch.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { copyValue, receivedValue, type Value } from '../../store/value.ts'
import { encodeRequest, parseReplies, type Reply } from '../links/request.ts'

/** A connection of another node, to which this one can push. */
export interface Holder {
  push(bytes: Buffer): void
}

export interface HotCopiesOptions {
  readonly groups: readonly Group[]
  readonly instant: Instant
  readonly hasher: Hasher
  readonly timers: Timers
  /** The fraction of each group's budget that copies may take; 0: there are no copies. */
  readonly fraction: number
  readonly maxAgeMs: number
  /** Asks the owner for a copy. */
  readonly fetch: (owner: string, group: Group, key: Buffer) => Promise<Reply>
}

/** A value that the owner lets another node keep. */
export interface GrantedCopy {
  readonly value: Value
  /** For how many ms it may be kept. */
  readonly remainingMs: number
}

/** One of eight reads is counted. A key with HOT_COUNT of them is hot: about 60 reads per second. */
const SAMPLE_MASK = 7
const HOT_COUNT = 4

export class HotCopies {
  readonly #options: HotCopiesOptions
  readonly #sketch: FrequencySketch
  #reads = 0
  readonly #directories = new Map<Group, CopyDirectory<Holder>>()

  constructor(options: HotCopiesOptions) {
    this.#options = options
    this.#sketch = new FrequencySketch(options.instant, { threshold: HOT_COUNT })
    this.groupsChanged()
  }

  /** Groups, or their policies, have changed. */
  groupsChanged(): void {
    const { groups, fraction, maxAgeMs, hasher, timers } = this.#options
    // An invalidation may be lost with a link: a copy may be older than a write for a moment.
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
      const directory = new CopyDirectory(group, { maxAgeMs, hasher, timers, notify: sendInvalidation })
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
    if (hasCopies) {
      // The hash is used to find the copy now and to read it later.
      hasher.prime(buf, start, end, hash)
      if (copies.find(buf, start, end) !== NULL_REF) {
        group.hits++
        return true
      }
      hasher.forget()
    }
    if (isHot) this.#fetch(group, buf, start, end, owner)
    return false
  }

  /** This node is about to forward a write of a key to its owner: drops its own copy. */
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

  /** Handles a pushed invalidation of a key, or of the whole group if it has none. */
  handlePush(frame: Buffer): void {
    const parts = partsOf(frame)
    if (parts === undefined) return
    const [kind, name, key] = parts
    if (String(kind) !== 'invalidate') return
    const group = this.#options.groups.find((each) => each.name === String(name))
    if (Buffer.isBuffer(key)) group?.copies?.drop(key, 0, key.length)
    else group?.copies?.dropAll()
  }

  /** The copy of an own key that `holder` may keep; `undefined`: none. */
  grant(holder: Holder, group: Group, bytes: Buffer, start: number, end: number): GrantedCopy | undefined {
    const { store } = group
    const ref = store.peek(bytes, start, end)
    if (ref === NULL_REF || store.records.type(ref) === ValueType.ABSENT) return undefined
    const mayKeep = this.#directories.get(group)?.add(bytes, start, end, holder) ?? 0
    if (mayKeep === 0) return undefined
    const deadline = store.records.deadline(ref)
    const left = deadline === 0 ? mayKeep : deadline - this.#options.instant.now
    // Stale: only the owner can decide whether it may still be served.
    if (left < 0) return undefined
    return { value: copyValue(store, ref), remainingMs: Math.min(mayKeep, left) }
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

  #fetch(group: Group, bytes: Buffer, start: number, end: number, owner: string): void {
    const { copies } = group
    const ticket = copies?.begin(bytes, start, end, owner)
    if (copies === undefined || ticket === undefined) return
    this.#options.fetch(owner, group, ticket.key).then(
      (reply) => {
        const [bytes, remainingMs, type] = Array.isArray(reply) ? reply : []
        const value = Buffer.isBuffer(bytes) ? receivedValue(bytes, type) : undefined
        if (value !== undefined && typeof remainingMs === 'number') copies.install(ticket, value, remainingMs)
        else copies.cancel(ticket)
      },
      () => copies.cancel(ticket),
    )
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

function sendInvalidation(holder: Holder, group: string, key: Buffer | undefined): void {
  const request = encodeRequest(key === undefined ? ['invalidate', group] : ['invalidate', group, key])
  request[0] = PUSH
  holder.push(request)
}
