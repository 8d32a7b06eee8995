// A consistent hash ring: each member has virtual nodes (points) on a circle; a key belongs to the member of the next one.

import { type Hash, hashBytes } from '../../bytes/hash.ts'

/** Hashes bytes to a point, the lower 32 bits of the result. Must be the same function in every process. */
export type RingHash = (bytes: Uint8Array) => number

export interface HashRingOptions {
  /** Points of a member of weight 1: a positive integer, by default 160. More points make the shares more even. */
  readonly virtualNodes?: number
  /** By default HalfSipHash-1-3 with a constant key. */
  readonly hash?: RingHash
}

/** The standard deviation of a member's share is then 1 / √160, about 8 %. */
const VIRTUAL_NODES = 160

/** Most points of a member, and most members. */
const MAX_POINTS = 1_000_000

const KEY = [0x45726e79, 0x72696e67] as const

/**
 * A ring of named members. With the same options, names and weights every process computes the same owners, whatever
 * the order of `add` and `remove`. Removing a member moves only its own keys; adding one moves keys only to it.
 *
 * ```ts
 * const ring = new HashRing()
 * ring.add('10.0.0.1:7000')
 * ring.add('10.0.0.2:7000', 2)
 * ring.get('user:42')
 * ```
 */
export class HashRing {
  readonly #virtualNodes: number
  readonly #hash: RingHash
  readonly #weights = new Map<string, number>()
  /** The points in ascending order, and the index in `#names` of the member of each. Rebuilt on use after a change. */
  #points = new Uint32Array(0)
  #owners = new Uint32Array(0)
  #names: string[] = []
  #sorted = true

  /** @throws RangeError if `virtualNodes` is not an integer from 1 to 1,000,000 */
  constructor({ virtualNodes = VIRTUAL_NODES, hash = defaultHash }: HashRingOptions = {}) {
    if (!Number.isInteger(virtualNodes) || virtualNodes < 1 || virtualNodes > MAX_POINTS) {
      throw new RangeError(`virtualNodes is ${virtualNodes}, wants an integer from 1 to ${MAX_POINTS}`)
    }
    this.#virtualNodes = virtualNodes
    this.#hash = hash
  }

  /** Number of members. */
  get size(): number {
    return this.#weights.size
  }

  /** The names of the members, sorted. */
  get members(): string[] {
    return [...this.#weights.keys()].sort()
  }

  has(name: string): boolean {
    return this.#weights.has(name)
  }

  /**
   * Adds a member with `round(virtualNodes × weight)` points, at least one.
   *
   * @param weight its share relative to the other members', positive
   * @throws RangeError if the name is in the ring already, or the weight is not positive, not finite or too large: a
   *   member has at most 1,000,000 points
   */
  add(name: string, weight = 1): void {
    if (this.#weights.has(name)) throw new RangeError(`${name} is in the ring already`)
    if (!(weight > 0) || weight * this.#virtualNodes > MAX_POINTS) {
      throw new RangeError(`weight of ${name} is ${weight}, wants above 0 and at most ${MAX_POINTS} points`)
    }
    this.#weights.set(name, weight)
    this.#sorted = false
  }

  /** Returns whether the member was in the ring. */
  remove(name: string): boolean {
    if (!this.#weights.delete(name)) return false
    this.#sorted = false
    return true
  }

  /** The owner of the key (text as UTF-8); undefined if the ring is empty. */
  get(key: string | Uint8Array): string | undefined {
    this.#sort()
    if (this.#points.length === 0) return undefined
    return this.#names[this.#owners[this.#seek(key)]]
  }

  /**
   * The first `n` distinct members clockwise from the key, the owner first, for example to place replicas. Fewer if the
   * ring has fewer members.
   *
   * @throws RangeError if `n` is not an integer ≥ 0
   */
  getMany(key: string | Uint8Array, n: number): string[] {
    if (!Number.isInteger(n) || n < 0) throw new RangeError(`n is ${n}, wants an integer from 0`)
    this.#sort()
    const wanted = Math.min(n, this.#names.length)
    const found = new Set<number>()
    if (wanted === 0) return []
    for (let at = this.#seek(key); found.size < wanted; at = (at + 1) % this.#points.length) {
      found.add(this.#owners[at])
    }
    return Array.from(found, (owner) => this.#names[owner])
  }

  /** The index of the first point at or after the key's; after the last point the circle begins again. */
  #seek(key: string | Uint8Array): number {
    const point = this.#hash(typeof key === 'string' ? Buffer.from(key) : key) >>> 0
    let low = 0
    let high = this.#points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#points[middle] < point) low = middle + 1
      else high = middle
    }
    return low === this.#points.length ? 0 : low
  }

  #sort(): void {
    if (this.#sorted) return
    this.#names = this.members
    const keyed: number[] = []
    for (const [owner, name] of this.#names.entries()) {
      const points = Math.max(1, Math.round(this.#virtualNodes * (this.#weights.get(name) ?? 1)))
      // The owner is in the lower bits, so that of members at the same point the first by name wins.
      for (let i = 0; i < points; i++) {
        keyed.push((this.#hash(Buffer.from(`${name}#${i}`)) >>> 0) * 2 ** 20 + owner)
      }
    }
    const order = Float64Array.from(keyed).sort()
    this.#points = Uint32Array.from(order, (key) => Math.floor(key / 2 ** 20))
    this.#owners = Uint32Array.from(order, (key) => key % 2 ** 20)
    this.#sorted = true
  }
}

function defaultHash(bytes: Uint8Array): Hash {
  return hashBytes(bytes, 0, bytes.length, KEY[0], KEY[1])
}
