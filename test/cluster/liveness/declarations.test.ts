// Which peers are declared dead, and for which of them the connections that they have opened are closed.

import { expect, test } from 'vitest'
import { Declarations } from '../../../src/cluster/liveness/declarations.ts'
import { LocalHealth } from '../../../src/cluster/liveness/heartbeats/local-health.ts'
import { PeerTable } from '../../../src/cluster/liveness/peer-table.ts'
import type { StateMessage } from '../../../src/cluster/liveness/state.ts'
import type { Member } from '../../../src/cluster/member.ts'

const RULES = { timeout: 1000, local: new LocalHealth(1000), shortest: 500, longest: 30_000, window: 120_000 }
const MEMBER: Member = { name: 'b', host: 'b', port: 1, weight: 1 }

test.each([
  { leaving: false, fails: 'refused', closes: ['b'] },
  { leaving: false, fails: 'silent', closes: ['b'] },
  { leaving: true, fails: 'silent', closes: ['b'] },
  // It leaves in order, and its last requests are still under way.
  { leaving: true, fails: 'refused', closes: [] },
] as const)('a peer, leaving: $leaving, $fails: closes $closes', ({ leaving, fails, closes }) => {
  const closed: string[] = []
  const table = new PeerTable({ self: 'a', runId: 'run a', rules: RULES })
  const declarations = new Declarations(table, (name) => closed.push(name))
  table.update([MEMBER], 0)
  const peer = table.get('b')!
  peer.state.observeRun('run b')
  peer.state.update({ name: 'b', runId: 'run b', serial: 1, leaving } as StateMessage)
  peer.health.linkReady(0)
  declarations.declareIfDown('b', peer, RULES.timeout, () => {
    if (fails === 'refused') peer.health.linkBroken('refused', RULES.timeout)
    else peer.health.tick(RULES.timeout, undefined)
  })
  expect(peer.health.suspicion).toBe(fails)
  expect(declarations.tombstones).toHaveProperty('b')
  expect(closed).toEqual(closes)
})
