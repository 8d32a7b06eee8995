// Sorted sets in a store against plain arrays: packed and paged, while records are evicted, moved and given TTLs.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NULL_REF, type Ref } from '../../../src/store/arena.ts'
import { ValueType } from '../../../src/store/record.ts'
import { seededRandom } from '../../support/random.ts'
import { CollectionTwin } from './collection-twin.ts'

type Element = readonly [member: string, score: number]

function ordered(model: ReadonlyMap<string, number>): Element[] {
  return [...model].sort(([a, x], [b, y]) => x - y || Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

class SortedSetTwin extends CollectionTwin<Map<string, number>> {
  /** Adds a member, or changes its score. False: refused. */
  add(key: string, member: string, score: number): boolean {
    const { store, model } = this
    const { sortedSets } = store
    const bytes = Buffer.from(member)
    const ref = this.open(key, ValueType.SORTED_SET, 2 * bytes.length + 9, new Map())
    if (ref === NULL_REF) return false
    const elements = model.get(key) ?? new Map<string, number>()
    const isFound = sortedSets.find(ref, bytes, 0, bytes.length)
    expect(isFound).toBe(elements.has(member))
    if (isFound) expect(sortedSets.score[0]).toBe(elements.get(member))
    sortedSets.score[0] = score
    const moved = isFound
      ? sortedSets.update(ref, bytes, 0, bytes.length)
      : sortedSets.insert(ref, bytes, 0, bytes.length)
    elements.set(member, score)
    this.finish(key, moved, elements.size)
    return true
  }

  remove(key: string, member: string): void {
    const ref = this.find(key)
    if (ref === NULL_REF) return
    const elements = this.model.get(key)
    const bytes = Buffer.from(member)
    const isFound = this.store.sortedSets.find(ref, bytes, 0, bytes.length)
    expect(isFound).toBe(elements?.delete(member))
    if (isFound)
      this.finish(key, this.store.sortedSets.remove(ref, bytes, 0, bytes.length), elements?.size ?? 0)
  }

  removeRange(key: string, from: number, share: number): void {
    const ref = this.find(key)
    const elements = this.model.get(key)
    if (ref === NULL_REF || elements === undefined) return
    const index = Math.floor(from * elements.size)
    const count = Math.floor(share * (elements.size - index))
    for (const [member] of ordered(elements).slice(index, index + count)) elements.delete(member)
    const { sortedSets } = this.store
    // Both ways for one element: also as it was just read.
    const isRead = count === 1 && index % 2 === 0 && sortedSets.seek(ref, index)
    const moved = isRead ? sortedSets.removeRead(ref, index) : sortedSets.removeRange(ref, index, count)
    this.finish(key, moved, elements.size)
  }

  checkKey(key: string): void {
    const ref = this.find(key)
    const elements = this.model.get(key)
    expect(ref === NULL_REF).toBe(elements === undefined)
    if (elements !== undefined) this.compare(ref, elements)
  }

  protected override compare(ref: Ref, elements: Map<string, number>): void {
    const { sortedSets } = this.store
    const wanted = ordered(elements)
    const read = (): Element => [sortedSets.span.copy().toString(), sortedSets.score[0]]
    sortedSets.verify(ref)
    expect(sortedSets.length(ref)).toBe(elements.size)
    const found: Element[] = []
    for (let is = sortedSets.seek(ref, 0); is; is = sortedSets.next()) found.push(read())
    expect(found).toEqual(wanted)
    const backwards: Element[] = []
    for (let is = sortedSets.seek(ref, wanted.length - 1, true); is; is = sortedSets.next())
      backwards.unshift(read())
    expect(backwards).toEqual(wanted)
    for (const at of new Set([0, wanted.length >> 1, wanted.length - 1])) {
      const [member, score] = wanted[at]
      const bytes = Buffer.from(member)
      expect(sortedSets.find(ref, bytes, 0, bytes.length)).toBe(true)
      expect(sortedSets.rank(bytes, 0, bytes.length)).toBe(at)
      expect(sortedSets.rankOfScore(ref, score, false)).toBe(wanted.filter(([, own]) => own < score).length)
      expect(sortedSets.rankOfScore(ref, score, true)).toBe(wanted.filter(([, own]) => own <= score).length)
      expect(sortedSets.seek(ref, at)).toBe(true)
      expect(read()).toEqual(wanted[at])
    }
  }
}

const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
const member = fc.oneof(
  { weight: 8, arbitrary: fc.nat(400).map((n) => `m${n}`) },
  { weight: 1, arbitrary: fc.integer({ min: 40, max: 600 }).map((n) => 'm'.repeat(n)) },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 3000 }).map((n) => 'l'.repeat(n)) },
)
const score = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.integer({ min: -5_000_000, max: 5_000_000 }).map((n) => n / 100),
  fc.double({ noNaN: true }).map((n) => n + 0),
  fc.constantFrom(Infinity, -Infinity, 2 ** 47, -(2 ** 47), 0.1),
)
const step = fc.record({
  key: fc.nat(5).map((n) => `zset ${n}`),
  member,
  score,
  share,
  how: fc.nat(12),
  times: fc.integer({ min: 1, max: 60 }),
})

test.each([64 * 1024, 300 * 1024])('sorted sets in %i bytes are what maps would be', (maxBytes) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const twin = new SortedSetTwin(maxBytes)
      for (const { key, member, score, share, how, times } of steps) {
        if (how < 8) {
          for (let i = 0; i < times; i++) {
            const name = i === 0 ? member : `m${(i * 37 + times) % 400}`
            if (how < 6) twin.add(key, name, i % 3 === 0 ? score : score + i)
            else twin.remove(key, name)
          }
        } else if (how < 10) twin.removeRange(key, share, how === 8 ? 1 / (times + 1) : share)
        else if (how === 10) twin.expire(key)
        else twin.add(key, member, 0)
        twin.store.verify()
        twin.checkKey(key)
      }
      twin.check()
    }),
    { numRuns: 40 },
  )
})

test.each([
  ['packed', 60],
  ['paged', 3000],
])('members of one score are found by their order: %s', (_, count) => {
  const twin = new SortedSetTwin(2 ** 24)
  for (let i = 0; i < count; i++) twin.add('k', `m${i * 7}`, 3)
  const members = ordered(twin.model.get('k') ?? new Map()).map(([each]) => Buffer.from(each))
  const { sortedSets } = twin.store
  for (const bound of ['', 'm', 'm7', 'm14', 'm2', 'm99999', 'z', 'm350', 'm3500']) {
    const bytes = Buffer.from(bound)
    const below = members.filter((each) => Buffer.compare(each, bytes) < 0).length
    const upTo = members.filter((each) => Buffer.compare(each, bytes) <= 0).length
    expect(sortedSets.rankOfMember(twin.find('k'), bytes, 0, bytes.length, false)).toBe(below)
    expect(sortedSets.rankOfMember(twin.find('k'), bytes, 0, bytes.length, true)).toBe(upTo)
  }
})

test.each([
  ['packed', 10],
  ['paged', 3000],
])('removing no element changes nothing: %s', (_, count) => {
  const twin = new SortedSetTwin(2 ** 24)
  for (let i = 0; i < count; i++) twin.add('k', `m${i}`, i)
  for (const at of [0, 0.5]) twin.removeRange('k', at, 0)
  twin.check()
})

test('a scan in parts meets every member that stays, while others come and go', () => {
  const twin = new SortedSetTwin(2 ** 24)
  for (let i = 0; i < 1200; i++) twin.add('k', `stays ${i}`, i % 10)
  const random = seededRandom(7)
  const met = new Map<string, number>()
  const { sortedSets } = twin.store
  let cursor = 0
  let calls = 0
  do {
    const visit = (): void => {
      const name = sortedSets.span.copy().toString()
      met.set(name, (met.get(name) ?? 0) + 1)
    }
    cursor = sortedSets.scan(twin.find('k'), cursor, 10, visit)
    calls++
    for (let i = 0; i < 10; i++) {
      twin.add('k', `comes ${random() % 1200}`, random() % 100)
      twin.remove('k', `comes ${random() % 1200}`)
      twin.add('k', `stays ${random() % 1200}`, random() % 100)
    }
  } while (cursor !== 0)
  expect(calls).toBeGreaterThan(100)
  for (let i = 0; i < 1200; i++) expect(met.get(`stays ${i}`)).toBe(1)
})

test('a large sorted set drains without losing a byte', () => {
  const twin = new SortedSetTwin(2 ** 26)
  const empty = twin.store.usedBytes
  const random = seededRandom(3)
  for (let i = 0; i < 8000; i++)
    twin.add('k', i % 50 === 0 ? `${i}`.padEnd(60 + (i % 700), '-') : `m${random() % 6000}`, random() % 1000)
  twin.check()
  for (let i = 0; i < 3000; i++) twin.remove('k', `m${random() % 6000}`)
  twin.check()
  while (twin.model.size > 0)
    twin.removeRange('k', 0.5 * (random() % 2), twin.model.get('k')?.size === 1 ? 1 : 0.6)
  twin.store.verify()
  // The rows of the regions stay.
  expect(twin.store.usedBytes).toBeLessThanOrEqual(empty + 16 * 32)
})

// Few scores: so ranges begin and end between members of the same one. A range is removed member by member, in the order of
// the members' hashes, or by a look at all scores, as its size and that of the sorted set demand.
test.each([
  ['few distinct scores', 5],
  ['nearly as many as members', 4000],
])('ranges of any size are removed: %s', (_, scores) => {
  const twin = new SortedSetTwin(2 ** 24)
  const random = seededRandom(scores)
  const fill = (): void => {
    while ((twin.model.get('k')?.size ?? 0) < 4400) {
      const name = `m${random() % 100_000}`
      twin.add(
        'k',
        random() % 40 === 0 ? name.padEnd(40 + (random() % 700), '-') : name,
        (random() % scores) - 2,
      )
    }
  }
  for (const [at, count] of [
    [0.3, 40],
    [0.5, 66],
    [0.99, 1000],
    [0, 300],
    [0.4, 2500],
  ]) {
    fill()
    twin.removeRange('k', at, Math.min(1, (count + 0.5) / (4400 * (1 - at))))
    twin.check()
  }
})
