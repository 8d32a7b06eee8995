// HyperLogLogs beyond their replies: loads, writes to the origin, budgets.

import { expect, test } from 'vitest'
import { defaultWrites } from '../../../src/group/writes/writes.ts'
import { Harness } from '../../support/harness.ts'

/** The value of a HyperLogLog with these elements. */
async function sketchOf(...elements: string[]): Promise<Buffer> {
  const harness = new Harness()
  await harness.call('PFADD', 'a', ...elements)
  return Buffer.from(String(await harness.call('GET', 'a')), 'latin1')
}

test('PFCOUNT loads through; PFADD and PFMERGE load first', async () => {
  const value = await sketchOf('x', 'y', 'z')
  const loaded: string[] = []
  const origin = (key: string): Buffer => {
    loaded.push(key)
    return value
  }
  const harness = new Harness({ groups: { cache: { origin } } })
  expect(await harness.call('PFCOUNT', 'a')).toBe(3)
  expect(await harness.call('PFCOUNT', 'a', 'b')).toBe(3)
  expect(await harness.call('PFADD', 'c', 'x')).toBe(0)
  expect(await harness.call('PFADD', 'c', 'q')).toBe(1)
  expect(await harness.call('PFMERGE', 'd', 'e', 'c')).toBe('OK')
  expect(await harness.call('PFCOUNT', 'd')).toBe(4)
  expect(loaded.sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('in a group that writes to its origin, the new value is written', async () => {
  const written: [string, Buffer][] = []
  const origin = {
    load: () => null,
    store: async (key: string, value: Buffer) => {
      written.push([key, Buffer.from(value)])
    },
  }
  const harness = new Harness({
    groups: { cache: { origin, writes: { ...defaultWrites, mode: 'through' } } },
  })
  await harness.call('PFADD', 'a', 'x')
  await harness.call('PFADD', 'a', 'x')
  expect(written).toEqual([['a', await sketchOf('x')]])
})

test('one that becomes dense and alone exceeds the budget is refused, and stays as it is', async () => {
  const harness = new Harness({ groups: { cache: { maxBytes: 10_000 } } })
  await harness.call('PFADD', 'a', 'x')
  const before = await harness.call('GET', 'a')
  const crowd = Array.from({ length: 5000 }, (_, i) => i)
  expect(await harness.raw('PFADD', 'a', ...crowd)).toMatch(/^-OOM /)
  expect(await harness.raw('PFDEBUG', 'TODENSE', 'a')).toMatch(/^-OOM /)
  expect(await harness.call('GET', 'a')).toBe(before)
})
