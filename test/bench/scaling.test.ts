// The simulation of large clusters agrees with the real code.

import { describe, expect, test } from 'vitest'
import { heartbeatFigures } from '../../bench/scaling/heartbeats.ts'
import { joinFigures } from '../../bench/scaling/join.ts'
import { membersOf, tableFigures } from '../../bench/scaling/slot-table.ts'
import { Ownership } from '../../src/cluster/ownership/ownership.ts'
import type { OwnershipRequest } from '../../src/cluster/ownership/protocol.ts'
import { assignSlots } from '../../src/cluster/ring/slots.ts'

test('the slot table: no member exceeds its bound, a join moves about the share of the new member', () => {
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
  test.each([3, 12])('with %i members: as many messages and bytes as between real nodes', (count) => {
    const { messages, bytes } = realJoin(count)
    const derived = joinFigures(count)
    expect(derived.slotMessages).toBe(messages)
    // The request numbers differ in length.
    expect(derived.slotMessageBytes / bytes).toBeCloseTo(1, 1)
  })
})

test('heartbeats: one and an answer to each peer, no larger with more members or while members are dead', async () => {
  const few = await heartbeatFigures(5, 3)
  expect(few.messagesPerSecond).toBe(16)
  expect(few.messageBytes).toBeGreaterThan(100)
  expect(Math.abs(few.messageBytesTenthDead - few.messageBytes)).toBeLessThan(8)
  expect(few.startBytes).toBeGreaterThan(0)
  expect(few.startSeconds).toBeGreaterThan(0)
  const more = await heartbeatFigures(20, 3)
  expect(more.messagesPerSecond).toBe(76)
  expect(Math.abs(more.messageBytes - few.messageBytes)).toBeLessThan(8)
  expect(Math.abs(more.messageBytesTenthDead - few.messageBytes)).toBeLessThan(8)
})

/** A join between real nodes: all ownership requests and replies until nothing is pending. */
function realJoin(count: number): { messages: number; bytes: number } {
  const members = membersOf(count + 1)
  const names = members.map(({ name }) => name)
  const assign = (some: readonly string[]): Uint16Array =>
    assignSlots(some.map((name) => members[names.indexOf(name)]))
  const nodes = new Map(names.map((name): [string, Ownership] => [name, ownershipOf(name, names, assign)]))
  let messages = 0
  let bytes = 0
  /** As nodes do: one request to each, and further ones as soon as a reply changes something. */
  const settle = (some: readonly string[]): void => {
    for (let isNew = true; isNew; ) {
      isNew = false
      for (const asking of some) {
        const node = nodes.get(asking)!
        for (const asked of some) {
          const request: OwnershipRequest | undefined = asked === asking ? undefined : node.request(asked)
          if (request === undefined) continue
          const reply = nodes.get(asked)!.handleRequest(asking, request)
          messages += 2
          bytes += JSON.stringify(request).length + JSON.stringify(reply).length
          if (node.handleReply(asked, request, reply)) isNew = true
        }
      }
    }
  }
  const see = (some: readonly string[], epoch: number): void => {
    const target = assign(some)
    for (const name of some) nodes.get(name)!.setView({ epoch, members: some, target, leaving: [] })
    settle(some)
  }
  see(names.slice(0, count), 1)
  messages = 0
  bytes = 0
  see(names, 2)
  const held = [...nodes.values()].map((node) => node.slotCount)
  expect(held.reduce((sum, each) => sum + each, 0)).toBe(16_384)
  expect([...nodes.values()].some(({ isPending }) => isPending)).toBe(false)
  return { messages, bytes }
}

function ownershipOf(
  self: string,
  names: readonly string[],
  assign: (names: readonly string[]) => Uint16Array,
): Ownership {
  return new Ownership({
    self,
    firstSequence: 0,
    indexOf: (name) => names.indexOf(name) + 1,
    nameOf: (index) => names[index - 1],
    assign,
    busy: () => false,
    gained: () => undefined,
    lost: () => undefined,
    moved: () => undefined,
  })
}
