// Assigns slots to members: every node that has the same view computes the same table.

import { createHash } from 'node:crypto'
import { SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Member } from '../member.ts'
import { VirtualNodes } from './virtual-nodes.ts'

/*
 * Owners: a consistent hash ring on the circle of slots, with weights. Each member has a distance to each slot, that
 * of the nearest of its virtual nodes, and a slot belongs to the nearest member. So a join moves slots only to the new
 * member, and a leave moves only the slots of the leaving one. The slots around a virtual node are contiguous: three
 * members have about 550 ranges.
 *
 * The load bound: consistent hashing with bounded loads. A member that is nearest to more slots than its capacity keeps
 * the nearest ones. Each of the others goes to the next nearest member, which may in turn give up a more distant slot
 * (stable matching: the result does not depend on the order, and a change affects only members that are full). The
 * capacity is 1.05 × the share, rounded up for some members and down for others: if all were rounded alike, all
 * capacities would shrink at the same join.
 *
 * Slots moved by a join or leave, as a multiple of the ideal (the share of the new member, the slots of the leaving
 * one), over 100 to 300 changes of random members of equal weight (12 changes for 500 members):
 *
 *     members   20    50    70    80    90   100   150   200   500
 *     average  1.03  1.08  1.12  1.13  1.15  1.17  1.29  1.46  2.1
 *     maximum  1.15  1.20  1.24  1.26  1.27  1.30  1.42  1.67  2.3
 *
 * So the factor 1.25 holds for up to 70 members, and on average for up to 120. With more members each has so few slots
 * (82 with 200 members) that their natural spread exceeds 5 %: a fifth of the members are at the bound, and each of
 * these moves a slot whenever a change affects its nearest slots or its capacity. The load bound holds for any number
 * of members; with 1,000 the share is 16.4 slots and the bound, rounded up, 18.
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

/** Part of the fingerprint: nodes that compute other tables must not agree. To be changed with the assignment. */
export const TABLE_VERSION = 2

/** A fingerprint of the set of names and weights, 0 to 2^53 − 1. Equal sets have equal tables. */
export function epochOf(members: readonly Weighted[]): number {
  const set = members.map(({ name, weight }) => JSON.stringify([name, weight])).sort()
  const digest = createHash('sha1').update(`${TABLE_VERSION} ${set.join()}`).digest()
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
