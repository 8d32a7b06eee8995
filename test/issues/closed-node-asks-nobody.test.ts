// A request that waited for an owner was sent again every 50 ms, for as long as requests may wait, by a node that had closed.

import { expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'

test('what a node would do later it does not do once its links are closed', async () => {
  const { host, clock, joined } = new Harness({ cluster: { host: '127.0.0.1', port: 7000 } })
  await joined
  const { cluster } = host
  if (cluster === undefined) expect.fail('no cluster')
  const done: string[] = []
  cluster.after(50, () => done.push('before'))
  clock.advance(50)
  cluster.after(50, () => done.push('after'))
  await cluster.close()
  clock.advance(50)
  cluster.after(50, () => done.push('later'))
  clock.advance(50)
  expect(done).toEqual(['before'])
})
