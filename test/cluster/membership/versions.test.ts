// Nodes whose versions assign slots differently never agree about owners: a node that meets such a one says so.

import { expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Detector } from '../../../src/cluster/liveness/detector.ts'
import type { StateMessage } from '../../../src/cluster/liveness/state.ts'
import { ListAgreement } from '../../../src/cluster/membership/list-agreement.ts'
import { IGNORED_EVENTS } from '../../support/detector-events.ts'

const TIMEOUT = 1000
const MEMBERS = ['a', 'b'].map((host) => ({ name: `${host}:7000`, host, port: 7000, weight: 1 }))

function detectorOf(place: number, run: string, clock: ManualClock, tableVersion: number): Detector {
  const detector = new Detector({
    self: MEMBERS[place],
    runId: run,
    clock,
    timeout: TIMEOUT,
    epochOf: (members) => members.length,
    tableVersion,
    events: IGNORED_EVENTS,
  })
  detector.setMembers(MEMBERS)
  return detector
}

test('a warning names the members of another version, until they run this one', () => {
  const clock = new ManualClock(1_000_000)
  const logged: string[] = []
  const log = (_: object, message: string): void => void logged.push(message)
  const own = detectorOf(0, 'a/1', clock, 2)
  const agreement = new ListAgreement({
    differences: () => own.listDifferences(),
    otherVersions: () => own.peersOfOtherVersions,
    lists: () => true,
    clock,
    log: { info: log, warn: log },
    interval: 100,
    delay: TIMEOUT,
    timeout: 2 * TIMEOUT,
  })
  const hear = (message: StateMessage): void => {
    own.linkReady('b:7000', message.runId)
    own.receive('b:7000', { ...message, answers: own.exchange.message().serial })
    agreement.heard('b:7000')
    clock.advance(200)
    own.tick()
  }
  const old = detectorOf(1, 'b/1', clock, 1)
  for (let i = 0; i < 20; i++) {
    // The first version sent none.
    const { table: _table, ...message } = old.exchange.message()
    hear(message)
  }
  const warning =
    'members assign slots differently from this node: b:7000: they cannot agree about owners, run the same version of Erinys on all nodes'
  expect(logged).toEqual([warning])
  expect(agreement.problem).toBe(warning)

  const newer = detectorOf(1, 'b/2', clock, 2)
  for (let i = 0; i < 20; i++) hear(newer.exchange.message())
  expect(agreement.problem).toBeUndefined()
  expect(logged).toEqual([warning, 'all members agree about the cluster again'])
})
