// What a node concludes from the messages of a peer, which arrive over two connections and so not always in order.

import { expect, test } from 'vitest'
import { PeerState } from '../../../src/cluster/liveness/peer-state.ts'
import type { StateMessage } from '../../../src/cluster/liveness/state.ts'

const EPOCH = 2

/** The peer has declared this node dead, and serves its slots. */
const REPLACED = {
  epoch: 1,
  suspects: { a: 'refused' },
  tombstones: { a: { runId: 'run of a', count: 1 } },
} as const

function message(serial: number, fields: Partial<StateMessage> = {}): StateMessage {
  return {
    name: 'b',
    runId: 'run of b',
    serial,
    epoch: EPOCH,
    weight: 1,
    leaving: false,
    suspects: {},
    disconnected: false,
    unknown: [],
    list: '',
    tombstones: {},
    weakTombstones: {},
    gossip: {},
    ...fields,
  }
}

/** Whether this node has to drop its entries after each of these messages. */
function conflicts(...messages: readonly StateMessage[]): boolean[] {
  const state = new PeerState('a', 'run of a')
  state.observeRun('run of b')
  return messages.map((each) => {
    const isOutdated = state.isOutdated(each)
    state.update(each)
    return state.conflictEnds(each, { isOutdated, cameAlive: false, owns: true }, EPOCH)
  })
}

test('a conflict about slots ends when the peer agrees about the members', () => {
  expect(conflicts(message(1, REPLACED), message(2))).toEqual([false, true])
})

test('a message that was overtaken by a newer one begins no conflict', () => {
  expect(conflicts(message(2), message(1, REPLACED), message(3))).toEqual([false, false, false])
})

test('a declaration of death counts once, whether an ownership message or a heartbeat brings it first', () => {
  const state = new PeerState('a', 'run of a')
  const tombstone = REPLACED.tombstones.a
  // Nothing is known of the peer.
  expect(state.isNewTombstone(tombstone)).toBe(false)
  expect(state.observeRun('run of b')).toBe(false)
  expect(state.isNewTombstone({ ...tombstone, runId: 'an earlier run of a' })).toBe(false)
  expect(state.isNewTombstone(tombstone)).toBe(true)
  expect(state.hasNewTombstone(message(1, REPLACED))).toBe(false)
  expect(state.isNewTombstone({ ...tombstone, count: 2 })).toBe(true)
})
