// CONFIG GET maxmemory, INFO and MEMORY STATS named different numbers, and an idle node looked fragmented.

import { expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'

const MB = 2 ** 20

/** The fields of a flat list of names and values. */
function fields(reply: unknown): Record<string, unknown> {
  const flat = reply as unknown[]
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]))
}

async function info(harness: Harness): Promise<Record<string, string>> {
  const lines = String(await harness.call('INFO', 'memory')).split('\r\n')
  return Object.fromEntries(lines.map((line) => line.split(':') as [string, string]))
}

/** What CONFIG GET shows, which must be what INFO shows. */
async function maxmemory(harness: Harness): Promise<number> {
  const shown = fields(await harness.call('CONFIG', 'GET', 'maxmemory')).maxmemory
  expect((await info(harness)).maxmemory).toBe(shown)
  return Number(shown)
}

const set = (harness: Harness, ...pairs: (string | number)[]) => harness.call('CONFIG', 'SET', ...pairs)
const budgets = ({ groups }: Harness): number[] => groups.map(({ maxBytes }) => maxBytes)

test('maxmemory is the sum of the budgets, shared by groups that have none of their own', async () => {
  const harness = new Harness({ groups: { a: {}, b: {}, c: { maxBytes: MB } } })
  expect(await maxmemory(harness)).toBe(129 * MB)
  expect(await set(harness, 'maxmemory', '5mb')).toBe('OK')
  expect(budgets(harness)).toEqual([2 * MB, 2 * MB, MB])
  expect(await maxmemory(harness)).toBe(5 * MB)
  expect(await set(harness, 'maxmemory:a', '1mb')).toBe('OK')
  expect(await maxmemory(harness)).toBe(4 * MB)
  expect(await set(harness, 'maxmemory', '5mb')).toBe('OK')
  expect(budgets(harness)).toEqual([MB, 3 * MB, MB])
  // As in one command.
  expect(await set(harness, 'maxmemory:c', '2mb', 'maxmemory', '6mb')).toBe('OK')
  expect(budgets(harness)).toEqual([MB, 3 * MB, 2 * MB])
})

test('a sum that cannot be divided is the sum nevertheless', async () => {
  const harness = new Harness({ groups: { a: {}, b: {}, c: {} } })
  expect(await set(harness, 'maxmemory', 1_000_000)).toBe('OK')
  expect(budgets(harness)).toEqual([333_333, 333_333, 333_334])
  expect(await maxmemory(harness)).toBe(1_000_000)
})

test('a smaller sum evicts at once', async () => {
  const harness = new Harness()
  for (let i = 0; i < 1000; i++) await harness.call('SET', `key:${i}`, 'x'.repeat(100))
  expect(await set(harness, 'maxmemory', '128kb')).toBe('OK')
  expect(harness.groups[0].store.usedBytes).toBeLessThanOrEqual(65_536)
})

test('errors say which sum is possible', async () => {
  const harness = new Harness({ groups: { a: {}, b: {}, c: { maxBytes: MB } } })
  const failed = "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - "
  expect(await set(harness, 'maxmemory', '1mb')).toHaveProperty(
    'message',
    `${failed}argument must be between 1050624 and 9223372036854775807 inclusive: ` +
      '1048576 bytes are budgets of single groups, which maxmemory:<group> sets',
  )
  expect(await set(harness, 'maxmemory', 'x')).toHaveProperty(
    'message',
    `${failed}argument must be a memory value`,
  )
  await set(harness, 'maxmemory:a', '1mb', 'maxmemory:b', '1mb')
  expect(await set(harness, 'maxmemory', '5mb')).toHaveProperty(
    'message',
    `${failed}every group has a budget of its own: set maxmemory:<group>`,
  )
  expect(await set(new Harness(), 'maxmemory', 0)).toHaveProperty(
    'message',
    `${failed}argument must be between 2048 and 9223372036854775807 inclusive`,
  )
})

test.each([['idle'], ['filled']])('the figures of a node that is %s are plausible', async (state) => {
  const harness = new Harness()
  if (state === 'filled')
    for (let i = 0; i < 20_000; i++) await harness.call('SET', `key:${i}`, 'x'.repeat(100))
  const stats = fields(await harness.call('MEMORY', 'STATS'))
  const memory = await info(harness)
  // Alerts begin at 1.5; a new arena is filled only in part.
  for (const ratio of [Number(stats.fragmentation), Number(memory.mem_fragmentation_ratio)]) {
    expect(ratio).toBeGreaterThan(0.99)
    expect(ratio).toBeLessThan(1.5)
  }
  expect(stats).toMatchObject({
    'total.allocated': Number(memory.used_memory),
    'peak.allocated': Number(memory.used_memory_peak),
    'overhead.total': Number(memory.used_memory_overhead),
    'dataset.bytes': Number(memory.used_memory_dataset),
  })
  expect(memory.used_memory_dataset_perc).toBe(`${Number(stats['dataset.percentage']).toFixed(2)}%`)
  expect(Number(memory.used_memory_overhead) + Number(memory.used_memory_dataset)).toBe(
    Number(memory.used_memory),
  )
  // The process differs a little between the two commands.
  const near = (name: string, field: string): void => {
    expect(Math.abs(Number(stats[name]) / Number(memory[field]) - 1)).toBeLessThan(0.2)
  }
  near('fragmentation', 'mem_fragmentation_ratio')
  near('allocator.allocated', 'allocator_allocated')
  near('allocator.active', 'allocator_active')
  near('allocator.resident', 'used_memory_rss')
})
