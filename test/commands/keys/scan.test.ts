// SCAN's guarantee: a key that exists from the first call to the last is returned, whatever happens in between.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NULL_REF } from '../../../src/store/arena.ts'
import { ValueType } from '../../../src/store/record.ts'
import type { Store } from '../../../src/store/store.ts'
import { Harness } from '../../support/harness.ts'

const VALUE = Buffer.alloc(1)

function put(store: Store, name: string): void {
  const key = Buffer.from(name)
  store.put(key, 0, key.length, VALUE, 0, VALUE.length, ValueType.STRING, 0)
}

function remove(store: Store, name: string): void {
  const key = Buffer.from(name)
  const ref = store.peek(key, 0, key.length)
  if (ref !== NULL_REF) store.remove(ref)
}

/** One full iteration, with `between` after every call but the last; returns the keys in order. */
async function iterate(
  harness: Harness,
  options: readonly string[],
  between: (step: number) => void = () => {},
): Promise<string[]> {
  const keys: string[] = []
  let cursor = '0'
  for (let step = 0; step < 100_000; step++) {
    const [next, found] = (await harness.call('SCAN', cursor, ...options)) as [string, string[]]
    keys.push(...found)
    if (next === '0') return keys
    cursor = next
    between(step)
  }
  throw new Error('the iteration does not end')
}

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}:${i}`)

describe('an iteration', () => {
  test('of a keyspace at rest returns every key once', async () => {
    const harness = new Harness()
    const all = names('key', 5000)
    for (const name of all) put(harness.groups[0].store, name)
    for (const count of ['1', '7', '100', '4999', '5000', '5001', '9223372036854775807']) {
      const found = await iterate(harness, ['COUNT', count])
      expect(found.length, count).toBe(all.length)
      expect(new Set(found), count).toEqual(new Set(all))
    }
  })

  test('with a count that covers the keyspace ends at once', async () => {
    const harness = new Harness()
    for (const name of names('key', 50)) put(harness.groups[0].store, name)
    const [next, found] = (await harness.call('SCAN', '0', 'COUNT', '51')) as [string, string[]]
    expect(next).toBe('0')
    expect(found.length).toBe(50)
  })

  test('filters by pattern and type, with the same number of calls', async () => {
    const harness = new Harness()
    for (const name of [...names('a', 300), ...names('b', 300)]) put(harness.groups[0].store, name)
    expect((await iterate(harness, ['MATCH', 'a:*', 'TYPE', 'string'])).sort()).toEqual(
      names('a', 300).sort(),
    )
    expect(await iterate(harness, ['MATCH', 'a:*', 'TYPE', 'hash'])).toEqual([])
  })

  test('from an invalid cursor ends', async () => {
    const harness = new Harness()
    put(harness.groups[0].store, 'a')
    for (const cursor of ['4294967296', '18446744073709551615', '-1']) {
      expect(await harness.call('SCAN', cursor)).toEqual(['0', []])
    }
  })

  test('misses no key that stays while the index grows', async () => {
    const harness = new Harness()
    const { store } = harness.groups[0]
    const staying = names('stays', 400)
    for (const name of staying) put(store, name)
    let made = 0
    const found = await iterate(harness, ['COUNT', '20'], (step) => {
      if (step < 20) for (let i = 0; i < 4000; i++) put(store, `new:${made++}`)
    })
    expect(made).toBe(80_000)
    expect(staying.filter((name) => !found.includes(name))).toEqual([])
  })

  test('misses no key that stays while others are added and removed', async () => {
    const change = fc.record({
      add: fc.integer({ min: 0, max: 400 }),
      remove: fc.integer({ min: 0, max: 400 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 600 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(change, { maxLength: 30 }),
        async (stay, passing, count, changes) => {
          const harness = new Harness()
          const { store } = harness.groups[0]
          const staying = names('stays', stay)
          for (const name of staying) put(store, name)
          const others = names('first', passing)
          for (const name of others) put(store, name)
          let made = 0
          const found = new Set(
            await iterate(harness, ['COUNT', String(count)], (step) => {
              const { add, remove: gone } = changes[step] ?? { add: 0, remove: 0 }
              for (const name of others.splice(0, gone)) remove(store, name)
              for (let i = 0; i < add; i++) {
                others.push(`later:${made}`)
                put(store, `later:${made++}`)
              }
            }),
          )
          expect(staying.filter((name) => !found.has(name))).toEqual([])
          store.verify()
        },
      ),
      { numRuns: 60 },
    )
  })
})
