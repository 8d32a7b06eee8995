// Hot copies between nodes: asks owners for what is asked for often here, and tells those who hold copies of writes.

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
  /** The share of each group's budget that copies may take; 0: none are kept. */
  readonly fraction: number
  readonly maxAgeMs: number
  /** Asks the owner for a copy. */
  readonly fetch: (owner: string, group: Group, key: Buffer) => Promise<Reply>
}

/** What the owner gives for a copy. */
export interface GrantedCopy {
  readonly value: Buffer
  /** For how many ms it may be kept. */
  readonly remainingMs: number
}

/** One of eight asks is counted, and a key is hot with so many: those asked for some 60 times a second are. */
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
    const { groups, fraction, maxAgeMs, hasher, timers } = options
    for (const group of groups) {
      if (fraction > 0) group.enableCopies({ ...defaultCopyPolicy, share: fraction, maxAgeMs })
      this.#directories.set(
        group,
        new CopyDirectory(group, { maxAgeMs, hasher, timers, notify: sendInvalidation }),
      )
    }
  }

  /** Whether this node has a copy of the key of argument `i`, which `owner` owns; if not, it may ask for one. */
  serve(group: Group, args: Args, i: number, owner: string): boolean {
    const { copies } = group
    if (copies === undefined) return false
    const { buf } = args
    const start = args.start[i]
    const end = args.end[i]
    // What is asked for here stays hot while its copy lives. Hashing costs more than all else here.
    const isCounted = (++this.#reads & SAMPLE_MASK) === 0
    const hasCopies = copies.store !== undefined
    if (!isCounted && !hasCopies) return false
    const { hasher } = this.#options
    const hash = hasher.hash(buf, start, end)
    const isHot = isCounted && this.#sketch.touch(hash)
    if (hasCopies) {
      // For finding the copy now, and for reading it then.
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

  /** This node sends a write of a key to its owner. */
  beforeForwardedWrite(group: Group, args: Args, i: number): void {
    group.copies?.drop(args.buf, args.start[i], args.end[i])
  }

  /** Copies that came from this owner are told of no longer. */
  linkLost(owner: string): void {
    for (const { copies } of this.#options.groups) copies?.dropOwner(owner)
  }

  /** Owners have changed. */
  dropAll(): void {
    for (const { copies } of this.#options.groups) copies?.dropAll()
  }

  /** The owner says that a key, or without one every key of the group, is about to change. */
  handlePush(frame: Buffer): void {
    const parts = partsOf(frame)
    if (parts === undefined) return
    const [kind, name, key] = parts
    if (String(kind) !== 'invalidate') return
    const group = this.#options.groups.find((each) => each.name === String(name))
    if (Buffer.isBuffer(key)) group?.copies?.drop(key, 0, key.length)
    else group?.copies?.dropAll()
  }

  /** What `holder` may keep of a key that this node owns; `undefined`: nothing. */
  grant(holder: Holder, group: Group, bytes: Buffer, start: number, end: number): GrantedCopy | undefined {
    const { store } = group
    const ref = store.peek(bytes, start, end)
    if (ref === NULL_REF || store.records.type(ref) !== ValueType.STRING) return undefined
    const mayKeep = this.#directories.get(group)?.add(bytes, start, end, holder) ?? 0
    if (mayKeep === 0) return undefined
    const deadline = store.records.deadline(ref)
    const connectionClosed = deadline === 0 ? mayKeep : deadline - this.#options.instant.now
    // Stale: only the owner knows whether it may still be served.
    if (connectionClosed < 0) return undefined
    return { value: store.copyValue(ref), remainingMs: Math.min(mayKeep, connectionClosed) }
  }

  /** This node owns some slots no longer: whoever owns them now does not know who holds copies. */
  recallAll(): void {
    for (const holders of this.#directories.values()) holders.flushed()
  }

  /** Who holds copies of a group's keys that this node owns. */
  directoryOf(group: Group): CopyDirectory<Holder> | undefined {
    return this.#directories.get(group)
  }

  /** The connection of another node is closed. */
  left(holder: Holder): void {
    for (const holders of this.#directories.values()) holders.connectionClosed(holder)
  }

  #fetch(group: Group, bytes: Buffer, start: number, end: number, owner: string): void {
    const { copies } = group
    const ticket = copies?.begin(bytes, start, end, owner)
    if (copies === undefined || ticket === undefined) return
    this.#options.fetch(owner, group, ticket.key).then(
      (reply) => {
        const [value, remainingMs] = Array.isArray(reply) ? reply : []
        if (Buffer.isBuffer(value) && typeof remainingMs === 'number')
          copies.install(ticket, value, remainingMs)
        else copies.cancel(ticket)
      },
      () => copies.cancel(ticket),
    )
  }
}

const ARRAY = Buffer.from('*')
const PUSH = 0x3e

/** A push is an array but for its first byte. `undefined`: not one in RESP2. */
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
