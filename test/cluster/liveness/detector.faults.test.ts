// Failure detectors under random faults: afterwards all agree, and no node keeps slots that another took over.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchInterval } from '../../../src/cluster/liveness/heartbeats/batch.ts'
import { SimCluster } from '../../support/sim-cluster.ts'
import type { SimNode } from '../../support/sim-node.ts'

type Step =
  | { readonly do: 'kill' | 'powerOff' | 'start' | 'pause' | 'resume'; readonly node: number }
  | { readonly do: 'cut' | 'partition' | 'closeLink'; readonly node: number; readonly other: number }
  | { readonly do: 'isolate'; readonly node: number }
  | { readonly do: 'lose'; readonly loss: number }
  | { readonly do: 'heal' }

const node = fc.nat({ max: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('kill', 'powerOff', 'start', 'pause', 'resume'), node }),
  fc.record({ do: fc.constantFrom('cut', 'partition', 'closeLink'), node, other: node }),
  fc.record({ do: fc.constant('isolate'), node }),
  fc.record({ do: fc.constant('lose'), loss: fc.constantFrom(0, 0.1, 0.5) }),
  fc.record({ do: fc.constant('heal') }),
)

const schedule = fc.array(fc.tuple(step, fc.constantFrom(0, 5, 50, 300, 700, 1100, 2500)), { maxLength: 16 })

/** The longest interval between two conclusions with the timeout of these tests, ms. */
const BATCH = batchInterval(1000, 1000)

/** The longest probation in these tests, in ms. */
const LONGEST = 2000

function apply(cluster: SimCluster, step: Step): void {
  const { nodes } = cluster
  const at = (index: number) => nodes[index % nodes.length]
  if (step.do === 'heal') cluster.healAll()
  else if (step.do === 'lose') cluster.loss = step.loss
  else {
    const node = at(step.node)
    const others = nodes.filter((other) => other !== node)
    if (step.do === 'isolate') cluster.partition([node], others)
    else if (step.do === 'partition') cluster.partition([node], [others[step.other % others.length]])
    else if (step.do === 'cut' || step.do === 'closeLink')
      cluster[step.do](node, others[step.other % others.length])
    else if (step.do !== 'start') cluster[step.do](node)
    else if (!node.alive) cluster.start(node)
  }
}

/** The message that ends a conflict may have reached only one of the two nodes; the longest delay, ms. */
const MAX_DELAY = 100

/** Two nodes that both serve slots, although one has declared the other dead. */
interface Conflict {
  readonly owner: SimNode
  readonly declarer: SimNode
  readonly runs: string
  readonly at: number
}

const runsOf = (a: SimNode, b: SimNode) => `${a.run} ${b.run}`

function conflicts(cluster: SimCluster): Conflict[] {
  const at = cluster.clock.now()
  const living = cluster.nodes.filter(({ alive, paused }) => alive && !paused)
  const found: Conflict[] = []
  for (const owner of living) {
    for (const declarer of living) {
      if (owner === declarer || !owner.viewNames.includes(owner.name[0])) continue
      if (!declarer.viewNames.includes(declarer.name[0]) || declarer.viewNames.includes(owner.name[0]))
        continue
      const report = declarer.detector.peers().find(({ name }) => name === owner.name)
      if (report?.status === 'down') found.push({ owner, declarer, runs: runsOf(owner, declarer), at })
    }
  }
  return found
}

describe('after random faults', () => {
  test.each([2, 3, 5])(
    '%i nodes agree on who is alive, and those that were declared dead know it',
    (nodes) => {
      fc.assert(
        fc.property(schedule, fc.nat(), (steps, seed) => {
          const probation = { longest: LONGEST }
          // Half of the runs conclude at intervals, as a large cluster does.
          const batchMs = seed % 2 === 0 ? undefined : BATCH
          const cluster = SimCluster.started({ nodes, seed, probation, batchMs, delay: [1, 30] })
          const seen: Conflict[] = []
          for (const [step, ms] of steps) {
            apply(cluster, step)
            cluster.run(ms)
            seen.push(...conflicts(cluster))
          }
          cluster.healAll()
          cluster.run(2 * LONGEST + 4000)
          const living = cluster.nodes.filter(({ alive }) => alive)
          const all = living.map(({ name }) => name[0]).join('')
          expect(cluster.views).toEqual(living.length > 0 ? [all] : [])
          expect(new Set(living.map(({ detector }) => detector.view.epoch)).size).toBe(
            Math.min(1, living.length),
          )
          for (const { detector } of living)
            expect([detector.isLeaseCheckRunning, detector.settled]).toEqual([false, true])
          for (const { owner, declarer, runs, at } of seen) {
            if (!owner.alive || !declarer.alive || runs !== runsOf(owner, declarer)) continue
            const from = at - MAX_DELAY
            expect(
              owner.countEvents('declaredDead', from) + declarer.countEvents('declaredDead', from),
            ).toBeGreaterThan(0)
          }
          // The views are stable: no further event is emitted.
          const before = living.map(({ events }) => events.length)
          cluster.run(3000)
          expect(living.map(({ events }) => events.length)).toEqual(before)
        }),
        { numRuns: 20, seed: 7 },
      )
    },
  )

  test('a paused node learns that it was declared dead before its lease check ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 300, max: 4000 }),
        fc.nat(),
        (nodes, ms, seed) => {
          const cluster = SimCluster.started({ nodes, seed, delay: [1, 30] })
          const [a, ...others] = cluster.nodes
          cluster.run(seed % cluster.heartbeatInterval)
          a.events = []
          cluster.pause(a)
          cluster.run(ms)
          const dead = others.some(({ viewNames }) => !viewNames.includes('a'))
          cluster.resume(a)
          cluster.run(2000)
          const log = a.log.join(' ')
          if (dead) expect(log).toMatch(/^leaseCheck:true declaredDead /)
          // A node that answers at the moment of its own decision may declare this node dead while the answer is on its way.
          const checkEnd = log.indexOf('leaseCheck:false')
          if (checkEnd >= 0 && dead) expect(log.indexOf('declaredDead')).toBeLessThan(checkEnd)
          expect(a.detector.isLeaseCheckRunning).toBe(false)
        },
      ),
      { numRuns: 40, seed: 7 },
    )
  })
})
