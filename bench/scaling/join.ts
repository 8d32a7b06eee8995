// What members say to each other about slots when one more joins.

import {
  Ownership,
  type OwnershipReply,
  type OwnershipRequest,
} from '../../src/cluster/ownership/ownership.ts'
import { assignSlots } from '../../src/cluster/ring/slots.ts'
import type { ScalingRow } from '../figures.ts'
import { membersOf } from './table.ts'

const EPOCH = 1

/** Whoever has been there before the join. */
interface Settled {
  readonly name: string
  /** Slots that it holds, slots that it is to hold, and those among them that it has from another settled one. */
  readonly holds: Set<number>
  readonly after: readonly number[]
  readonly gains: readonly number[]
}

/**
 * Counts claims and their answers when the last of `count + 1` members joins, all having the same view from the start:
 * the least that can be. The joiner is a real one. What the others do follows from the tables: each asks the joiner
 * to consent to all that is its own, and for slots that are to be its own it asks everybody, then their holder.
 */
export function joinFigures(count: number): Pick<ScalingRow, 'claims' | 'claimBytes'> {
  const members = membersOf(count + 1)
  const names = members.map(({ name }) => name)
  const joiner = names[count]
  const assign = (some: readonly string[]): Uint16Array =>
    assignSlots(some.map((name) => members[names.indexOf(name)]))
  const settled = settledOf(names.slice(0, count), assign(names.slice(0, count)), assign(names))
  const tally = new Tally()
  takeOver(joiner, settled, names, assign, tally)
  let claim = 0
  for (const { after, gains } of settled) {
    tally.add({ id: ++claim, epoch: EPOCH, ask: after, take: [] }, allGranted(after))
    if (gains.length === 0) continue
    // Everybody but the joiner, who is asked above already; the holders are asked twice.
    const rest = { id: ++claim, epoch: EPOCH, ask: gains, take: [] }
    for (let other = 1; other < count; other++) tally.add(rest, allGranted(gains))
    const holders = settled.filter(({ holds }) => gains.some((slot) => holds.has(slot)))
    for (const { holds } of holders) {
      const taken = gains.filter((slot) => holds.has(slot))
      tally.add({ id: ++claim, epoch: EPOCH, ask: [], take: taken }, { ...allGranted(taken), given: taken })
    }
  }
  return { claims: tally.claims, claimBytes: tally.bytes }
}

class Tally {
  claims = 0
  bytes = 0

  add(claim: OwnershipRequest, answer: OwnershipReply): void {
    this.claims += 2
    this.bytes += JSON.stringify(claim).length + JSON.stringify(answer).length
  }
}

function settledOf(names: readonly string[], before: Uint16Array, after: Uint16Array): Settled[] {
  const settled = names.map((name) => ({
    name,
    holds: new Set<number>(),
    after: [] as number[],
    gains: [] as number[],
  }))
  for (const [slot, owner] of before.entries()) {
    settled[owner].holds.add(slot)
    const next = settled[after[slot]]
    next?.after.push(slot)
    if (after[slot] !== owner) next?.gains.push(slot)
  }
  return settled
}

/** The joiner asks until all that is to be its own is. */
function takeOver(
  joiner: string,
  settled: readonly Settled[],
  names: readonly string[],
  assign: (names: readonly string[]) => Uint16Array,
  tally: Tally,
): void {
  const ownership = new Ownership({
    self: joiner,
    born: 0,
    indexOf: (name) => names.indexOf(name) + 1,
    nameOf: (index) => names[index - 1],
    assign,
    busy: () => false,
    gained: () => undefined,
    lost: () => undefined,
  })
  ownership.view({ epoch: EPOCH, members: names, target: assign(names), leaving: [] })
  while (ownership.pending) {
    let asked = 0
    for (const { name, holds } of settled) {
      const claim = ownership.request(name)
      if (claim === undefined) continue
      asked++
      const held = claim.ask.filter((slot) => holds.has(slot))
      const free = claim.ask.filter((slot) => !holds.has(slot))
      for (const slot of claim.take) holds.delete(slot)
      const answer: OwnershipReply = {
        agreed: true,
        granted: [...claim.take, ...free],
        given: claim.take,
        held,
      }
      tally.add(claim, answer)
      ownership.answered(name, claim, answer)
    }
    if (asked === 0) throw new Error(`${joiner} waits for slots that nobody gives it`)
  }
}

function allGranted(slots: readonly number[]): OwnershipReply {
  return { agreed: true, granted: slots, given: [], held: [] }
}
