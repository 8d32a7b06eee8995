// The virtual nodes of the members, one for each member and slot, and their distances from the slots.

import { SLOT_COUNT } from '../../bytes/crc16.ts'
import { hashBytes } from '../../bytes/hash.ts'
import type { Member } from '../member.ts'

/** A slot number is split into two digits of 7 bits, the halves of a Feistel network. */
const DIGITS = 128
const DIGIT_BITS = 7

/** The position of the digit in a word of the tables. */
const DIGIT_SHIFT = 25

/** Bits after the rank, which order members of the same rank. */
const FRACTION_BITS = 18
const FRACTION = 2 ** FRACTION_BITS - 1

const ROUNDS = 3

/**
 * `PASSED[r]`: the mean distance of the virtual node of rank r. Distances follow the exponential distribution, with
 * which the probability that a member is the nearest is proportional to its weight. Computed as a sum of quotients:
 * logarithms may differ in the last bit between machines.
 */
const PASSED = new Float64Array(SLOT_COUNT)
for (let rank = 1; rank < SLOT_COUNT; rank++) PASSED[rank] = PASSED[rank - 1] + 1 / (SLOT_COUNT - rank + 1)

/** Keys of the two hashes of a name. Changing them moves every slot of every cluster. */
const FIRST_KEY = [0x45726e79, 0x736c6f74] as const
const SECOND_KEY = [0x72696e67, 0x6e6f6465] as const

/**
 * Members are identified by their index in the list. Of members at the same distance the first is nearer.
 *
 * The ranks of a member are a Feistel permutation of the slots: three rounds over two digits, with tables generated
 * from its name.
 */
export class VirtualNodes {
  readonly #count: number
  readonly #weights: Float64Array
  readonly #phases: Float64Array
  /** For each member and round 128 words: a digit in the upper 7 bits, bits of the fraction in the lower 18. */
  readonly #tables: Uint32Array

  constructor(members: readonly Pick<Member, 'name' | 'weight'>[]) {
    this.#count = members.length
    this.#weights = Float64Array.from(members, ({ weight }) => weight)
    this.#phases = new Float64Array(members.length)
    this.#tables = new Uint32Array(members.length * ROUNDS * DIGITS)
    for (const [member, { name }] of members.entries()) this.#generate(member, name)
  }

  /** A pseudo-random number of the member, uniform in [0, 1). */
  phase(member: number): number {
    return this.#phases[member]
  }

  /** Computes the nearest member of every slot, and its distance. */
  nearest(owners: Uint16Array, distances: Float64Array): void {
    distances.fill(Infinity)
    let farthest = Infinity
    let checkedAt = 0
    for (let member = 0; member < this.#count; member++) {
      // The greatest distance only decreases. Computing it again pays after an eighth more members.
      if (member > checkedAt + (checkedAt >> 3)) {
        farthest = greatest(distances)
        checkedAt = member
      }
      this.#offer(member, farthest, owners, distances)
    }
  }

  /** Replaces `owners[slot]` by the next nearest member. */
  next(slot: number, owners: Uint16Array, distances: Float64Array): void {
    const owner = owners[slot]
    const distance = distances[slot]
    let nearest = Infinity
    for (let member = 0; member < this.#count; member++) {
      const own = this.#distance(member, slot)
      if (own >= nearest || own < distance || (own === distance && member <= owner)) continue
      nearest = own
      owners[slot] = member
    }
    distances[slot] = nearest
  }

  /** Visits the slots in the order of the member's distance, until no slot can have a more distant owner. */
  #offer(member: number, farthest: number, owners: Uint16Array, distances: Float64Array): void {
    const at = member * ROUNDS * DIGITS
    const first = this.#tables.subarray(at, at + DIGITS)
    const second = this.#tables.subarray(at + DIGITS, at + 2 * DIGITS)
    const third = this.#tables.subarray(at + 2 * DIGITS, at + 3 * DIGITS)
    const weight = this.#weights[member]
    for (let rank = 0; rank < SLOT_COUNT && PASSED[rank] / weight < farthest; rank++) {
      const middle = rank & (DIGITS - 1)
      const last = third[middle]
      const turned = (rank >>> DIGIT_BITS) ^ (last >>> DIGIT_SHIFT)
      const word = second[turned]
      const high = middle ^ (word >>> DIGIT_SHIFT)
      const slot = (high << DIGIT_BITS) | (turned ^ (first[high] >>> DIGIT_SHIFT))
      const distance = distanceAt(rank, word ^ last) / weight
      if (distance >= distances[slot]) continue
      distances[slot] = distance
      owners[slot] = member
    }
  }

  /** The inverse permutation: from the slot to its rank. */
  #distance(member: number, slot: number): number {
    const at = member * ROUNDS * DIGITS
    const high = slot >>> DIGIT_BITS
    const turned = (slot & (DIGITS - 1)) ^ (this.#tables[at + high] >>> DIGIT_SHIFT)
    const word = this.#tables[at + DIGITS + turned]
    const middle = high ^ (word >>> DIGIT_SHIFT)
    const last = this.#tables[at + 2 * DIGITS + middle]
    const rank = ((turned ^ (last >>> DIGIT_SHIFT)) << DIGIT_BITS) | middle
    return distanceAt(rank, word ^ last) / this.#weights[member]
  }

  #generate(member: number, name: string): void {
    const bytes = Buffer.from(name)
    const first = hashBytes(bytes, 0, bytes.length, FIRST_KEY[0], FIRST_KEY[1])
    const second = hashBytes(bytes, 0, bytes.length, SECOND_KEY[0], SECOND_KEY[1])
    const words = ROUNDS * DIGITS
    for (let i = 0; i < words; i++) this.#tables[member * words + i] = wordAt(first, second, i)
    this.#phases[member] = wordAt(first, second, words) / 2 ** 32
  }
}

function distanceAt(rank: number, fraction: number): number {
  return PASSED[rank] + (fraction & FRACTION) / 2 ** FRACTION_BITS / (SLOT_COUNT - rank)
}

function greatest(distances: Float64Array): number {
  let most = 0
  for (let slot = 0; slot < distances.length; slot++) {
    if (distances[slot] > most) most = distances[slot]
  }
  return most
}

/** The i-th word of the sequence of a 64-bit seed; MurmurHash3's finaliser over a Weyl sequence, twice. */
function wordAt(first: number, second: number, i: number): number {
  return mix(mix(first + Math.imul(i + 1, 0x9e3779b9)) ^ second) >>> 0
}

function mix(word: number): number {
  let bits = word
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
