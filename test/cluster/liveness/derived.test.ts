// What is kept until a peer's state changes is always what would be computed anew.

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import type { Derived } from '../../../src/cluster/liveness/derived.ts'
import type { Peers } from '../../../src/cluster/liveness/reports.ts'
import { SimCluster } from '../../support/sim-cluster.ts'

/** How often each of them was read: 0 would mean that nothing is compared. */
const reads = { gossip: 0, leaving: 0, listDifferences: 0 }

/** `expect` alone would take most of the time. */
function compare(kept: unknown, anew: unknown): void {
  if (!isDeepStrictEqual(kept, anew)) expect(kept).toEqual(anew)
}

vi.mock('../../../src/cluster/liveness/derived.ts', async (original) => {
  const { Derived: Kept } = await original<{ Derived: typeof Derived }>()
  class Compared extends Kept {
    readonly #peers: Peers

    constructor(peers: Peers) {
      super(peers)
      this.#peers = peers
    }

    override gossip(...args: Parameters<Derived['gossip']>): ReturnType<Derived['gossip']> {
      const kept = super.gossip(...args)
      reads.gossip++
      compare(kept, new Kept(this.#peers).gossip(...args))
      return kept
    }

    override get leaving(): ReadonlySet<string> {
      const kept = super.leaving
      reads.leaving++
      compare(kept, new Kept(this.#peers).leaving)
      return kept
    }

    override listDifferences(
      ...args: Parameters<Derived['listDifferences']>
    ): ReturnType<Derived['listDifferences']> {
      const kept = super.listDifferences(...args)
      reads.listDifferences++
      compare(kept, new Kept(this.#peers).listDifferences(...args))
      return kept
    }

    override isIn(...args: Parameters<Derived['isIn']>): boolean {
      const kept = super.isIn(...args)
      compare(
        kept,
        args[0].members.some(({ name }) => name === args[1]),
      )
      return kept
    }
  }
  return { Derived: Compared }
})

afterEach(() => Object.assign(reads, { gossip: 0, leaving: 0, listDifferences: 0 }))

const NODES = 5
/** Short, so that a few steps are enough for any failure. */
const TIMES = {
  timeout: 200,
  heartbeatInterval: 40,
  probation: { shortest: 50, longest: 200, window: 1000 },
} as const
/** Time passes in pieces: what one read has kept must not outlive the next message, ms. */
const PIECE = 25

const KINDS = [
  'kill',
  'powerOff',
  'start',
  'pause',
  'resume',
  'cut',
  'partition',
  'heal',
  'lose',
  'closeLink',
  'leave',
  'register',
  'unregister',
  'list',
] as const

const step = fc.record({
  kind: fc.constantFrom(...KINDS),
  node: fc.nat(NODES - 1),
  other: fc.nat(NODES - 1),
  /** The nodes of a list, or of one side of a partition. */
  some: fc.integer({ min: 1, max: 2 ** NODES - 1 }),
  ms: fc.constantFrom(0, 3, 40, 150, 300),
})

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function apply(cluster: SimCluster, { kind, node, other, some }: Step): void {
  const { nodes } = cluster
  const a = nodes[node]
  const b = nodes[other]
  const isIn = (_: unknown, i: number): boolean => (some & (1 << i)) !== 0
  if (kind === 'start') {
    if (!a.alive) cluster.start(a)
  } else if (kind === 'heal') cluster.healAll()
  else if (kind === 'lose') cluster.loss = 0.3
  else if (kind === 'partition')
    cluster.partition(
      nodes.filter(isIn),
      nodes.filter((each, i) => !isIn(each, i)),
    )
  else if (!a.alive) return
  else if (kind === 'kill') cluster.kill(a)
  else if (kind === 'powerOff') cluster.powerOff(a)
  else if (kind === 'resume') cluster.resume(a)
  else if (kind === 'pause') cluster.pause(a)
  else if (kind === 'cut') {
    if (a !== b) cluster.cut(a, b)
  } else if (a.paused) return
  else if (kind === 'closeLink') cluster.closeLink(a, b)
  else if (kind === 'leave') a.detector.leave()
  else if (kind === 'list')
    a.detector.setMembers(nodes.filter((each, i) => isIn(each, i) || each === a).map(({ member }) => member))
  else a.detector.setRegistered(kind === 'register')
}

/** Reads everything on every node, so that it is kept. */
function readAll(cluster: SimCluster): void {
  for (const { alive, detector } of cluster.nodes) {
    if (!alive) continue
    void detector.leavingPeers
    detector.listDifferences()
    detector.exchange.message()
  }
}

test('through any failures, restarts, lists and departures', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 25 }), fc.nat(1000), (steps, seed) => {
      const cluster = SimCluster.started({ nodes: NODES, seed, ...TIMES })
      readAll(cluster)
      for (const each of steps) {
        apply(cluster, each)
        readAll(cluster)
        for (let ms = 0; ms < each.ms; ms += PIECE) {
          cluster.run(Math.min(PIECE, each.ms - ms))
          readAll(cluster)
        }
      }
    }),
    { numRuns: 14, seed: 5 },
  )
  for (const count of Object.values(reads)) expect(count).toBeGreaterThan(500)
})
