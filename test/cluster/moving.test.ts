// Slots on the move: commands, expiry and flushes on both sides, in any order, and nothing is lost nor comes back.

import { describe, expect, test } from 'vitest'
import { keySlot } from '../../src/bytes/crc16.ts'
import { ValueType } from '../../src/store/record.ts'
import { seededRandom } from '../support/random.ts'
import { ALL_SLOTS, Chance, Client, MovingNode } from './handover/simulated-handover.ts'

const START = 1_700_000_000_000
const GROUPS = 2
const KEYS = 60

interface Scene {
  readonly chance: Chance
  readonly loser: MovingNode
  readonly gainer: MovingNode
  readonly model: MovingNode
  readonly client: Client
}

function scene(seed: number, bytesPerSecond = 0): Scene {
  const chance = new Chance(seededRandom(seed))
  const loser = new MovingNode('loser', START, chance, GROUPS)
  const gainer = new MovingNode('gainer', START + 123_456, chance, GROUPS)
  const model = new MovingNode('model', START, chance, GROUPS)
  loser.handOverTo(gainer, chance, bytesPerSecond)
  gainer.handOverTo(loser, chance, bytesPerSecond)
  return { chance, loser, gainer, model, client: new Client(chance, model) }
}

function advance({ chance, loser, gainer, model }: Scene, ms: number): void {
  if (chance.underWay > 0) return
  for (const node of [loser, gainer, model]) node.advance(ms)
}

function send({ chance, client }: Scene, node: MovingNode, previous: MovingNode | undefined): void {
  client.send(node, previous, chance.draw(GROUPS), `key ${chance.draw(KEYS)}`)
}

function flush({ chance, model }: Scene, node: MovingNode, previous: MovingNode | undefined): void {
  const group = chance.draw(GROUPS)
  node.groups[group].clear()
  model.groups[group].clear()
  if (previous !== undefined) void chance.travel().then(() => previous.groups[group].clear())
}

/** An entry where it does not belong. */
function stray({ chance }: Scene, node: MovingNode): void {
  const { store } = node.groups[chance.draw(GROUPS)]
  const key = Buffer.from(`key ${chance.draw(2 * KEYS)}`)
  store.put(key, 0, key.length, key, 0, key.length, ValueType.STRING, 0)
  node.takeover.ranMisrouted(keySlot(key, 0, key.length))
}

/** All slots go from one node to the other while commands run. */
async function move(scene: Scene, from: MovingNode, to: MovingNode, flushes: boolean): Promise<void> {
  // What final requests left there.
  for (let i = scene.chance.draw(80); i > 0; i--) stray(scene, to)
  const { chance, client } = scene
  const early = chance.draw(2) === 0
  to.expecting = early
  from.takeover.lost(ALL_SLOTS)
  from.handover.lost(ALL_SLOTS, to.name)
  if (early) for (let i = chance.draw(20); i > 0; i--) await chance.next()
  to.expecting = false
  to.handover.regained(ALL_SLOTS)
  to.takeover.gained(ALL_SLOTS, from.name)
  for (let step = 0; step < 150; step++) {
    const dice = chance.draw(100)
    if (dice < 45) send(scene, to, from)
    else if (dice < 48) advance(scene, chance.draw(200))
    else if (dice < 49 && flushes) flush(scene, to, from)
    else await chance.next()
  }
  for (let quiet = 0; from.handover.pending > 0 || client.running > 0 || to.takeover.active; quiet++) {
    expect(quiet, 'it comes to an end').toBeLessThan(20_000)
    if (chance.waiting === 0) advance(scene, 50)
    await chance.next()
  }
  await client.settled()
  while (chance.waiting > 0) await chance.next()
}

function expectHandedOver({ model }: Scene, from: MovingNode, to: MovingNode): void {
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
      const all = scene(seed, rate)
      for (let i = 0; i < 150; i++) send(all, all.loser, undefined)
      await all.client.settled()
      await move(all, all.loser, all.gainer, flushes)
      expectHandedOver(all, all.loser, all.gainer)
      await move(all, all.gainer, all.loser, flushes)
      expectHandedOver(all, all.gainer, all.loser)
    }
  })
})
