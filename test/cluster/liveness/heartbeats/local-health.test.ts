// A node whose own heartbeats are late waits longer before it considers a silent peer dead.

import { expect, test } from 'vitest'
import { ManualClock } from '../../../../src/bytes/clock.ts'
import { Detector } from '../../../../src/cluster/liveness/detector.ts'
import { LocalHealth } from '../../../../src/cluster/liveness/heartbeats/local-health.ts'
import { addressName, type Member } from '../../../../src/cluster/member.ts'
import { IGNORED_EVENTS } from '../../../support/detector-events.ts'

const TIMEOUT = 1600
const INTERVAL = 400
const LATE = 150

function member(port: number): Member {
  return { name: addressName('localhost', port), host: 'localhost', port, weight: 1 }
}

/** How long after its last answer a peer is considered dead, if this node sends its heartbeats so late, ms. */
function silenceOf(lates: readonly number[]): number {
  const clock = new ManualClock(1_000_000)
  const other = member(2)
  const detector = new Detector({
    self: member(1),
    runId: 'one',
    clock,
    timeout: TIMEOUT,
    epochOf: (members) => members.length,
    tableVersion: 1,
    events: IGNORED_EVENTS,
  })
  detector.setMembers([member(1), other])
  detector.linkReady(other.name, 'two')
  const begun = clock.now()
  for (let i = 0; ; i++) {
    const late = lates[i] ?? lates.at(-1) ?? 0
    clock.advance(INTERVAL + late)
    detector.tick(late)
    if (detector.peers()[0]?.status === 'down') return clock.now() - begun
  }
}

test('heartbeats in time: after the timeout', () => {
  expect(silenceOf([0])).toBe(TIMEOUT)
  // A late one that does not matter.
  expect(silenceOf([TIMEOUT / 16])).toBe(4 * (INTERVAL + TIMEOUT / 16))
})

test('late heartbeats: after up to twice the timeout', () => {
  const silence = silenceOf([LATE])
  expect(silence).toBeGreaterThanOrEqual(2 * TIMEOUT)
  expect(silence).toBeLessThan(2 * TIMEOUT + INTERVAL + LATE)
})

test('one late heartbeat, and then others in time: after the timeout', () => {
  expect(silenceOf([LATE, 0])).toBe(LATE + 4 * INTERVAL)
})

test('patience grows with late heartbeats faster than it falls, within limits', () => {
  const health = new LocalHealth(1000)
  expect(health.patience).toBe(1000)
  health.sent(100)
  expect(health.patience).toBe(1250)
  for (let i = 0; i < 10; i++) health.sent(100)
  expect(health.patience).toBe(2000)
  health.sent(0)
  expect(health.patience).toBe(1875)
  for (let i = 0; i < 10; i++) health.sent(0)
  expect(health.patience).toBe(1000)
})
