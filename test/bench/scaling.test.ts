// The simulation of large clusters: what it derives is what the sources do.

import { describe, expect, test } from 'vitest'
import { joinFigures } from '../../bench/scaling/join.ts'
import { membersOf, tableFigures } from '../../bench/scaling/table.ts'
import { talkFigures } from '../../bench/scaling/talk.ts'
import { Ownership, type OwnershipRequest } from '../../src/cluster/ownership/ownership.ts'
import { assignSlots } from '../../src/cluster/ring/slots.ts'

test('the table: no member above its bound, a join moves about its share', () => {
  for (const count of [3, 40]) {
    const { worstLoad, moved, movedRatio } = tableFigures(count, 2)
    expect(worstLoad).toBeGreaterThanOrEqual(1)
    expect(worstLoad).toBeLessThan(1.06)
    expect(moved).toBeGreaterThan(0)
    expect(movedRatio).toBeGreaterThan(0.9)
    expect(movedRatio).toBeLessThan(1.3)
  }
})

describe('a join', () => {
  test.each([3, 12])(
    'of one more than %i: as many claims and bytes as when all of them are real',
    (count) => {
      const { claims, bytes } = realJoin(count)
      const derived = joinFigures(count)
      expect(derived.claims).toBe(claims)
      // Numbers of claims have other lengths.
      expect(derived.claimBytes / bytes).toBeCloseTo(1, 1)
    },
  )
})

test('messages: a ping and an answer to each of the others, longer when members are dead', async () => {
  const few = await talkFigures(5, 1)
  expect(few.messagesPerSecond).toBe(16)
  expect(few.messageBytes).toBeGreaterThan(200)
  expect(few.messageBytesTenthDead).toBeGreaterThan(few.messageBytes)
  expect(few.startBytes).toBeGreaterThan(0)
  const more = await talkFigures(20, 1)
  expect(more.messagesPerSecond).toBe(76)
  // Nothing in it grows with the number of members as long as all is well.
  expect(Math.abs(more.messageBytes - few.messageBytes)).toBeLessThan(8)
  expect(more.messageBytesTenthDead).toBeGreaterThan(few.messageBytesTenthDead)
})

/** Members that have agreed, and one more: every claim and answer until nothing is open. */
function realJoin(count: number): { claims: number; bytes: number } {
  const members = membersOf(count + 1)
  const names = members.map(({ name }) => name)
  const assign = (some: readonly string[]): Uint16Array =>
    assignSlots(some.map((name) => members[names.indexOf(name)]))
  const nodes = new Map(names.map((name): [string, Ownership] => [name, ownershipOf(name, names, assign)]))
  let claims = 0
  let bytes = 0
  /** As nodes do: one claim to each, more of them as soon as an answer tells something new. */
  const settle = (some: readonly string[]): void => {
    for (let isNew = true; isNew; ) {
      isNew = false
      for (const asking of some) {
        const node = nodes.get(asking)!
        for (const asked of some) {
          const claim: OwnershipRequest | undefined = asked === asking ? undefined : node.request(asked)
          if (claim === undefined) continue
          const answer = nodes.get(asked)!.requested(asking, claim)
          claims += 2
          bytes += JSON.stringify(claim).length + JSON.stringify(answer).length
          if (node.answered(asked, claim, answer)) isNew = true
        }
      }
    }
  }
  const see = (some: readonly string[], epoch: number): void => {
    const target = assign(some)
    for (const name of some) nodes.get(name)!.view({ epoch, members: some, target, leaving: [] })
    settle(some)
  }
  see(names.slice(0, count), 1)
  claims = 0
  bytes = 0
  see(names, 2)
  const held = [...nodes.values()].map((node) => node.held)
  expect(held.reduce((sum, each) => sum + each, 0)).toBe(16_384)
  expect([...nodes.values()].some(({ pending }) => pending)).toBe(false)
  return { claims, bytes }
}

function ownershipOf(
  self: string,
  names: readonly string[],
  assign: (names: readonly string[]) => Uint16Array,
): Ownership {
  return new Ownership({
    self,
    born: 0,
    indexOf: (name) => names.indexOf(name) + 1,
    nameOf: (index) => names[index - 1],
    assign,
    busy: () => false,
    gained: () => undefined,
    lost: () => undefined,
  })
}
