// The classic consistent hash ring: members at many points of a circle, a key belongs to the next point's member.

import { type Hash, hashBytes } from '../../bytes/hash.ts'

/** Hashes bytes to a point of the ring: the result's lower 32 bits. Must be the same wherever the ring is built. */
export type RingHash = (bytes: Uint8Array) => number

export interface HashRingOptions {
  /** Points on the ring of a member of weight 1: a positive integer, 160 unless told. More even out the shares. */
  readonly virtualNodes?: number
  /** Unless told, HalfSipHash-1-3 under a constant key. */
  readonly hash?: RingHash
}

/** A member's share then deviates by 1 / √160, about 8 %. */
const VIRTUAL_NODES = 160

/** Most points of one member, and most members: beyond, the points would no longer fit in memory or apart. */
const MAX_POINTS = 1_000_000

const KEY = [0x45726e79, 0x72696e67] as const

/**
 * A ring of names. The same names and weights give the same owners in any order of `add` and `remove`, in every
 * process, as long as the options are the same. A removal moves only the removed member's keys; an addition moves keys
 * to the added member only.
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
  /** The points in ascending order, and which name of `#names` is at each; made anew when needed after a change. */
  #points = new Uint32Array(0)
  #owners = new Uint32Array(0)
  #names: string[] = []
  #sorted = true

  /** @throws RangeError when `virtualNodes` is not an integer of 1 to 1,000,000 */
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

  /** The members by name. */
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
   * @throws RangeError when the name is there already, or the weight is not positive, not finite or too large: a
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

  /** Returns whether the member was there. */
  remove(name: string): boolean {
    if (!this.#weights.delete(name)) return false
    this.#sorted = false
    return true
  }

  /** The owner of the key (text as UTF-8); undefined when the ring is empty. */
  get(key: string | Uint8Array): string | undefined {
    this.#sort()
    if (this.#points.length === 0) return undefined
    return this.#names[this.#owners[this.#seek(key)]]
  }

  /**
   * The first `n` distinct members from the key on, its owner first: where copies belong. Fewer when the ring has
   * fewer.
   *
   * @throws RangeError when `n` is not an integer of 0 or more
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

  /** The first point at or after the key's, past the last one the first. */
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
      // The owner in the lower bits: of members at one point the first by name is found.
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
