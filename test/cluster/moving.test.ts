// Slots that move while commands, expiry and flushes run on both nodes in any order: no entry is lost or comes back.

import { describe, expect, test } from 'vitest'
import { keySlot } from '../../src/bytes/crc16.ts'
import { ValueType } from '../../src/store/record.ts'
import { seededRandom } from '../support/random.ts'
import { ALL_SLOTS, Client, MovingNode, RandomScheduler } from './handover/simulated-handover.ts'

const START = 1_700_000_000_000
const GROUPS = 2
const KEYS = 60

interface Simulation {
  readonly scheduler: RandomScheduler
  readonly first: MovingNode
  readonly second: MovingNode
  readonly model: MovingNode
  readonly client: Client
}

function simulation(seed: number, bytesPerSecond = 0): Simulation {
  const scheduler = new RandomScheduler(seededRandom(seed))
  const first = new MovingNode('first', START, scheduler, GROUPS)
  const second = new MovingNode('second', START + 123_456, scheduler, GROUPS)
  const model = new MovingNode('model', START, scheduler, GROUPS)
  first.handOverTo(second, scheduler, bytesPerSecond)
  second.handOverTo(first, scheduler, bytesPerSecond)
  return { scheduler, first, second, model, client: new Client(scheduler, model) }
}

function advance({ scheduler, first, second, model }: Simulation, ms: number): void {
  if (scheduler.inFlight > 0) return
  for (const node of [first, second, model]) node.advance(ms)
}

function send({ scheduler, client }: Simulation, node: MovingNode, previous: MovingNode | undefined): void {
  client.send(node, previous, scheduler.draw(GROUPS), `key ${scheduler.draw(KEYS)}`)
}

function flush({ scheduler, model }: Simulation, node: MovingNode, previous: MovingNode | undefined): void {
  const group = scheduler.draw(GROUPS)
  node.groups[group].clear()
  model.groups[group].clear()
  if (previous !== undefined) void scheduler.deliver().then(() => previous.groups[group].clear())
}

/** Adds an entry on a node that does not own its slot. */
function addMisplaced({ scheduler }: Simulation, node: MovingNode): void {
  const { store } = node.groups[scheduler.draw(GROUPS)]
  const key = Buffer.from(`key ${scheduler.draw(2 * KEYS)}`)
  store.put(key, 0, key.length, key, 0, key.length, ValueType.STRING, 0)
  node.takeover.ranMisrouted(keySlot(key, 0, key.length))
}

/** All slots go from one node to the other while commands run. */
async function move(
  simulation: Simulation,
  from: MovingNode,
  to: MovingNode,
  flushes: boolean,
): Promise<void> {
  // Entries that misrouted requests left there.
  for (let i = simulation.scheduler.draw(80); i > 0; i--) addMisplaced(simulation, to)
  const { scheduler, client } = simulation
  const early = scheduler.draw(2) === 0
  to.expecting = early
  from.takeover.lost(ALL_SLOTS)
  from.handover.lost(ALL_SLOTS, to.name)
  if (early) for (let i = scheduler.draw(20); i > 0; i--) await scheduler.next()
  to.expecting = false
  to.handover.regained(ALL_SLOTS)
  to.takeover.gained(ALL_SLOTS, from.name)
  for (let step = 0; step < 150; step++) {
    const dice = scheduler.draw(100)
    if (dice < 45) send(simulation, to, from)
    else if (dice < 48) advance(simulation, scheduler.draw(200))
    else if (dice < 49 && flushes) flush(simulation, to, from)
    else await scheduler.next()
  }
  for (let quiet = 0; from.handover.pending > 0 || client.running > 0 || to.takeover.active; quiet++) {
    expect(quiet, 'the handover ends').toBeLessThan(20_000)
    if (scheduler.waiting === 0) advance(simulation, 50)
    await scheduler.next()
  }
  await client.settled()
  while (scheduler.waiting > 0) await scheduler.next()
}

function expectHandedOver({ model }: Simulation, from: MovingNode, to: MovingNode): void {
  for (let group = 0; group < GROUPS; group++) {
    expect(to.contents(group)).toEqual(model.contents(group))
    expect(from.groups[group].store.size).toBe(0)
    to.groups[group].store.verify()
  }
}

describe('all slots from one node to another and back', () => {
  test.each([
    ['without flushes', false, 0],
    ['with flushes', true, 0],
    ['at a limited rate', false, 20_000],
  ])('%s', async (_name, flushes, rate) => {
    for (let seed = 1; seed <= 25; seed++) {
      const all = simulation(seed, rate)
      for (let i = 0; i < 150; i++) send(all, all.first, undefined)
      await all.client.settled()
      await move(all, all.first, all.second, flushes)
      expectHandedOver(all, all.first, all.second)
      await move(all, all.second, all.first, flushes)
      expectHandedOver(all, all.second, all.first)
    }
  })
})
