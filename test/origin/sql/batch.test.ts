// One query for many keys, against a database that treats different texts as equal, or rejects some.

import { expect, test } from 'vitest'
import { isBadRequest } from '../../../src/group/origin.ts'
import { Batch } from '../../../src/origin/sql/batch.ts'
import { type Driver, type Parameter, type Rows, StatementError } from '../../../src/origin/sql/driver.ts'
import { RowReader } from '../../../src/origin/sql/row-reader.ts'

interface Table {
  /** Keys and values. */
  readonly rows: readonly (readonly [key: string, value: string])[]
  readonly isEqual?: (key: string, asked: string) => boolean
  readonly refuses?: (asked: string) => boolean
  readonly columns?: readonly string[]
}

/** The results, the number of statements, and how many ran concurrently at most. */
async function find(
  { rows, isEqual = (key, asked) => key === asked, refuses = () => false, columns = ['value'] }: Table,
  keys: readonly string[],
  column?: string,
): Promise<{ found: Record<string, unknown>; statements: number; most: number }> {
  let statements = 0
  let running = 0
  let most = 0
  const run = async (asked: readonly Parameter[], isBatch: boolean): Promise<Rows> => {
    statements++
    most = Math.max(most, ++running)
    await Promise.resolve()
    running--
    if (asked.some((item) => refuses(String(item)))) throw new StatementError('refused', true, undefined)
    const given = rows.filter(([key]) => asked.some((item) => isEqual(key, String(item))))
    return isBatch
      ? { columns: ['key', ...columns], rows: given }
      : { columns, rows: given.map(([, value]) => [value]) }
  }
  const driver: Driver = {
    one: (item) => run([item ?? ''], false),
    many: (items) => run(items ?? [], true),
    isLasting: () => false,
    prepare: () => Promise.reject(new Error('not here')),
    close: async () => undefined,
  }
  const found = await new Batch(driver, new RowReader(column, 'string'), new AbortController().signal).find(
    keys,
  )
  expect([...found.keys()]).toEqual(keys)
  const shown = [...found].filter(([, value]) => value != null)
  return { found: Object.fromEntries(shown), statements, most }
}

const absent = (count: number): string[] => Array.from({ length: count }, (_, i) => `none ${i}`)
const ignoringCase = (key: string, asked: string): boolean => key.toLowerCase() === asked.toLowerCase()
/** Equality that our own rule does not cover. */
const germanly = (key: string, asked: string): boolean => key.replace('ä', 'ae') === asked.replace('ä', 'ae')

test("a key equal to a row's key costs one more statement, whatever the number of keys", async () => {
  const table = { rows: [['Tom', '630']], isEqual: ignoringCase } as const
  expect(await find(table, [...absent(99), 'tom'])).toEqual({ found: { tom: '630' }, statements: 2, most: 1 })
  const found = { tom: '630', Tom: '630', TOM: '630' }
  expect(await find(table, [...absent(50), 'tom', 'Tom', 'TOM'])).toMatchObject({ found, statements: 3 })
})

test.each([
  ['Straße', 'STRASSE'],
  ['Jack', 'JÁCK'],
  ['ὀδυσσεύς', 'ΟΔΥΣΣΕΥΣ'],
  ['7', '007'],
  ['Tom ', 'Tom'],
])('%s and %s may be equal', async (key, asked) => {
  const isEqual = (row: string, given: string): boolean => row === key && (given === key || given === asked)
  const table = { rows: [[key, '1']], isEqual } as const
  expect((await find(table, [...absent(9), asked])).found).toEqual({ [asked]: '1' })
  expect((await find(table, [...absent(9), key, asked])).found).toEqual({ [key]: '1', [asked]: '1' })
})

test('equal keys that our folding does not predict are found by bisection', async () => {
  const table = { rows: [['Bär', '1']], isEqual: germanly } as const
  const { found, statements, most } = await find(table, [...absent(99), 'Baer'])
  expect([found, most]).toEqual([{ Baer: '1' }, 1])
  expect(statements).toBeLessThan(20)
})

test('rows that match no key cost at most one statement per key, and change nothing', async () => {
  const rows = Array.from({ length: 100 }, (_, i) => [`other ${i}`, 'x'] as const)
  const isEqual = (key: string, asked: string): boolean => key === asked || asked === 'all'
  const { found, statements } = await find({ rows, isEqual }, [...absent(99), 'all'])
  expect(found).toEqual({ all: expect.any(Error) })
  expect(statements).toBeLessThanOrEqual(101)
})

test('rejected keys are errors of their own, and are queried one by one', async () => {
  const table = { rows: [['a', '1']], refuses: (asked: string) => asked.startsWith('bad') } as const
  const bad = Array.from({ length: 99 }, (_, i) => `bad ${i}`)
  const { found, statements, most } = await find(table, ['a', ...bad])
  expect(found).toEqual({ a: '1', ...Object.fromEntries(bad.map((key) => [key, expect.any(Error)])) })
  expect(isBadRequest(found[bad[0]])).toBe(true)
  expect(statements).toBeLessThan(200)
  expect(most).toBe(1)
})

test('several rows equal to a key are an error of that key', async () => {
  const rows = [
    ['Tom', '1'],
    ['TOM', '2'],
  ] as const
  const { found } = await find({ rows, isEqual: ignoringCase }, ['tom', 'Jack'])
  expect(found).toEqual({ tom: new Error('the query gave more than one row') })
})

test('a dropped column is an error, not an absent key', async () => {
  const table = { rows: [['a', '1']], columns: ['renamed'] } as const
  const error = await find(table, ['a'], 'name').catch((thrown: Error) => thrown)
  expect([isBadRequest(error), String(error)]).toEqual([
    true,
    'BadRequest: the query no longer returns a column name',
  ])
})
