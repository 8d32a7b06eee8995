// Pipelines of every size, cut anywhere into reads, from many connections to three nodes, while links break and a node
// leaves and comes back: every reply is the one to its own request, and every value what was written to its key.

import { expect, onTestFinished, test } from 'vitest'
import { FaultyCluster } from '../support/faulty-cluster.ts'
import { type Random, RUNS_FACTOR, seededRandom } from '../support/random.ts'
import { loadedValue, Talker } from '../support/talker.ts'

const NODES = 3
const TALKERS = 6
const PIPELINES = 25
/** Turns of the event loop in which the buffers of all connections are used many times. */
const TURNS = 200

const SEEDS = Array.from({ length: Math.ceil(RUNS_FACTOR) }, (_, i) => i + 2)

async function start(): Promise<FaultyCluster> {
  const cluster = await FaultyCluster.start(NODES, {
    config: {
      groups: {
        cache: { maxBytes: '64mb' },
        // Too small for all values: they are loaded again and again.
        loaded: { maxBytes: '1mb', ttl: '50ms', origin: async (key: string) => loadedValue(key) },
      },
      // No node is declared dead, however busy the machine is.
      cluster: { timeout: '30s', pingInterval: '500ms' },
    },
  })
  onTestFinished(() => cluster.close())
  await cluster.agreed()
  return cluster
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}

function expectRight(talkers: readonly Talker[]): void {
  expect(talkers.flatMap(({ wrong }) => wrong)).toEqual([])
  for (const { compared } of talkers) expect(compared).toBeGreaterThan(PIPELINES)
}

test.each(SEEDS)('links that connect slowly, seed %i', async (seed) => {
  const random = seededRandom(seed)
  const cluster = await start()
  const talkers = Array.from({ length: TALKERS }, (_, i) => {
    const { port } = cluster.nodes[i % NODES]
    return new Talker({
      random: seededRandom(random()),
      name: `t${i}`,
      port: () => port,
      isForgiving: false,
    })
  })
  onTestFinished(() => talkers.forEach((talker) => void talker.close()))
  for (let i = 0; i < NODES; i++) for (const link of cluster.linksOf(i)) link.silence()
  const talking = Promise.all(talkers.map((talker) => talker.talk(PIPELINES)))
  await turns(TURNS)
  cluster.heal()
  await talking
  expectRight(talkers)
})

test.each(SEEDS)('links that break, and a node that leaves and comes back, seed %i', async (seed) => {
  const random = seededRandom(1000 + seed)
  const cluster = await start()
  const talkers = Array.from(
    { length: TALKERS },
    (_, i) =>
      new Talker({
        random: seededRandom(random()),
        name: `t${i}`,
        port: () => cluster.nodes[random() % NODES].port,
        isForgiving: true,
        answered: () => void fault(cluster, random),
      }),
  )
  onTestFinished(() => talkers.forEach((talker) => void talker.close()))
  const talking = Promise.all(talkers.map((talker) => talker.talk(PIPELINES)))
  await cluster.restart(NODES - 1)
  await talking
  cluster.heal()
  expectRight(talkers)
})

/** Something happens to a link; a silent one is heard again soon. */
async function fault(cluster: FaultyCluster, random: Random): Promise<void> {
  const from = random() % NODES
  const link = cluster.link(from, (from + 1 + (random() % (NODES - 1))) % NODES)
  const direction = random() % 2 === 0 ? 'there' : 'back'
  const kind = random() % 6
  if (kind === 0) link.cut()
  else if (kind === 1) link.cutAfter(1 + (random() % 50_000), direction)
  else if (kind === 2) link.slow(1 + (random() % 3), direction)
  else if (kind === 3) {
    link.silence(direction)
    await turns(random() % 100)
    cluster.heal()
  } else if (kind === 4) cluster.heal()
}
