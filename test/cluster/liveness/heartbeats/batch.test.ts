// A large cluster concludes once for many messages; a small one, and whatever stops a node from serving, at once.

import { expect, test } from 'vitest'
import { ManualClock } from '../../../../src/bytes/clock.ts'
import { Detector } from '../../../../src/cluster/liveness/detector.ts'
import { batchInterval } from '../../../../src/cluster/liveness/heartbeats/batch.ts'
import type { Member } from '../../../../src/cluster/member.ts'
import { IGNORED_EVENTS } from '../../../support/detector-events.ts'

const TIMEOUT = 2000

function memberOf(i: number): Member {
  return { name: `10.0.0.${i}:7000`, host: `10.0.0.${i}`, port: 7000, weight: 1 }
}

/** A node, all of whose peers are known to it; `views`: the sizes of its views. */
function started(count: number) {
  const clock = new ManualClock(1_000_000)
  const members = Array.from({ length: count }, (_, i) => memberOf(i))
  const views: number[] = []
  let declaredDead = 0
  const detector = new Detector({
    self: members[0],
    runId: 'run 0',
    clock,
    timers: clock,
    timeout: TIMEOUT,
    epochOf: (view) => view.length,
    tableVersion: 1,
    events: {
      ...IGNORED_EVENTS,
      onView: (view) => views.push(view.members.length),
      onDeclaredDead: () => declaredDead++,
    },
  })
  detector.setMembers(members)
  const tell = (i: number, serial: number, fields = {}): void => {
    const { name } = memberOf(i)
    detector.receive(name, { ...detector.exchange.message(), name, runId: `run ${i}`, serial, ...fields })
  }
  for (let i = 1; i < count; i++) {
    detector.linkReady(memberOf(i).name, `run ${i}`)
    tell(i, 1, { answers: 1, unknown: [] })
  }
  clock.advance(TIMEOUT / 4)
  detector.tick()
  return { clock, detector, views, tell, deaths: () => declaredDead }
}

test('the deaths of many members are one change of the view', () => {
  const { clock, detector, views } = started(200)
  expect(views).toEqual([200])
  // The first one is a change of its own: nothing was concluded lately.
  clock.advance(100)
  for (let i = 1; i <= 20; i++) {
    detector.linkBroken(memberOf(i).name, 'refused')
    clock.advance(0)
  }
  expect(views).toEqual([200, 199])
  clock.advance(batchInterval(199, TIMEOUT))
  expect(views).toEqual([200, 199, 180])
  clock.advance(1000)
  expect(views).toHaveLength(3)
})

test('in a small cluster each death changes the view at once', () => {
  const { detector, views } = started(10)
  for (let i = 1; i <= 3; i++) detector.linkBroken(memberOf(i).name, 'refused')
  expect(views).toEqual([10, 9, 8, 7])
})

test('a node that was declared dead does not wait to know it', () => {
  const { clock, detector, tell, deaths } = started(200)
  clock.advance(100)
  detector.linkBroken(memberOf(1).name, 'refused')
  detector.linkBroken(memberOf(2).name, 'refused')
  expect(deaths()).toBe(0)
  tell(3, 2, { tombstones: { [memberOf(0).name]: { runId: 'run 0', count: 1 } } })
  expect(deaths()).toBe(1)
})

test('a clock that is set back delays no conclusion', () => {
  const { clock, detector, views } = started(200)
  clock.set(500_000)
  detector.linkBroken(memberOf(1).name, 'refused')
  expect(views).toEqual([200, 199])
})

test('no conclusion follows after the node has stopped', () => {
  const { clock, detector, views } = started(200)
  clock.advance(100)
  detector.linkBroken(memberOf(1).name, 'refused')
  detector.linkBroken(memberOf(2).name, 'refused')
  detector.stop()
  clock.advance(1000)
  expect(views).toEqual([200, 199])
})

test('the interval grows with the number of members, up to a part of the timeout', () => {
  expect([3, 63, 100, 1000, 10_000].map((peers) => batchInterval(peers, TIMEOUT))).toEqual([
    0, 0, 10, 100, 100,
  ])
})
