// The virtual nodes of the members on a circle of slots, and the distances of the members from the slots.

import { SLOT_COUNT } from '../../bytes/crc16.ts'
import { hashBytes } from '../../bytes/hash.ts'
import type { Member } from '../member.ts'

/*
 * The circle is divided into as many strata as a member has virtual nodes. In each stratum a member has one virtual
 * node, at a pseudo-random slot. A member's distance to a slot is that of its nearest virtual node, so each virtual
 * node owns the slots around it up to the middle between it and the next one: a few contiguous slots. Strata make the
 * loads more even than independent slots would.
 *
 * Around a virtual node distances increase with the level: level 0 is its own slot, 1 and 2 are the next slots on
 * either side, and so on. Which side comes first is random. Within a level the virtual nodes of a member have an
 * order, so that at any distance all members have about the same number of slots.
 */

/**
 * With fewer, the loads are less even, and a join or leave moves more slots to keep the load bound. With more, there
 * are more ranges: about 2.65 × this number with three members.
 */
const VIRTUAL_NODES = 208

/** By stratum: its first slot. By slot: its stratum. */
const FIRST_SLOTS = Int32Array.from({ length: VIRTUAL_NODES + 1 }, (_, i) =>
  Math.floor((i * SLOT_COUNT) / VIRTUAL_NODES),
)
const STRATA = new Uint8Array(SLOT_COUNT)
for (let i = 0; i < VIRTUAL_NODES; i++) STRATA.fill(i, FIRST_SLOTS[i], FIRST_SLOTS[i + 1])

/** The mean slots of a stratum. Virtual nodes of a member are less than twice as many apart: these levels reach all. */
const STRATUM = SLOT_COUNT / VIRTUAL_NODES
const LEVELS = 2 * Math.ceil(STRATUM)

/**
 * `PASSED[l]`: the distance at which level l begins. Distances follow the exponential distribution, with which the
 * probability that a member is the nearest is proportional to its weight. So this is the negative logarithm of the
 * share of slots that levels below l do not reach; computed as a sum of quotients, because logarithms may differ in
 * the last bit between machines.
 */
const PASSED = new Float64Array(LEVELS + 1)
for (let level = 1; level <= LEVELS; level++) {
  const [before, after] = [unreached((level - 1) / STRATUM), unreached(level / STRATUM)]
  PASSED[level] = PASSED[level - 1] + (before > 0 ? (2 * (before - after)) / (before + after) : 1)
}

/** Keys of the two hashes of a name. Changing them moves every slot of every cluster. */
const FIRST_KEY = [0x45726e79, 0x736c6f74] as const
const SECOND_KEY = [0x72696e67, 0x6e6f6465] as const

/** With as many members, comparing all of them takes longer than visiting the virtual nodes around a slot. */
const MANY_MEMBERS = 32

/** `nodes[starts[slot]]` to `nodes[starts[slot + 1] - 1]` are the virtual nodes in a slot. */
interface SlotIndex {
  readonly starts: Uint32Array
  readonly nodes: Uint32Array
}

/** Members are identified by their index in the list. Of members at the same distance the first is nearer. */
export class VirtualNodes {
  readonly #count: number
  readonly #weights: Float64Array
  readonly #phases: Float64Array
  /** For each member and stratum: the slot of the virtual node, its place in the order, and the side of level 1. */
  readonly #slots: Uint16Array
  readonly #fractions: Float64Array
  readonly #sides: Int8Array
  readonly #greatestWeight: number
  #index: SlotIndex | undefined

  constructor(members: readonly Pick<Member, 'name' | 'weight'>[]) {
    this.#count = members.length
    this.#weights = Float64Array.from(members, ({ weight }) => weight)
    this.#greatestWeight = this.#weights.reduce((most, weight) => Math.max(most, weight), 0)
    this.#phases = new Float64Array(members.length)
    this.#slots = new Uint16Array(members.length * VIRTUAL_NODES)
    this.#fractions = new Float64Array(members.length * VIRTUAL_NODES)
    this.#sides = new Int8Array(members.length * VIRTUAL_NODES)
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
    if (this.#count < MANY_MEMBERS) this.#nextOfAll(slot, owners, distances)
    else this.#nextByLevel(slot, owners, distances)
  }

  /** Compares all members. */
  #nextOfAll(slot: number, owners: Uint16Array, distances: Float64Array): void {
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

  /** The same: visits the virtual nodes around the slot level by level, until none can be nearer than the one found. */
  #nextByLevel(slot: number, owners: Uint16Array, distances: Float64Array): void {
    const { starts, nodes } = (this.#index ??= this.#indexBySlot())
    const owner = owners[slot]
    const distance = distances[slot]
    let nearest = Infinity
    for (let level = 0; level < LEVELS && PASSED[level] / this.#greatestWeight <= nearest; level++) {
      const steps = stepsTo(level)
      for (let side = -1; side <= 1; side += 2) {
        const at = (slot - steps * side) & (SLOT_COUNT - 1)
        for (let i = starts[at]; i < starts[at + 1]; i++) {
          const node = nodes[i]
          // On level 0 there are no sides.
          if (level === 0 ? side === 1 : this.#sides[node] !== side) continue
          const member = Math.floor(node / VIRTUAL_NODES)
          const own = distanceAt(level, this.#fractions[node]) / this.#weights[member]
          if (own > nearest || (own === nearest && member > owners[slot])) continue
          if (own < distance || (own === distance && member <= owner)) continue
          // If another virtual node of the member is nearer, the member was tried at that distance, and is full.
          if (this.#distance(member, slot) !== own) continue
          nearest = own
          owners[slot] = member
        }
      }
    }
    distances[slot] = nearest
  }

  /** The virtual nodes sorted by slot. */
  #indexBySlot(): SlotIndex {
    const starts = new Uint32Array(SLOT_COUNT + 1)
    for (const slot of this.#slots) starts[slot + 1]++
    for (let slot = 0; slot < SLOT_COUNT; slot++) starts[slot + 1] += starts[slot]
    const ends = starts.slice()
    const nodes = new Uint32Array(this.#slots.length)
    for (const [node, slot] of this.#slots.entries()) nodes[ends[slot]++] = node
    return { starts, nodes }
  }

  /** Visits the slots level by level, until no slot can have a more distant owner. */
  #offer(member: number, farthest: number, owners: Uint16Array, distances: Float64Array): void {
    const weight = this.#weights[member]
    const first = member * VIRTUAL_NODES
    for (let level = 0; level < LEVELS && PASSED[level] / weight < farthest; level++) {
      const steps = stepsTo(level)
      for (let node = first; node < first + VIRTUAL_NODES; node++) {
        const slot = (this.#slots[node] + steps * this.#sides[node]) & (SLOT_COUNT - 1)
        const distance = distanceAt(level, this.#fractions[node]) / weight
        if (distance >= distances[slot]) continue
        distances[slot] = distance
        owners[slot] = member
      }
    }
  }

  /** The nearest virtual node is in the slot's stratum or in one beside it. */
  #distance(member: number, slot: number): number {
    let nearest = Infinity
    for (let i = VIRTUAL_NODES - 1; i <= VIRTUAL_NODES + 1; i++) {
      const node = member * VIRTUAL_NODES + ((STRATA[slot] + i) % VIRTUAL_NODES)
      const level = levelOf((slot - this.#slots[node]) * this.#sides[node])
      if (level < LEVELS) nearest = Math.min(nearest, distanceAt(level, this.#fractions[node]))
    }
    return nearest / this.#weights[member]
  }

  #generate(member: number, name: string): void {
    const bytes = Buffer.from(name)
    const first = hashBytes(bytes, 0, bytes.length, FIRST_KEY[0], FIRST_KEY[1])
    const second = hashBytes(bytes, 0, bytes.length, SECOND_KEY[0], SECOND_KEY[1])
    let words = 0
    const random = (): number => wordAt(first, second, words++) / 2 ** 32
    this.#phases[member] = random()
    const base = member * VIRTUAL_NODES
    for (let i = 0; i < VIRTUAL_NODES; i++) {
      const length = FIRST_SLOTS[i + 1] - FIRST_SLOTS[i]
      this.#slots[base + i] = FIRST_SLOTS[i] + Math.floor(random() * length)
      this.#sides[base + i] = random() < 0.5 ? -1 : 1
      // A shuffle (Fisher and Yates, inside out) of evenly spaced fractions, each moved by less than the space.
      const place = Math.floor(random() * (i + 1))
      this.#fractions[base + i] = this.#fractions[base + place]
      this.#fractions[base + place] = (i + random()) / VIRTUAL_NODES
    }
  }
}

/**
 * The share of the slots that the levels within this many strata, both sides of a virtual node together, do not reach.
 * The gap between two virtual nodes of a member is a stratum plus the difference of two uniform positions.
 */
function unreached(strata: number): number {
  if (strata >= 2) return 0
  const rest = strata <= 1 ? strata : 2 - strata
  const cube = (rest * rest * rest) / 6
  return strata <= 1 ? 1 - strata + cube : cube
}

/** How far from the virtual node the level is, in the direction of level 1: 0, 1, −1, 2, −2… */
function stepsTo(level: number): number {
  return level & 1 ? (level + 1) >> 1 : -(level >> 1)
}

/** The inverse; on a circle. */
function levelOf(steps: number): number {
  const ahead = steps & (SLOT_COUNT - 1)
  return ahead > 0 && ahead <= SLOT_COUNT / 2 ? 2 * ahead - 1 : (2 * (SLOT_COUNT - ahead)) % (2 * SLOT_COUNT)
}

function distanceAt(level: number, fraction: number): number {
  return PASSED[level] + (PASSED[level + 1] - PASSED[level]) * fraction
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
