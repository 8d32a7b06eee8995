// What a node asks of others again and again while slots move: it ends with the node.

import { expect, test } from 'vitest'
import { keySlot } from '../../../src/bytes/crc16.ts'
import { Relocation } from '../../../src/cluster/handover/relocation.ts'
import { seededRandom } from '../../support/random.ts'
import { MovingNode, RandomScheduler } from './simulated-handover.ts'

const key = Buffer.from('key')
const slot = keySlot(key, 0, key.length)

test('a closed node asks no other node for entries or to flush', async () => {
  const scheduler = new RandomScheduler(seededRandom(1))
  const { groups, instant, clock } = new MovingNode('node', 1_700_000_000_000, scheduler, 1)
  const asked: string[] = []
  const relocation = new Relocation({
    self: 'node',
    groups,
    instant,
    timers: clock,
    micros: () => 0,
    rate: 0,
    relayMs: 1000,
    expectsEntries: () => false,
    handedOver: () => undefined,
    ask: async (_name, _group, [, subcommand]) => {
      asked.push(String(subcommand))
      throw new Error('there is no link')
    },
    warn: () => undefined,
  })
  const pass = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      clock.advance(50)
      await new Promise(setImmediate)
    }
  }
  relocation.gained([slot], 'previous')
  relocation.lost([slot + 1], 'next')
  let isPulled = false
  void relocation.pull(groups[0], key).then(() => {
    isPulled = true
  })
  relocation.relay.flushed(groups[0])
  await pass()
  for (const each of ['PEEK', 'FLUSH', 'DONE'])
    expect(asked.filter((subcommand) => subcommand === each).length, each).toBeGreaterThan(3)
  relocation.close()
  await pass()
  asked.length = 0
  await pass()
  expect(asked).toEqual([])
  expect([isPulled, relocation.relay.isPassing()]).toEqual([false, false])
})
