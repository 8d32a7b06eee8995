// The virtual nodes of a cluster's members, one in every slot, and how far each is from its slot.

import { SLOT_COUNT } from '../bytes/crc16.ts'
import { hashBytes } from '../bytes/hash.ts'
import type { Member } from './member.ts'

/** A slot in two digits of 7 bits, which the rounds of the permutation turn around each other. */
const DIGITS = 128
const DIGIT_BITS = 7

/** Bits behind the two digits, which decide between members of the same rank. */
const FRACTION_BITS = 18
const FRACTION = 2 ** FRACTION_BITS - 1

const FIRST_DIGIT = 0xfe000000

const ROUNDS = 3

/**
 * `PASSED[r]`: how far the virtual node of rank r is from its slot on average when distances are drawn from the
 * exponential distribution, which is what makes the nearest of several members one of them in proportion to
 * its weight. Sums of quotients and not logarithms, as those may differ in the last bit between machines.
 */
const PASSED = new Float64Array(SLOT_COUNT)
for (let rank = 1; rank < SLOT_COUNT; rank++) PASSED[rank] = PASSED[rank - 1] + 1 / (SLOT_COUNT - rank + 1)

/** Constants that split a name's hash into two words; changing them moves every slot of every cluster. */
const FIRST_KEY = [0x45726e79, 0x736c6f74] as const
const SECOND_KEY = [0x72696e67, 0x6e6f6465] as const

/**
 * Members by index, in the order they were given; between members equally far the first is nearer.
 *
 * A member's ranks are a Feistel permutation of the slots, of three rounds over two digits with tables drawn from
 * its name; whatever the rank leaves open the bits behind it decide.
 */
export class VirtualNodes {
  readonly #count: number
  readonly #weights: Float64Array
  readonly #phases: Float64Array
  /** By member and round, 128 words: a digit in the upper 7 bits, bits of the fraction in the lower 18. */
  readonly #tables: Uint32Array

  constructor(members: readonly Pick<Member, 'name' | 'weight'>[]) {
    this.#count = members.length
    this.#weights = Float64Array.from(members, ({ weight }) => weight)
    this.#phases = new Float64Array(members.length)
    this.#tables = new Uint32Array(members.length * ROUNDS * DIGITS)
    for (const [member, { name }] of members.entries()) this.#draw(member, name)
  }

  /** A number of the member's own, evenly spread from 0 to below 1. */
  phase(member: number): number {
    return this.#phases[member]
  }

  /** Fills in the nearest member of every slot and its distance. */
  nearest(owners: Uint16Array, distances: Float64Array): void {
    distances.fill(Infinity)
    for (let member = 0; member < this.#count; member++) this.#offer(member, owners, distances)
  }

  /** Fills in the member that is the next nearest to `slot` after `owners[slot]`. */
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

  #offer(member: number, owners: Uint16Array, distances: Float64Array): void {
    const at = member * ROUNDS * DIGITS
    const first = this.#tables.subarray(at, at + DIGITS)
    const second = this.#tables.subarray(at + DIGITS, at + 2 * DIGITS)
    const third = this.#tables.subarray(at + 2 * DIGITS, at + 3 * DIGITS)
    const weight = this.#weights[member]
    // A distance is never below its position over 2^32: most members are passed over by that alone.
    const least = 2 ** -32 / weight
    for (let slot = 0; slot < SLOT_COUNT; ) {
      const high = slot >>> DIGIT_BITS
      const turn = first[high] >>> 25
      for (let low = 0; low < DIGITS; low++, slot++) {
        const turned = low ^ turn
        const word = second[turned]
        const middle = high ^ (word >>> 25)
        const position = joined(turned, middle, word, third[middle])
        if (position * least >= distances[slot]) continue
        const distance = distanceAt(position) / weight
        if (distance >= distances[slot]) continue
        distances[slot] = distance
        owners[slot] = member
      }
    }
  }

  #distance(member: number, slot: number): number {
    const at = member * ROUNDS * DIGITS
    const high = slot >>> DIGIT_BITS
    const turned = (slot & (DIGITS - 1)) ^ (this.#tables[at + high] >>> 25)
    const second = this.#tables[at + DIGITS + turned]
    const middle = high ^ (second >>> 25)
    const third = this.#tables[at + 2 * DIGITS + middle]
    return distanceAt(joined(turned, middle, second, third)) / this.#weights[member]
  }

  #draw(member: number, name: string): void {
    const bytes = Buffer.from(name)
    const first = hashBytes(bytes, 0, bytes.length, FIRST_KEY[0], FIRST_KEY[1])
    const second = hashBytes(bytes, 0, bytes.length, SECOND_KEY[0], SECOND_KEY[1])
    const words = ROUNDS * DIGITS
    for (let i = 0; i < words; i++) this.#tables[member * words + i] = drawn(first, second, i)
    this.#phases[member] = drawn(first, second, words) / 2 ** 32
  }
}

/**
 * Where a slot is in the order of a member, 0 to 2^32 − 1: its rank of two digits, of which the third round turns the
 * first, then the fraction.
 */
function joined(turned: number, middle: number, second: number, third: number): number {
  const rank = (turned << 25) ^ (third & FIRST_DIGIT) ^ (middle << FRACTION_BITS)
  return (rank | ((second ^ third) & FRACTION)) >>> 0
}

function distanceAt(position: number): number {
  const rank = position >>> FRACTION_BITS
  return PASSED[rank] + (position & FRACTION) / 2 ** FRACTION_BITS / (SLOT_COUNT - rank)
}

/** The i-th word of the sequence of a 64-bit seed; MurmurHash3's finaliser over a Weyl sequence, twice. */
function drawn(first: number, second: number, i: number): number {
  return mixed(mixed(first + Math.imul(i + 1, 0x9e3779b9)) ^ second) >>> 0
}

function mixed(word: number): number {
  let bits = word
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
