// A node that leaves slowly: it goes on for as long as it progresses.

import { describe, expect, test } from 'vitest'
import { SimConnection } from './connection.ts'
import { SimMember } from './members.ts'
import { Network } from './network.ts'

const NAMES = ['n0:1', 'n1:1']
/** At this rate a batch of 64 KiB takes two seconds, and all of them ten. */
const RATE = 32_000
const KEYS = Array.from({ length: 640 }, (_, i) => `key ${i}`)
const VALUE = 'x'.repeat(1000)
/** Longer than a batch, shorter than the handover. */
const TIMEOUT = 5000

/** Leaves with this timeout. Resolves to whether everything was handed over, and what the other node has then. */
async function leave(since: 'start' | 'progress'): Promise<{ isDone: boolean; kept: unknown }> {
  const network = new Network(1)
  const until = async (isOver: () => boolean): Promise<void> => {
    const limit = network.step + 100_000
    while (!isOver()) {
      if (network.step > limit) throw new Error('no end')
      await network.next()
    }
  }
  const members = NAMES.map((name, i) => new SimMember(name, i + 1, NAMES, network, { handoverRate: RATE }))
  for (const member of members) member.start()
  await until(() => members.every((member) => member.isSettled(2)))
  const client = new SimConnection(network, 'client', NAMES[0])
  client.send(KEYS.map((key) => ['SET', key, VALUE]))
  await until(() => client.replies.length === KEYS.length)
  let isDone: boolean | undefined
  void members[1].cluster.drain(TIMEOUT, since).then((outcome) => {
    isDone = outcome
  })
  await until(() => isDone !== undefined)
  await members[1].end()
  await until(() => members[0].isSettled(1))
  const last = new SimConnection(network, 'last', NAMES[0])
  last.send([['EXISTS', ...KEYS]])
  await until(() => last.replies.length > 0)
  return { isDone: isDone === true, kept: last.replies[0] }
}

describe('a handover that takes longer than the timeout', () => {
  test('goes on if the timeout counts from the last progress, and loses nothing', async () => {
    expect(await leave('progress')).toEqual({ isDone: true, kept: KEYS.length })
  })

  test('ends if the timeout counts from the start', async () => {
    expect((await leave('start')).isDone).toBe(false)
  })
})
