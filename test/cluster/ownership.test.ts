// Who owns a slot, in simulated clusters that change faster than their messages arrive.

import { describe, expect, test } from 'vitest'
import { SELF } from '../../src/cluster/ownership.ts'
import { seededRandom } from '../support/random.ts'
import { Cluster, SLOTS } from './owners.ts'

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

/** Nodes whose stamps agree own disjoint slots, and each owns what the others send it. */
function expectAgreement(cluster: Cluster): void {
  const { running } = cluster
  for (const a of running) {
    const { stamp, owners } = a.ownership
    if (stamp === 0) continue
    for (const b of running) {
      if (a === b || b.ownership.stamp !== stamp) continue
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
  // Where all leave, there is nobody to leave to.
  if (running.every(({ leaving }) => leaving)) return
  for (const node of running) {
    expect(node.leaving).toBe(false)
    expect(node.ownership.pending).toBe(false)
    expect(node.gaining.size).toBe(0)
    expect(node.ownership.epoch).toBe(running[0].ownership.epoch)
    const target = cluster.targetOf(node)
    expect(node.ownership.owners).toEqual(target)
  }
}

type Act = 'join' | 'leave' | 'kill' | 'slander' | 'gossip' | 'retry' | 'correct'

/** Runs a cluster; what `acts` names more often happens more often. */
function live(seed: number, steps: number, acts: readonly Act[], check: (cluster: Cluster) => void): Cluster {
  const cluster = new Cluster(seededRandom(seed))
  cluster.join()
  for (let step = 0; step < steps; step++) {
    const dice = cluster.draw(100)
    if (dice < 12) {
      const act = acts[cluster.draw(acts.length)]
      if (act !== 'join' || cluster.running.length < 6) cluster[act]()
    } else if (!cluster.deliver(true)) cluster.gossip()
    check(cluster)
  }
  cluster.settle()
  return cluster
}

describe('Ownership', () => {
  test('planned joins and leaves: one owner at every moment, the target in the end, nothing left behind', () => {
    for (let seed = 1; seed <= 70; seed++) {
      const acts = ['join', 'leave', 'gossip', 'retry', 'correct', 'correct'] as const
      const cluster = live(seed, 400, acts, (cluster) => {
        expectOneOwner(cluster)
        expectAgreement(cluster)
      })
      expectSettled(cluster)
      for (const [slot, holder] of cluster.entries.entries()) expect(holder).toBe(holdersOf(cluster, slot)[0])
    }
  })

  test('deaths, true and false: nodes that have agreed never own the same slot', () => {
    for (let seed = 1; seed <= 70; seed++) {
      const acts = ['join', 'leave', 'kill', 'slander', 'gossip', 'retry', 'correct'] as const
      const cluster = live(seed, 400, acts, expectAgreement)
      expectSettled(cluster)
    }
  })
})
