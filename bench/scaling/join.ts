// The messages about slot ownership when one more member joins.

import { Ownership } from '../../src/cluster/ownership/ownership.ts'
import type { OwnershipReply, OwnershipRequest } from '../../src/cluster/ownership/protocol.ts'
import { assignSlots } from '../../src/cluster/ring/slots.ts'
import type { ScalingRow } from '../figures.ts'
import { membersOf } from './slot-table.ts'

const EPOCH = 1

/** A member before the join. */
interface ExistingMember {
  readonly name: string
  /** The slots it owns before the join, those it owns afterwards, and those it takes over from another existing member. */
  readonly holds: Set<number>
  readonly after: readonly number[]
  readonly gains: readonly number[]
}

/**
 * Counts ownership requests and replies when the last of `count + 1` members joins, if all have the new view at once:
 * the minimum. The new member runs the real code. The requests of the others follow from the tables: each asks the new
 * member for its vote on all slots it owns; for slots that it takes over it asks all members, then the owner.
 */
export function joinFigures(count: number): Pick<ScalingRow, 'slotMessages' | 'slotMessageBytes'> {
  const members = membersOf(count + 1)
  const names = members.map(({ name }) => name)
  const joiner = names[count]
  const assign = (some: readonly string[]): Uint16Array =>
    assignSlots(some.map((name) => members[names.indexOf(name)]))
  const existing = existingMembers(names.slice(0, count), assign(names.slice(0, count)), assign(names))
  const tally = new Tally()
  runJoin(joiner, existing, names, assign, tally)
  let id = 0
  for (const { after, gains } of existing) {
    tally.add({ id: ++id, epoch: EPOCH, ask: after, take: [] }, allGranted(after))
    if (gains.length === 0) continue
    // All members but the new one, which was asked above. Owners are asked twice.
    const rest = { id: ++id, epoch: EPOCH, ask: gains, take: [] }
    for (let other = 1; other < count; other++) tally.add(rest, allGranted(gains))
    const owners = existing.filter(({ holds }) => gains.some((slot) => holds.has(slot)))
    for (const { holds } of owners) {
      const taken = gains.filter((slot) => holds.has(slot))
      tally.add({ id: ++id, epoch: EPOCH, ask: [], take: taken }, { ...allGranted(taken), given: taken })
    }
  }
  return { slotMessages: tally.messages, slotMessageBytes: tally.bytes }
}

class Tally {
  messages = 0
  bytes = 0

  add(request: OwnershipRequest, reply: OwnershipReply): void {
    this.messages += 2
    this.bytes += JSON.stringify(request).length + JSON.stringify(reply).length
  }
}

function existingMembers(
  names: readonly string[],
  before: Uint16Array,
  after: Uint16Array,
): ExistingMember[] {
  const existing = names.map((name) => ({
    name,
    holds: new Set<number>(),
    after: [] as number[],
    gains: [] as number[],
  }))
  for (const [slot, owner] of before.entries()) {
    existing[owner].holds.add(slot)
    const next = existing[after[slot]]
    next?.after.push(slot)
    if (after[slot] !== owner) next?.gains.push(slot)
  }
  return existing
}

/** The new member sends requests until it owns all its slots. */
function runJoin(
  joiner: string,
  existing: readonly ExistingMember[],
  names: readonly string[],
  assign: (names: readonly string[]) => Uint16Array,
  tally: Tally,
): void {
  const ownership = new Ownership({
    self: joiner,
    firstSequence: 0,
    indexOf: (name) => names.indexOf(name) + 1,
    nameOf: (index) => names[index - 1],
    assign,
    busy: () => false,
    gained: () => undefined,
    lost: () => undefined,
    moved: () => undefined,
  })
  ownership.setView({ epoch: EPOCH, members: names, target: assign(names), leaving: [] })
  while (ownership.isPending) {
    let requests = 0
    for (const { name, holds } of existing) {
      const request = ownership.request(name)
      if (request === undefined) continue
      requests++
      const held = request.ask.filter((slot) => holds.has(slot))
      const free = request.ask.filter((slot) => !holds.has(slot))
      for (const slot of request.take) holds.delete(slot)
      const reply: OwnershipReply = {
        agreed: true,
        granted: [...request.take, ...free],
        given: request.take,
        held,
      }
      tally.add(request, reply)
      ownership.handleReply(name, request, reply)
    }
    if (requests === 0) throw new Error(`${joiner} does not get all its slots`)
  }
}

function allGranted(slots: readonly number[]): OwnershipReply {
  return { agreed: true, granted: slots, given: [], held: [] }
}
