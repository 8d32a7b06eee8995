// Request contexts: how they are encoded, and which of them carry the epoch.

import { expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { RequestContexts } from '../../../src/cluster/links/request-contexts.ts'
import { Group } from '../../../src/group/group.ts'

const clock = new ManualClock()
const environment = {
  instant: new Instant(clock),
  hasher: new Hasher({ low: 1, high: 2 }),
  timers: clock,
  random: () => 0,
}
const policy = { maxBytes: 2 ** 16, ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 }
const groups = ['first', 'second'].map((name) => new Group({ ...policy, name }, environment))
const words = (request: Buffer): string[] =>
  request
    .toString()
    .split('\r\n')
    .filter((_, i) => i > 0 && i % 2 === 0)

test('a context has group, protocol, flags and epoch', () => {
  const contexts = new RequestContexts(groups)
  contexts.epoch = 7
  expect(words(contexts.command(contexts.encode(groups[0], 2, false, false)))).toEqual([
    'PEER',
    'CONTEXT',
    'first',
    '2',
    '0',
    '7',
  ])
  const other = contexts.encode(groups[1], 3, true, false)
  expect(words(contexts.command(other)).slice(2)).toEqual(['second', '3', '1', '7'])
  expect(contexts.decode(other)).toEqual({ group: groups[1], protocol: 3, noTouch: true })
})

// The member that was named as owner may be handing the slot over at this moment.
test('a request that this node coordinates carries no epoch, so that the receiver checks the owner', () => {
  const contexts = new RequestContexts(groups)
  contexts.epoch = 7
  const coordinated = contexts.encode(groups[0], 2, false, true)
  expect(coordinated).not.toBe(contexts.encode(groups[0], 2, false, false))
  expect(words(contexts.command(coordinated))[5]).toBe('0')
})

test('contexts of successive epochs differ, however many there are', () => {
  const contexts = new RequestContexts(groups)
  let last = -1
  for (let epoch = 1; epoch < 2 ** 17 + 10; epoch++) {
    contexts.epoch = epoch
    const number = contexts.encode(groups[0], 2, false, false)
    if (number === last || number === contexts.encode(groups[0], 2, false, true)) expect.fail(`at ${epoch}`)
    last = number
  }
})
