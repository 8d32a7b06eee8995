import { expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'
import { seededRandom } from '../support/random.ts'

/** What HOTKEYS answers, as objects. */
async function hotKeys(harness: Harness, ...args: string[]): Promise<unknown[]> {
  const rows = (await harness.call('HOTKEYS', ...args)) as unknown[][]
  return rows.map(([group, key, rate, share, node]) => ({ group, key, rate, share, node }))
}

/** Ten times a second, as the housekeeping of a server does. */
function sample({ clock, groups, instant }: Harness): void {
  clock.advance(100)
  instant.refresh()
  for (const group of groups) group.hotKeys.sample(instant.monotonicMs)
}

test('a key that is read often is found, with its rate and share', async () => {
  const harness = new Harness()
  const next = seededRandom(5)
  const random = (): number => next() / 2 ** 32
  await harness.call('SET', 'hot', '1')
  for (let i = 0; i < 1000; i++) await harness.call('SET', `cold${i}`, '1')
  for (let round = 0; round < 3000; round++) {
    for (let i = 0; i < 4; i++)
      await harness.call('GET', random() < 0.5 ? 'hot' : `cold${Math.floor(random() * 1000)}`)
    sample(harness)
  }
  const found = await hotKeys(harness)
  expect(found).toHaveLength(1)
  const [{ group, key, rate, share, node }] = found as {
    [name: string]: unknown
    rate: number
    share: number
  }[]
  expect({ group, key, node }).toEqual({ group: 'cache', key: 'hot', node: 'self' })
  // 20 of 40 reads a second; samples scatter.
  expect(rate).toBeGreaterThan(15)
  expect(rate).toBeLessThan(25)
  expect(share).toBeGreaterThan(40)
  expect(share).toBeLessThan(60)
})

test('keys of other groups are kept apart, and one group can be asked for', async () => {
  const harness = new Harness()
  const other = harness.connect()
  await other.call('SELECT', 'other')
  await harness.call('SET', 'a', '1')
  await other.call('SET', 'b', '1')
  for (let i = 0; i < 10; i++) {
    await harness.call('GET', 'a')
    await other.call('GET', 'b')
    await other.call('GET', 'b')
    sample(harness)
  }
  expect(await hotKeys(harness)).toMatchObject([
    { group: 'other', key: 'b', share: 100 },
    { group: 'cache', key: 'a', share: 100 },
  ])
  expect(await hotKeys(harness, 'cache')).toMatchObject([{ key: 'a' }])
  expect(await hotKeys(harness, '1')).toMatchObject([{ key: 'b' }])
})

test('a key that is only written is found; one that is left alone is forgotten', async () => {
  const harness = new Harness()
  for (let i = 0; i < 50; i++) {
    await harness.call('INCR', 'counter')
    sample(harness)
  }
  expect(await hotKeys(harness)).toMatchObject([{ key: 'counter', share: 100 }])
  await harness.call('SET', 'other', '1')
  for (let i = 0; i < 3000; i++) {
    await harness.call('GET', 'other')
    sample(harness)
  }
  expect(await hotKeys(harness)).toMatchObject([{ key: 'other', share: 100 }])
})

test('without accesses nothing is counted; a pause of days forgets everything', async () => {
  const harness = new Harness()
  await harness.call('SET', 'a', '1')
  for (let i = 0; i < 100; i++) {
    for (let k = 0; k < 5; k++) await harness.call('GET', 'a')
    sample(harness)
  }
  const [before] = (await hotKeys(harness)) as { rate: number }[]
  for (let i = 0; i < 600; i++) sample(harness)
  const [after] = (await hotKeys(harness)) as { rate: number }[]
  expect(after?.rate ?? 0).toBeLessThan(before.rate)
  harness.clock.advance(10 * 24 * 3600 * 1000)
  sample(harness)
  expect(await hotKeys(harness)).toEqual([])
})

test('more keys than can be counted are no reason to call one hot', async () => {
  const harness = new Harness()
  for (let i = 0; i < 2000; i++) {
    await harness.call('SET', `key${i}`, '1')
    sample(harness)
  }
  expect(await hotKeys(harness)).toEqual([])
})

test('errors name what is wrong', async () => {
  const harness = new Harness()
  expect(await harness.raw('HOTKEYS', 'nobody')).toBe(
    '-ERR no such group: there is no group "nobody", known are cache (0), other (1)\r\n',
  )
  expect(await harness.raw('HOTKEYS', 'cache', 'x')).toBe(
    "-ERR wrong number of arguments for 'hotkeys' command\r\n",
  )
})
