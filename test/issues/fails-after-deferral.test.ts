// A command that failed after it had deferred its reply left its client without one, and everything behind it.

import { expect, onTestFinished, test, vi } from 'vitest'
import { KeyWaits } from '../../src/execution/blocking/key-waits.ts'
import { startCluster } from '../support/cluster.ts'
import { Harness } from '../support/harness.ts'

/** A walk over more keys runs in slices. */
const KEYS = 10_001
const FAULT = new Error('nothing can be deferred')

test('the client has an error, and its later commands run', async () => {
  const harness = new Harness()
  await harness.call('DEBUG', 'POPULATE', KEYS)
  vi.spyOn(harness.host.slices, 'add').mockImplementationOnce(() => {
    throw FAULT
  })
  await expect(harness.call('KEYS', '*')).rejects.toBe(FAULT)
  expect(await harness.call('DBSIZE')).toBe(KEYS)
  expect(await harness.call('KEYS', '*')).toHaveLength(KEYS)
})

test.each(['RPUSH', 'nothing'])('so has a client of another node (%s before it)', async (before) => {
  const cluster = await startCluster(2)
  onTestFinished(() => cluster.close())
  await cluster.agreed()
  const fails = vi.spyOn(KeyWaits.prototype, 'addPending')
  onTestFinished(() => fails.mockRestore())
  for (const { watcher } of cluster.members) {
    fails.mockImplementationOnce(() => {
      throw FAULT
    })
    const pipeline = watcher.pipeline()
    if (before === 'RPUSH') pipeline.rpush('other', 'element')
    pipeline.blpop('key', 0).get('string').ping()
    const replies = await pipeline.exec()
    expect(replies?.slice(-3)).toEqual([
      [expect.objectContaining({ message: 'ERR internal error' })],
      [null, null],
      [null, 'PONG'],
    ])
  }
})
