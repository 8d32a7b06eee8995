// Request contexts: what a forwarded command depends on besides its bytes, encoded as a small integer and as the PEER
// CONTEXT command that sets it on a link.

import type { Group } from '../../group/group.ts'
import { encodeRequest } from './request.ts'

/*
 *   bit | 30 …… 13: generation | 12 …… 3: group | 2: RESP3 | 1: in charge | 0: no-touch |
 */
const NO_TOUCH = 1
const CHARGE = 2
const RESP3 = 4
const GROUP_SHIFT = 3
const GENERATION_SHIFT = 13
const GENERATIONS = 2 ** 17
/** The generation of contexts without an epoch. */
const NO_EPOCH = 0
const GROUPS = 2 ** (GENERATION_SHIFT - GROUP_SHIFT)

/** The flags of PEER CONTEXT. */
export const CONTEXT_NO_TOUCH: number = NO_TOUCH
export const CONTEXT_CHARGE: number = CHARGE

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
  readonly #groups: readonly Group[]
  readonly #requests = new Map<number, Buffer>()
  #latest: Group
  #latestIndex = 0

  constructor(groups: readonly Group[]) {
    if (groups.length > GROUPS) throw new RangeError(`a cluster has at most ${GROUPS} groups`)
    this.#groups = groups
    this.#latest = groups[0]
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
   * @param isCharge whether this node is in charge of the request, and the peer sends it back if it does not own its
   *   keys. The context then carries no epoch: another node may have named the peer as the owner, which this node's
   *   table of owners does not say.
   */
  encode(group: Group, protocol: 2 | 3, noTouch: boolean, isCharge: boolean): number {
    if (group !== this.#latest) {
      this.#latest = group
      this.#latestIndex = this.#groups.indexOf(group)
    }
    return (
      ((isCharge ? NO_EPOCH : this.generation) << GENERATION_SHIFT) |
      (this.#latestIndex << GROUP_SHIFT) |
      (protocol === 3 ? RESP3 : 0) |
      (isCharge ? CHARGE : 0) |
      (noTouch ? NO_TOUCH : 0)
    )
  }

  /** The reverse of `encode`. */
  decode(context: number): RequestContext {
    const group = this.#groups[(context >> GROUP_SHIFT) & (GROUPS - 1)]
    return { group, protocol: (context & RESP3) === 0 ? 2 : 3, noTouch: (context & NO_TOUCH) !== 0 }
  }

  /** The command that sets this context. */
  command(context: number): Buffer {
    let request = this.#requests.get(context)
    if (request === undefined) {
      const group = this.#groups[(context >> GROUP_SHIFT) & (GROUPS - 1)]
      const protocol = (context & RESP3) === 0 ? '2' : '3'
      const flags = String(context & (NO_TOUCH | CHARGE))
      const epoch = context >> GENERATION_SHIFT === NO_EPOCH ? 0 : this.#epoch
      request = encodeRequest(['PEER', 'CONTEXT', group.name, protocol, flags, String(epoch)])
      this.#requests.set(context, request)
    }
    return request
  }
}
