// Walks over all records, negative entries too: none is missed, and only unwanted ones are removed.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Twin } from './twin.ts'

const names = fc.uniqueArray(fc.nat(3000), { maxLength: 400 })

function filled(numbers: readonly number[]): Twin {
  const twin = new Twin(2_000_000)
  for (const i of numbers) {
    if (i % 7 === 0) twin.put(`k${i}`, Buffer.alloc(0), { absent: true, loadMs: 1, ttl: 50 })
    else twin.put(`k${i}`, Buffer.alloc(i % 90), i % 5 === 0 ? { ttl: i } : {})
  }
  return twin
}

test('prune removes unwanted records during concurrent writes', () => {
  fc.assert(
    fc.property(
      names,
      fc.integer({ min: 2, max: 9 }),
      fc.integer({ min: 64, max: 900 }),
      (all, by, steps) => {
        const twin = filled(all)
        const { store } = twin
        const wanted = (name: string) => Number(name.slice(1)) % by !== 0
        let cursor = 0
        let round = 0
        do {
          cursor = store.keyspace.prune(cursor, steps, (bytes, start, end) =>
            wanted(Buffer.from(bytes.subarray(start, end)).toString()),
          )
          // Records stored meanwhile are wanted.
          const late = `late${round++ * by + 1}`
          store.put(Buffer.from(late), 0, late.length, Buffer.alloc(40), 0, 40, 1, 0)
        } while (cursor !== 0)
        store.verify()
        const left: string[] = []
        for (let at = 0; ; ) {
          at = store.keyspace.walk(at, 500, (ref) => left.push(store.copyKey(ref).toString()))
          if (at === 0) break
        }
        const kept = left.filter((name) => !name.startsWith('late')).sort()
        expect(kept).toEqual(
          all
            .map((i) => `k${i}`)
            .filter(wanted)
            .sort(),
        )
        expect(left.length - kept.length).toBe(round)
        expect(store.absent).toBe(kept.filter((name) => Number(name.slice(1)) % 7 === 0).length)
      },
    ),
    { numRuns: 60 },
  )
})

test('walk visits every record once, expired and negative ones too', () => {
  const numbers = Array.from({ length: 3000 }, (_, i) => i)
  const twin = filled(numbers)
  twin.advance(1000)
  const seen: string[] = []
  let calls = 0
  for (let cursor = 0; ; calls++) {
    cursor = twin.store.keyspace.walk(cursor, 256, (ref) => seen.push(twin.store.copyKey(ref).toString()))
    if (cursor === 0) break
  }
  expect(calls).toBeGreaterThan(5)
  expect(seen.sort()).toEqual(numbers.map((i) => `k${i}`).sort())
})
