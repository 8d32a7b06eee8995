// XSETID sets the last ID of a stream below entries that were removed: later entries were trimmed wrongly or unreadable.

import { expect, test } from 'vitest'
import { commandsOf } from '../support/differential.ts'
import { Harness } from '../support/harness.ts'
import { verifyStore } from '../support/verify.ts'

async function run(text: string): Promise<Harness> {
  const harness = new Harness()
  for (const command of commandsOf(text))
    expect(await harness.raw(...command), command.join(' ')).not.toMatch(/^-/)
  return harness
}

async function idsOf(harness: Harness, key: string): Promise<string[]> {
  const entries = (await harness.call('XRANGE', key, '-', '+')) as [id: string][]
  return entries.map(([id]) => id)
}

test('MINID removes the entries below it, whatever was removed before', async () => {
  const large = 'y'.repeat(1300)
  const harness = await run(`
    XADD s 3-0 f ${large} | XADD s 3-1 f ${large} | XADD s 39 f v | XDEL s 39 | XSETID s 4 | XADD s 24-1 f ${large}${large}
    XADD s MINID 24 29-1 f v`)
  expect(await idsOf(harness, 's')).toEqual(['24-1', '29-1'])
  expect(await harness.call('XTRIM', 's', 'MINID', 30)).toBe(2)
  expect(await harness.call('XLEN', 's')).toBe(0)
  verifyStore(harness.group('cache').store)
})

test('entries are read, found and removed although larger ones were there before', async () => {
  const harness = await run(`
    XADD s 5-1 f a | XADD s 7-1 f b | XDEL s 7-1 | XTRIM s MINID 6 | XSETID s 0 | XADD s 1-1 f c | XADD s 1-2 g d h e`)
  expect(await harness.call('XRANGE', 's', '-', '+')).toEqual([
    ['1-1', ['f', 'c']],
    ['1-2', ['g', 'd', 'h', 'e']],
  ])
  expect(await harness.call('XRANGE', 's', '1-1', '1-1')).toEqual([['1-1', ['f', 'c']]])
  expect(await harness.call('XDEL', 's', '1-1')).toBe(1)
  expect(await idsOf(harness, 's')).toEqual(['1-2'])
  verifyStore(harness.group('cache').store)
})

test('entries stay in order when a node below the removed ones is full', async () => {
  const harness = await run(`
    XADD s 5-1 f ${'x'.repeat(3000)} | XADD s 7-1 f b | XDEL s 7-1 | XTRIM s MINID 6 | XSETID s 0
    XADD s 1-1 f ${'y'.repeat(2000)} | XADD s 2-1 f c | XADD s 6-1 f d`)
  expect(await idsOf(harness, 's')).toEqual(['1-1', '2-1', '6-1'])
  verifyStore(harness.group('cache').store)
  expect(await harness.call('XTRIM', 's', 'MAXLEN', 1)).toBe(2)
  expect(await idsOf(harness, 's')).toEqual(['6-1'])
  verifyStore(harness.group('cache').store)
})
