// Assigns the slots to the members of a cluster: the same table on every node that sees the same members.

import { createHash } from 'node:crypto'
import { SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Member } from '../member.ts'
import { VirtualNodes } from './virtual-nodes.ts'

/*
 * How a slot finds its owner. Every member has a virtual node in every slot, at a distance of its own: the slot
 * belongs to the nearest (weighted rendezvous hashing, the ring with as many virtual nodes as there are slots). A
 * join takes slots for the joiner only, a leave frees the leaver's only. A member's distances are an exact
 * permutation of the ranks 0 to 16,383, divided by its weight: that takes out the luck of members whose hashes
 * happen to be small, half of the variance of their loads.
 *
 * The load bound. A member that is nearest to more slots than its capacity keeps the nearest; the others ask
 * the next member, who may in turn give up a farther one (stable matching: its outcome does not depend on the
 * order of asking, and a change disturbs only members that are full). Capacities are 1.05 × the share, rounded
 * down at some members and up at others by a phase of their own: rounded alike, they would shrink everywhere at
 * the same join.
 *
 * What a join or leave moves, as a multiple of the ideal (the share of the joiner, the slots of the leaver), in 200
 * to 1,200 changes of random memberships of equal weights (12 changes of 500 and of 1,000 members):
 *
 *     members   20    50    80    90    100   150   200   500  1,000
 *     average  1.00  1.03  1.09  1.11  1.13  1.27  1.45  2.0   2.3
 *     most     1.06  1.10  1.23  1.25  1.26  1.46  1.70  2.3   2.6
 *
 * So 1.25 held for up to 90 members (50 when their weights are 1, 1, 2, 4, as it is the small that count), and on
 * average for up to 120, not for 150. With more, a member has so few slots (82 of 200 members) that their plain spread is
 * beyond 5 %: a fifth of the members stand at the bound, and each of them whose nearest slots or capacity a
 * change touches has to correct it by a slot. The load bound holds for any number; of 1,000 members the share is
 * 16.4 slots and the bound, rounded up, 18.
 */

/** A member's most slots relative to its share of them. */
const LOAD_BOUND = 1.05

/** Most members of a table: what its entries can tell apart. */
const MAX_MEMBERS = 65_535

/** What the table depends on. */
export type Weighted = Pick<Member, 'name' | 'weight'>

/**
 * The owner of every slot, as an index into `members`: 16,384 entries. Depends on the set of names and weights only,
 * not on their order. No member owns more than `ceil(1.05 × 16384 × weight / all weights)` slots.
 *
 * @throws RangeError on no members or more than 65,535, a name that comes twice, or a weight that is not a positive finite number
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
  settle(nodes, capacities, owners, distances)
  return owners.map((owner) => order[owner])
}

/** The slots of one owner as inclusive ranges, ascending and not adjacent. */
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

/** A fingerprint of the set of names and weights, 0 to 2^53 − 1: equal sets, equal tables. */
export function epochOf(members: readonly Weighted[]): number {
  const set = members.map(({ name, weight }) => JSON.stringify([name, weight])).sort()
  const digest = createHash('sha1').update(set.join()).digest()
  return (digest.readUInt32BE(0) >>> 11) * 2 ** 32 + digest.readUInt32BE(4)
}

/** The indices of the members by name. */
function canonicalOrder(members: readonly Weighted[]): number[] {
  const order = members.map((_, index) => index)
  order.sort((a, b) => (members[a].name < members[b].name ? -1 : 1))
  for (const [at, index] of order.entries()) {
    const { name, weight } = members[index]
    if (!(weight > 0 && weight < Infinity)) throw new RangeError(`weight ${weight} of member ${name}`)
    if (at > 0 && members[order[at - 1]].name === name) throw new RangeError(`member ${name} comes twice`)
  }
  return order
}

function capacitiesOf(members: readonly Weighted[], nodes: VirtualNodes): Int32Array {
  let weights = 0
  for (const { weight } of members) weights += weight
  const bound = (at: number) => LOAD_BOUND * SLOT_COUNT * (members[at].weight / weights)
  const capacities = Int32Array.from(members, (_, at) => Math.floor(bound(at) + nodes.phase(at)))
  const room = capacities.reduce((sum, capacity) => sum + capacity, 0)
  // Only among thousands of members can rounding take so much that not every slot finds a place.
  return room >= SLOT_COUNT ? capacities : capacities.map((_, at) => Math.ceil(bound(at)))
}

/** Moves slots on from members that own more than their capacity, until none does. */
function settle(
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
