// What requests to a peer depend on besides their bytes, as one small number, and as the request that says it.

import type { Group } from '../../group/group.ts'
import { encodeRequest } from './request.ts'

/*
 *   bit | 30 …… 13: generation | 12 …… 3: group | 2: RESP3 | 1: final | 0: no-touch |
 */
const NO_TOUCH = 1
const FINAL = 2
const RESP3 = 4
const GROUP_SHIFT = 3
const GENERATION_SHIFT = 13
const GENERATIONS = 2 ** 17
/** Of requests that say nothing of this node's view: one who was told whom to ask knows less than whom he asks. */
const UNSTAMPED = 0
const GROUPS = 2 ** (GENERATION_SHIFT - GROUP_SHIFT)

/** The flags as PEER CONTEXT has them. */
export const CONTEXT_NO_TOUCH: number = NO_TOUCH
export const CONTEXT_FINAL: number = FINAL

/** In which state of its client a request is run. */
export interface RequestContext {
  readonly group: Group
  readonly protocol: 2 | 3
  readonly noTouch: boolean
}

export class RequestContexts {
  /** Counts the stamps: a number made for an earlier one is another number. */
  generation = 1
  #stamp = 0
  readonly #groups: readonly Group[]
  readonly #requests = new Map<number, Buffer>()
  #latest: Group
  #latestIndex = 0

  constructor(groups: readonly Group[]) {
    if (groups.length > GROUPS) throw new RangeError(`a cluster has at most ${GROUPS} groups`)
    this.#groups = groups
    this.#latest = groups[0]
  }

  /** What goes with each request from now on. */
  set epoch(stamp: number) {
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    this.generation = (this.generation % (GENERATIONS - 1)) + 1
    this.#requests.clear()
  }

  get epoch(): number {
    return this.#stamp
  }

  /**
   * @param isFinal whether the peer is to run it whoever owns the keys
   * @param isToldSo whether it goes there because another node has said so, and not by this node's view
   */
  encode(group: Group, protocol: 2 | 3, noTouch: boolean, isFinal: boolean, isToldSo = false): number {
    if (group !== this.#latest) {
      this.#latest = group
      this.#latestIndex = this.#groups.indexOf(group)
    }
    return (
      ((isToldSo ? UNSTAMPED : this.generation) << GENERATION_SHIFT) |
      (this.#latestIndex << GROUP_SHIFT) |
      (protocol === 3 ? RESP3 : 0) |
      (isFinal ? FINAL : 0) |
      (noTouch ? NO_TOUCH : 0)
    )
  }

  /** What a number stands for. */
  decode(context: number): RequestContext {
    const group = this.#groups[(context >> GROUP_SHIFT) & (GROUPS - 1)]
    return { group, protocol: (context & RESP3) === 0 ? 2 : 3, noTouch: (context & NO_TOUCH) !== 0 }
  }

  /** The request that sets this context. */
  command(context: number): Buffer {
    let request = this.#requests.get(context)
    if (request === undefined) {
      const group = this.#groups[(context >> GROUP_SHIFT) & (GROUPS - 1)]
      const protocol = (context & RESP3) === 0 ? '2' : '3'
      const flags = String(context & (NO_TOUCH | FINAL))
      const stamp = context >> GENERATION_SHIFT === UNSTAMPED ? 0 : this.#stamp
      request = encodeRequest(['PEER', 'CONTEXT', group.name, protocol, flags, String(stamp)])
      this.#requests.set(context, request)
    }
    return request
  }
}
