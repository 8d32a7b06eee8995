// Ownership of slots in simulated clusters that change faster than their messages arrive.

import { describe, expect, test } from 'vitest'
import { Ownership } from '../../../src/cluster/ownership/ownership.ts'
import { type OwnershipReply, type OwnershipRequest, SELF } from '../../../src/cluster/ownership/protocol.ts'
import { seededRandom } from '../../support/random.ts'
import { Cluster, SLOTS } from './simulated-cluster.ts'

function holdersOf(cluster: Cluster, slot: number): string[] {
  return cluster.running.filter((node) => cluster.runs(node, slot)).map(({ name }) => name)
}

/** At no moment do two nodes run requests for one slot. */
function expectOneOwner(cluster: Cluster): void {
  for (let slot = 0; slot < SLOTS; slot++) {
    const holders = holdersOf(cluster, slot)
    if (holders.length > 1) expect.fail(`slot ${slot} is owned by ${holders.join(' and ')}`)
  }
}

/** Nodes with the same agreed epoch own disjoint slots, and each owns the slots that the others forward to it. */
function expectAgreement(cluster: Cluster): void {
  const { running } = cluster
  for (const a of running) {
    const { agreedEpoch, owners } = a.ownership
    if (agreedEpoch === 0) continue
    for (const b of running) {
      if (a === b || b.ownership.agreedEpoch !== agreedEpoch) continue
      for (let slot = 0; slot < SLOTS; slot++) {
        const owns = b.ownership.owners[slot] === SELF
        const sends = owners[slot] === cluster.numberOf(b.name)
        if (owns && owners[slot] === SELF) expect.fail(`${a.name} and ${b.name} both own slot ${slot}`)
        if (sends && !owns) expect.fail(`${a.name} sends slot ${slot} to ${b.name}, which does not own it`)
      }
    }
  }
}

function expectSettled(cluster: Cluster): void {
  const { running } = cluster
  // If all nodes leave, no node takes their slots.
  if (running.every(({ leaving }) => leaving)) return
  for (const node of running) {
    expect(node.leaving).toBe(false)
    expect(node.ownership.isPending).toBe(false)
    expect(node.gaining.size).toBe(0)
    expect(node.ownership.epoch).toBe(running[0].ownership.epoch)
    const target = cluster.targetOf(node)
    expect(node.ownership.owners).toEqual(target)
  }
}

type Action = 'join' | 'leave' | 'kill' | 'declareDead' | 'gossip' | 'retry'

/** Simulates a cluster. An action that is listed more often happens more often. */
function simulate(
  seed: number,
  steps: number,
  actions: readonly Action[],
  check: (cluster: Cluster) => void,
): Cluster {
  const cluster = new Cluster(seededRandom(seed))
  cluster.join()
  for (let step = 0; step < steps; step++) {
    const dice = cluster.draw(100)
    if (dice < 12) {
      const action = actions[cluster.draw(actions.length)]
      if (action !== 'join' || cluster.running.length < 6) cluster[action]()
    } else if (!cluster.deliver(true)) cluster.gossip()
    check(cluster)
  }
  cluster.settle()
  return cluster
}

describe('Ownership', () => {
  test('planned joins and leaves: one owner at every moment, the target in the end, nothing left behind', () => {
    for (let seed = 1; seed <= 70; seed++) {
      const actions = ['join', 'leave', 'gossip', 'retry'] as const
      const cluster = simulate(seed, 400, actions, (cluster) => {
        expectOneOwner(cluster)
        expectAgreement(cluster)
      })
      expectSettled(cluster)
      for (const [slot, holder] of cluster.entries.entries()) expect(holder).toBe(holdersOf(cluster, slot)[0])
    }
  })

  test('deaths, real and wrongly declared: nodes with the same epoch never own the same slot', () => {
    for (let seed = 1; seed <= 70; seed++) {
      const actions = ['join', 'leave', 'kill', 'declareDead', 'gossip', 'retry'] as const
      const cluster = simulate(seed, 400, actions, expectAgreement)
      expectSettled(cluster)
    }
  })
})

describe('late messages', () => {
  /** One of two nodes; the test plays the other one, which owns both slots at first. */
  class Pair {
    readonly events: string[] = []
    readonly node = new Ownership({
      self: 'a',
      firstSequence: 100,
      slots: 2,
      indexOf: () => 1,
      nameOf: () => 'b',
      assign: () => Uint16Array.of(0, 0),
      busy: () => false,
      gained: (slots, from) => this.events.push(`gained ${slots} from ${from}`),
      lost: (slots, to) => this.events.push(`lost ${slots} to ${to}`),
      moved: () => this.events.push('moved'),
    })
    #epoch = 1

    /** Sets the target owner of both slots. */
    target(name: 'a' | 'b'): void {
      const members = ['a', 'b']
      const target = new Uint16Array(2).fill(members.indexOf(name))
      this.node.setView({ epoch: this.#epoch++, members, target, leaving: [] })
    }

    answer(request: OwnershipRequest | undefined, answer: Partial<OwnershipReply>): boolean {
      return this.node.handleReply('b', request!, {
        agreed: true,
        granted: [],
        given: [],
        held: [],
        ...answer,
      })
    }

    /** Runs the protocol up to the request that the other node release both slots. */
    take(): OwnershipRequest {
      this.target('a')
      this.answer(this.node.request('b'), { held: [0, 1] })
      const request = this.node.request('b')
      expect([request?.ask, request?.take]).toEqual([[], [0, 1]])
      return request!
    }
  }

  test('a vote from before another node was the target owner does not count', () => {
    const pair = new Pair()
    pair.target('a')
    const request = pair.node.request('b')
    pair.target('b')
    pair.target('a')
    expect(pair.answer(request, { granted: [0, 1] })).toBe(false)
    expect([pair.node.isPending, pair.node.slotCount]).toEqual([true, 0])
    expect(pair.answer(pair.node.request('b'), { granted: [0, 1] })).toBe(true)
    expect([pair.node.isPending, pair.node.slotCount]).toEqual([false, 2])
  })

  test('a slot that is released to this node after its target changed is owned until it is requested', () => {
    const pair = new Pair()
    const request = pair.take()
    pair.target('b')
    const ask = { id: 1, epoch: pair.node.epoch, ask: [0, 1], take: [] }
    expect(pair.node.handleRequest('b', ask)).toMatchObject({ granted: [], held: [] })
    pair.answer(request, { granted: [0, 1], given: [0, 1] })
    expect(pair.node.handleRequest('b', { ...ask, id: 2 })).toMatchObject({ granted: [], held: [0, 1] })
    const taken = pair.node.handleRequest('b', { ...ask, id: 3, ask: [], take: [0, 1] })
    expect(taken).toMatchObject({ granted: [0, 1], given: [0, 1] })
    expect(pair.events).toEqual(['gained 0,1 from b', 'lost 0,1 to b'])
    // A repetition, as if the reply had been lost, gets the same reply; an older request does not.
    const again = { ...ask, id: 4, ask: [], take: [0, 1] }
    expect(pair.node.handleRequest('b', again)).toMatchObject({ given: [0, 1] })
    expect(pair.node.handleRequest('b', { ...again, id: 3 })).toMatchObject({ granted: [] })
  })

  test('that another member owns a slot than was known is announced: requests to the one before may be outstanding', () => {
    let moves = 0
    const names = ['a', 'b', 'c']
    const node = new Ownership({
      self: 'a',
      firstSequence: 100,
      slots: 1,
      indexOf: (name) => names.indexOf(name),
      nameOf: (index) => names[index],
      assign: () => Uint16Array.of(0),
      busy: () => false,
      gained: () => undefined,
      lost: () => undefined,
      moved: () => moves++,
    })
    const held = { agreed: true, granted: [], given: [], held: [0] }
    node.setView({ epoch: 1, members: names, target: Uint16Array.of(0), leaving: [] })
    const requests = { b: node.request('b')!, c: node.request('c')! }
    expect([node.owners[0], moves]).toEqual([1, 0])
    node.handleReply('b', requests.b, held)
    expect([node.owners[0], moves]).toEqual([1, 0])
    node.handleReply('c', requests.c, held)
    expect([node.owners[0], moves]).toEqual([2, 1])
  })

  test('a slot whose entries were handed over is not given another time', () => {
    const pair = new Pair()
    pair.node.ownAll()
    pair.target('b')
    const request = { id: 1, epoch: pair.node.epoch, ask: [], take: [0, 1] }
    expect(pair.node.handleRequest('b', request)).toMatchObject({ given: [0, 1] })
    pair.node.handedOver([0], 'b')
    // It has given them to a third node meanwhile, and is to own them again.
    expect(pair.node.handleRequest('b', { ...request, id: 2, ask: [0, 1], take: [] })).toMatchObject({
      granted: [0, 1],
      given: [1],
    })
  })

  test('replies to requests from before the node was declared dead do not count', () => {
    const pair = new Pair()
    const request = pair.take()
    pair.node.declaredDead()
    expect(pair.answer(request, { granted: [0, 1], given: [0, 1] })).toBe(false)
    expect([pair.events, pair.node.slotCount]).toEqual([[], 0])
  })

  test('a node that was declared dead owns nothing, and a node without others owns all slots', () => {
    const pair = new Pair()
    pair.node.ownAll()
    expect([pair.node.slotCount, pair.node.isPending]).toEqual([2, false])
    pair.target('a')
    pair.node.declaredDead()
    expect([pair.node.slotCount, pair.node.isPending]).toEqual([0, true])
    expect(pair.events).toEqual(['gained 0,1 from undefined', 'lost 0,1 to undefined'])
  })
})
