// A client that was unblocked with an error was in no statistics: neither as a call, nor as an error.

import { expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'

async function statistics(harness: Harness): Promise<string[]> {
  const text = String(await harness.call('INFO', 'errorstats', 'commandstats', 'stats'))
  const fields = /^(?:errorstat_|cmdstat_blpop|cmdstat_client.unblock|total_error_replies)/
  return text
    .split('\r\n')
    .filter((line) => fields.test(line))
    .map((line) => line.replace(/usec=\d+,usec_per_call=[\d.]+,/, ''))
    .sort()
}

test('CLIENT UNBLOCK with an error is a failed call of the command that waited, and an error', async () => {
  const harness = new Harness()
  const waiting = harness.connect()
  const reply = waiting.call('BLPOP', 'list', '0')
  expect(await harness.call('CLIENT', 'UNBLOCK', waiting.id, 'ERROR')).toBe(1)
  expect(await reply).toHaveProperty('message', 'UNBLOCKED client unblocked via CLIENT UNBLOCK')
  // As Redis counts them.
  expect(await statistics(harness)).toEqual([
    'cmdstat_blpop:calls=1,rejected_calls=0,failed_calls=1',
    'cmdstat_client|unblock:calls=1,rejected_calls=0,failed_calls=0',
    'errorstat_UNBLOCKED:count=1',
    'total_error_replies:1',
  ])
})

test('a client that may no longer use the key it waits for is one, too', async () => {
  const harness = new Harness()
  await harness.call('ACL', 'SETUSER', 'app', 'on', 'nopass', '+@all', '~*', '@group:*')
  const waiting = harness.connect()
  await waiting.call('AUTH', 'app', '')
  const reply = waiting.call('BLPOP', 'list', '0')
  await harness.call('ACL', 'SETUSER', 'app', 'resetkeys')
  expect(await reply).toHaveProperty('message', expect.stringMatching(/^NOPERM/))
  expect(await statistics(harness)).toEqual([
    'cmdstat_blpop:calls=1,rejected_calls=0,failed_calls=1',
    'errorstat_NOPERM:count=1',
    'total_error_replies:1',
  ])
})
