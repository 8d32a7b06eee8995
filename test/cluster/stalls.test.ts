// Requests of another node behind a pending load: those that must wait for it run when it ends.

import { expect, onTestFinished, test } from 'vitest'
import { startCluster } from '../support/cluster.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { connectAsPeer } from '../support/peer-client.ts'
import { poll } from '../support/poll.ts'

test('a command on all keys waits for a pending load, and later requests run after it', async () => {
  const origin = new GatedOrigin()
  const cluster = await startCluster(1, { groups: { users: { maxBytes: '16mb', origin: origin.load } } })
  onTestFinished(() => cluster.close())
  const { send, received } = await connectAsPeer(cluster.members[0].port)
  send(['PEER', 'CONTEXT', 'users', '2', '1', '0'], ['GET', 'slow'], ['DBSIZE'], ['ECHO', 'behind'])
  await origin.isAskedFor('slow')
  origin.give('slow', 'value')
  await poll(() => received().endsWith('behind\r\n'), 'the reply to the last request')
  expect(received()).toBe('@1\r\n^1\r\n$5\r\nvalue\r\n:1\r\n$6\r\nbehind\r\n')
})
