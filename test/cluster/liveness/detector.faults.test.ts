// Detectors under random faults: once these end, all agree, and nobody kept what another took over.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SimCluster, type SimNode } from '../../support/sim-cluster.ts'

type Step =
  | { readonly do: 'kill' | 'vanish' | 'start' | 'pause' | 'resume'; readonly node: number }
  | { readonly do: 'cut' | 'part' | 'drop'; readonly node: number; readonly other: number }
  | { readonly do: 'isolate'; readonly node: number }
  | { readonly do: 'lose'; readonly loss: number }
  | { readonly do: 'heal' }

const node = fc.nat({ max: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('kill', 'vanish', 'start', 'pause', 'resume'), node }),
  fc.record({ do: fc.constantFrom('cut', 'part', 'drop'), node, other: node }),
  fc.record({ do: fc.constant('isolate'), node }),
  fc.record({ do: fc.constant('lose'), loss: fc.constantFrom(0, 0.1, 0.5) }),
  fc.record({ do: fc.constant('heal') }),
)

const schedule = fc.array(fc.tuple(step, fc.constantFrom(0, 5, 50, 300, 700, 1100, 2500)), { maxLength: 16 })

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
    if (step.do === 'isolate') cluster.part([node], others)
    else if (step.do === 'part') cluster.part([node], [others[step.other % others.length]])
    else if (step.do === 'cut' || step.do === 'drop')
      cluster[step.do](node, others[step.other % others.length])
    else if (step.do !== 'start') cluster[step.do](node)
    else if (!node.alive) cluster.start(node)
  }
}

/** One may have been told already while the message that ends the conflict is still on its way to the other, ms. */
const UNDER_WAY = 100

/** Two that both think that they own something, of which one has declared the other dead. */
interface Conflict {
  readonly owner: SimNode
  readonly usurper: SimNode
  readonly runs: string
  readonly at: number
}

const runsOf = (a: SimNode, b: SimNode) => `${a.run} ${b.run}`

function conflicts(cluster: SimCluster): Conflict[] {
  const at = cluster.clock.now()
  const living = cluster.nodes.filter(({ alive, paused }) => alive && !paused)
  const found: Conflict[] = []
  for (const owner of living) {
    for (const usurper of living) {
      if (owner === usurper || !owner.sees.includes(owner.name[0])) continue
      if (!usurper.sees.includes(usurper.name[0]) || usurper.sees.includes(owner.name[0])) continue
      const report = usurper.detector.peers().find(({ name }) => name === owner.name)
      if (report?.status === 'down') found.push({ owner, usurper, runs: runsOf(owner, usurper), at })
    }
  }
  return found
}

describe('after random faults', () => {
  test.each([2, 3, 5])('%i nodes agree on all that live, and those that were declared dead know', (nodes) => {
    fc.assert(
      fc.property(schedule, fc.nat(), (steps, seed) => {
        const probation = { longest: LONGEST }
        const cluster = SimCluster.started({ nodes, seed, probation, delay: [1, 30] })
        const met: Conflict[] = []
        for (const [step, ms] of steps) {
          apply(cluster, step)
          cluster.run(ms)
          met.push(...conflicts(cluster))
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
        for (const { owner, usurper, runs, at } of met) {
          if (!owner.alive || !usurper.alive || runs !== runsOf(owner, usurper)) continue
          const from = at - UNDER_WAY
          expect(owner.count('deposed', from) + usurper.count('deposed', from)).toBeGreaterThan(0)
        }
        // Nothing is left to tell: the views stand still.
        const before = living.map(({ events }) => events.length)
        cluster.run(3000)
        expect(living.map(({ events }) => events.length)).toEqual(before)
      }),
      { numRuns: 20, seed: 7 },
    )
  })

  test('who stood still learns that it was declared dead before its doubt ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 300, max: 4000 }),
        fc.nat(),
        (nodes, ms, seed) => {
          const cluster = SimCluster.started({ nodes, seed, delay: [1, 30] })
          const [a, ...others] = cluster.nodes
          cluster.run(seed % cluster.ping)
          a.events = []
          cluster.pause(a)
          cluster.run(ms)
          const dead = others.some(({ sees }) => !sees.includes('a'))
          cluster.resume(a)
          cluster.run(2000)
          const story = a.story.join(' ')
          if (dead) expect(story).toMatch(/^doubt:true deposed /)
          // One that was asked in the moment of its verdict may still give it: by then the answer is under way.
          const certain = story.indexOf('doubt:false')
          if (certain >= 0 && dead) expect(story.indexOf('deposed')).toBeLessThan(certain)
          expect(a.detector.isLeaseCheckRunning).toBe(false)
        },
      ),
      { numRuns: 40, seed: 7 },
    )
  })
})
