// A node that sent values of 100 MB answered heartbeats late, and was declared dead while its replies arrived.

import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Detector } from '../../src/cluster/liveness/detector.ts'
import { addressName, type Member } from '../../src/cluster/member.ts'
import { IGNORED_EVENTS } from '../support/detector-events.ts'

const TIMEOUT = 1000
const TICK = 200

function member(port: number): Member {
  return { name: addressName('localhost', port), host: 'localhost', port, weight: 1 }
}

class Watched {
  readonly clock = new ManualClock(1_000_000)
  readonly other = member(2)
  repliedAt = 0
  readonly detector: Detector

  constructor() {
    this.detector = new Detector({
      self: member(1),
      runId: 'one',
      clock: this.clock,
      timeout: TIMEOUT,
      epochOf: (members) => members.length,
      tableVersion: 1,
      repliedAt: () => this.repliedAt,
      events: IGNORED_EVENTS,
    })
    this.detector.setMembers([member(1), this.other])
    this.detector.linkReady(this.other.name, 'two')
  }

  get status(): string | undefined {
    return this.detector.peers()[0]?.status
  }

  /** So much time passes without an answer to a heartbeat. */
  pass(ms: number, isReplying: boolean): void {
    for (let passed = 0; passed < ms; passed += TICK) {
      this.clock.advance(TICK)
      if (isReplying) this.repliedAt = this.clock.now()
      this.detector.tick()
    }
  }
}

test('a member that replies to forwarded requests is not silent', () => {
  const watched = new Watched()
  watched.pass(3 * TIMEOUT, true)
  expect(watched.status).toBe('up')
  watched.pass(TIMEOUT - TICK, false)
  expect(watched.status).toBe('up')
  watched.pass(TICK, false)
  expect(watched.status).toBe('down')
})

test('the link for heartbeats may be closed meanwhile, since an answer is missing', () => {
  const watched = new Watched()
  watched.pass(TIMEOUT, true)
  watched.detector.linkBroken(watched.other.name, 'silent')
  expect(watched.status).toBe('up')
  watched.pass(TIMEOUT, false)
  expect(watched.status).toBe('down')
})

test('a member declared dead does not come alive again by a late reply', () => {
  const watched = new Watched()
  watched.pass(TIMEOUT, false)
  expect(watched.status).toBe('down')
  watched.pass(TIMEOUT, true)
  expect(watched.status).toBe('down')
})
