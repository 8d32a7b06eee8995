// Assigns slots to members: every node that has the same view computes the same table.

import { createHash } from 'node:crypto'
import { SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Member } from '../member.ts'
import { VirtualNodes } from './virtual-nodes.ts'

/*
 * Owners: weighted rendezvous hashing, which equals a ring with one virtual node per member and slot. Each member has
 * a distance to each slot, and a slot belongs to the nearest member. So a join moves slots only to the new member, and
 * a leave moves only the slots of the leaving one. A member's distances are a permutation of the ranks 0 to 16,383,
 * divided by its weight. Compared with independent hashes this halves the variance of the loads.
 *
 * The load bound: consistent hashing with bounded loads. A member that is nearest to more slots than its capacity keeps
 * the nearest ones. Each of the others goes to the next nearest member, which may in turn give up a more distant slot
 * (stable matching: the result does not depend on the order, and a change affects only members that are full). The
 * capacity is 1.05 × the share, rounded up for some members and down for others: if all were rounded alike, all
 * capacities would shrink at the same join.
 *
 * Slots moved by a join or leave, as a multiple of the ideal (the share of the new member, the slots of the leaving
 * one), over 200 to 1,200 changes of random members of equal weight (12 changes for 500 and 1,000 members):
 *
 *     members   20    50    80    90    100   150   200   500  1,000
 *     average  1.00  1.03  1.09  1.11  1.13  1.27  1.45  2.0   2.3
 *     maximum  1.06  1.10  1.23  1.25  1.26  1.46  1.70  2.3   2.6
 *
 * So the factor 1.25 holds for up to 90 members (50 with weights 1, 1, 2, 4), and on average for up to 120. With more
 * members each has so few slots (82 with 200 members) that their natural spread exceeds 5 %: a fifth of the members
 * are at the bound, and each of these moves a slot whenever a change affects its nearest slots or its capacity. The
 * load bound holds for any number of members; with 1,000 the share is 16.4 slots and the bound, rounded up, 18.
 */

/** The maximum load of a member relative to its share. */
const LOAD_BOUND = 1.05

/** Most members: the entries of the table have 16 bits. */
const MAX_MEMBERS = 65_535

/** The properties of a member on which the table depends. */
export type Weighted = Pick<Member, 'name' | 'weight'>

/**
 * The owner of every slot, as an index into `members`: 16,384 entries. The owners depend only on the set of names and
 * weights, not on their order. No member owns more than `ceil(1.05 × 16384 × weight / sum of weights)` slots.
 *
 * @throws RangeError on no members or more than 65,535, a duplicate name, or a weight that is not positive and finite
 */
export function assignSlots(members: readonly Weighted[]): Uint16Array {
  if (members.length === 0) throw new RangeError('no members to assign slots to')
  if (members.length > MAX_MEMBERS) throw new RangeError(`more than ${MAX_MEMBERS} members`)
  const order = canonicalOrder(members)
  const sorted = order.map((index) => members[index])
  const nodes = new VirtualNodes(sorted)
  const capacities = capacitiesOf(sorted, nodes)
  const owners = new Uint16Array(SLOT_COUNT)
  const distances = new Float64Array(SLOT_COUNT)
  nodes.nearest(owners, distances)
  enforceCapacities(nodes, capacities, owners, distances)
  return owners.map((owner) => order[owner])
}

/** The slots of one owner as inclusive ranges, ascending and as long as possible. */
export function slotRanges(owners: Uint16Array, index: number): [start: number, end: number][] {
  const ranges: [number, number][] = []
  for (let slot = 0; slot < owners.length; slot++) {
    if (owners[slot] !== index) continue
    const start = slot
    while (slot + 1 < owners.length && owners[slot + 1] === index) slot++
    ranges.push([start, slot])
  }
  return ranges
}

/** A fingerprint of the set of names and weights, 0 to 2^53 − 1. Equal sets have equal tables. */
export function epochOf(members: readonly Weighted[]): number {
  const set = members.map(({ name, weight }) => JSON.stringify([name, weight])).sort()
  const digest = createHash('sha1').update(set.join()).digest()
  return (digest.readUInt32BE(0) >>> 11) * 2 ** 32 + digest.readUInt32BE(4)
}

/** The indices of the members, sorted by name. */
function canonicalOrder(members: readonly Weighted[]): number[] {
  const order = members.map((_, index) => index)
  order.sort((a, b) => (members[a].name < members[b].name ? -1 : 1))
  for (const [at, index] of order.entries()) {
    const { name, weight } = members[index]
    if (!(weight > 0 && weight < Infinity)) throw new RangeError(`weight ${weight} of member ${name}`)
    if (at > 0 && members[order[at - 1]].name === name) throw new RangeError(`duplicate member ${name}`)
  }
  return order
}

function capacitiesOf(members: readonly Weighted[], nodes: VirtualNodes): Int32Array {
  let weights = 0
  for (const { weight } of members) weights += weight
  const bound = (at: number) => LOAD_BOUND * SLOT_COUNT * (members[at].weight / weights)
  const capacities = Int32Array.from(members, (_, at) => Math.floor(bound(at) + nodes.phase(at)))
  const room = capacities.reduce((sum, capacity) => sum + capacity, 0)
  // With thousands of members rounding down may leave fewer places than slots.
  return room >= SLOT_COUNT ? capacities : capacities.map((_, at) => Math.ceil(bound(at)))
}

/** Moves slots from members that exceed their capacity to the next nearest ones, until none does. */
function enforceCapacities(
  nodes: VirtualNodes,
  capacities: Int32Array,
  owners: Uint16Array,
  distances: Float64Array,
): void {
  const held: number[][] = Array.from(capacities, () => [])
  for (let slot = 0; slot < SLOT_COUNT; slot++) held[owners[slot]].push(slot)
  const refused: number[] = []
  for (const [at, slots] of held.entries()) {
    if (slots.length <= capacities[at]) continue
    slots.sort((a, b) => distances[a] - distances[b])
    refused.push(...slots.splice(capacities[at]))
  }
  for (let slot = refused.pop(); slot !== undefined; slot = refused.pop()) {
    nodes.next(slot, owners, distances)
    const slots = held[owners[slot]]
    slots.push(slot)
    if (slots.length > capacities[owners[slot]]) refused.push(takeFarthest(slots, distances))
  }
}

function takeFarthest(slots: number[], distances: Float64Array): number {
  let farthest = 0
  for (let i = 1; i < slots.length; i++) {
    if (distances[slots[i]] > distances[slots[farthest]]) farthest = i
  }
  const slot = slots[farthest]
  slots[farthest] = slots[slots.length - 1]
  slots.pop()
  return slot
}
