// Request contexts: the state that a forwarded command depends on besides its bytes, as a small integer and as the PEER
// CONTEXT command that sets it on a link.

import type { Group } from '../../group/group.ts'
import type { TraceHeaders } from '../../telemetry/tracing.ts'
import { encodeRequest } from './request.ts'

/*
 *   bit | 30 …… 13: generation | 12 …… 3: group | 2: RESP3 | 1: coordinated | 0: no-touch |
 */
const NO_TOUCH = 1
const COORDINATED = 2
const RESP3 = 4
const GROUP_SHIFT = 3
const GENERATION_SHIFT = 13
const GENERATIONS = 2 ** 17
/** The generation of contexts without an epoch. */
const NO_EPOCH = 0
/** The most groups of a node in a cluster. */
export const MAX_GROUPS: number = 2 ** (GENERATION_SHIFT - GROUP_SHIFT)

/** The flags of PEER CONTEXT. */
export const CONTEXT_NO_TOUCH: number = NO_TOUCH
export const CONTEXT_COORDINATED: number = COORDINATED

/** The part of a client's state that a command depends on. */
export interface RequestContext {
  readonly group: Group
  readonly protocol: 2 | 3
  readonly noTouch: boolean
}

export class RequestContexts {
  /** Counts the epochs, so that contexts of different epochs differ. */
  generation = 1
  #epoch = 0
  /**
   * By their numbers; a number is given again only after all others were: requests of a removed group may be in flight.
   */
  readonly #groups: Group[] = []
  readonly #numbers = new Map<Group, number>()
  /** Where the search for the next number begins. */
  #next = 0
  readonly #requests = new Map<number, Buffer>()
  #latest: Group
  #latestNumber = 0

  constructor(groups: readonly Group[]) {
    if (groups.length > MAX_GROUPS) throw new RangeError(`a cluster has at most ${MAX_GROUPS} groups`)
    for (const group of groups) this.#add(group)
    this.#latest = groups[0]
  }

  /** Groups were added or removed. `groups`: the whole list. */
  groupsChanged(groups: readonly Group[]): void {
    const left = new Set(groups)
    for (const group of this.#numbers.keys()) if (!left.has(group)) this.#numbers.delete(group)
    for (const group of groups) if (!this.#numbers.has(group)) this.#add(group)
    this.#requests.clear()
    this.#latest = groups[0]
    this.#latestNumber = this.#numbers.get(groups[0]) ?? 0
  }

  #add(group: Group): void {
    const isTaken = (number: number): boolean => {
      const present = this.#groups[number]
      return present !== undefined && this.#numbers.get(present) === number
    }
    while (isTaken(this.#next)) this.#next = (this.#next + 1) % MAX_GROUPS
    this.#groups[this.#next] = group
    this.#numbers.set(group, this.#next)
    this.#next = (this.#next + 1) % MAX_GROUPS
  }

  /** The epoch of this node's table of owners. It is sent with requests, so that the owner can tell whether both agree. */
  set epoch(epoch: number) {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.generation = (this.generation % (GENERATIONS - 1)) + 1
    this.#requests.clear()
  }

  get epoch(): number {
    return this.#epoch
  }

  /**
   * The context as a number.
   *
   * @param isCoordinated whether this node coordinates the request, so that the peer sends it back if it does not own
   *   its keys. The context then carries no epoch: another node may have named the peer as the owner, which this node's
   *   table of owners does not say.
   */
  encode(group: Group, protocol: 2 | 3, noTouch: boolean, isCoordinated: boolean): number {
    if (group !== this.#latest) {
      this.#latest = group
      this.#latestNumber = this.#numbers.get(group) ?? this.#numberOfRemoved(group)
    }
    return (
      ((isCoordinated ? NO_EPOCH : this.generation) << GENERATION_SHIFT) |
      (this.#latestNumber << GROUP_SHIFT) |
      (protocol === 3 ? RESP3 : 0) |
      (isCoordinated ? COORDINATED : 0) |
      (noTouch ? NO_TOUCH : 0)
    )
  }

  /** A command of a removed group may still be in flight. */
  #numberOfRemoved(group: Group): number {
    return Math.max(0, this.#groups.indexOf(group))
  }

  /** The reverse of `encode`. */
  decode(context: number): RequestContext {
    const group = this.#groups[(context >> GROUP_SHIFT) & (MAX_GROUPS - 1)]
    return { group, protocol: (context & RESP3) === 0 ? 2 : 3, noTouch: (context & NO_TOUCH) !== 0 }
  }

  /**
   * The command that sets this context.
   *
   * @param trace that of the requests which follow; `undefined`: they have none
   */
  command(context: number, trace?: TraceHeaders): Buffer {
    if (trace !== undefined) {
      const { traceparent, tracestate } = trace
      return encodeRequest([
        ...this.#wordsOf(context),
        traceparent,
        ...(tracestate === '' ? [] : [tracestate]),
      ])
    }
    let request = this.#requests.get(context)
    if (request === undefined) {
      request = encodeRequest(this.#wordsOf(context))
      this.#requests.set(context, request)
    }
    return request
  }

  #wordsOf(context: number): string[] {
    const group = this.#groups[(context >> GROUP_SHIFT) & (MAX_GROUPS - 1)]
    const protocol = (context & RESP3) === 0 ? '2' : '3'
    const flags = String(context & (NO_TOUCH | COORDINATED))
    const epoch = context >> GENERATION_SHIFT === NO_EPOCH ? 0 : this.#epoch
    return ['PEER', 'CONTEXT', group.name, protocol, flags, String(epoch)]
  }
}
