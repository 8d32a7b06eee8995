// The index against a sorted list: order, growth, splitting, walking while it changes.

import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/bytes/hash.ts'
import type { Ref } from '../../src/store/arena.ts'
import { Index, MIN_INDEX_BYTES, SLOT_BYTES } from '../../src/store/index.ts'
import { type Random, seededRandom } from '../support/random.ts'

/** The expected content: references by hash. */
class Model {
  readonly #byHash = new Map<number, Set<number>>()
  size = 0

  add(hash: number, ref: number): void {
    const refs = this.#byHash.get(hash >>> 0) ?? new Set()
    refs.add(ref)
    this.#byHash.set(hash >>> 0, refs)
    this.size++
  }

  delete(hash: number, ref: number): void {
    const refs = this.#byHash.get(hash >>> 0)
    if (refs?.delete(ref) !== true) throw new Error('the model has no such entry')
    if (refs.size === 0) this.#byHash.delete(hash >>> 0)
    this.size--
  }

  refs(hash: number): number[] {
    return [...(this.#byHash.get(hash >>> 0) ?? [])].sort((a, b) => a - b)
  }

  get hashes(): number[] {
    return [...this.#byHash.keys()].sort((a, b) => a - b)
  }
}

/** The references found by a probe. */
function probe(index: Index, hash: number): number[] {
  const found: number[] = []
  for (let at = index.seek(hash as Hash); index.slots[at] === hash && index.slots[at + 1] !== 0; at += 2)
    found.push(index.slots[at + 1])
  return found.sort((a, b) => a - b)
}

function walkAll(index: Index, limit: number, steps = Number.POSITIVE_INFINITY): [number, number][] {
  const seen: [number, number][] = []
  let cursor = 0
  let calls = 0
  do {
    cursor = index.walk(cursor, limit, steps, (ref, hash) => seen.push([hash >>> 0, ref]))
    if (calls++ > 1_000_000) throw new Error('the walk does not end')
  } while (cursor !== 0)
  return seen
}

/** Checks that probes and walks find all entries and no others, and that walks are in order of hash. */
function check(index: Index, model: Model): void {
  expect(index.count).toBe(model.size)
  const walked = walkAll(index, Number.POSITIVE_INFINITY)
  const { hashes } = model
  let at = 0
  for (const hash of hashes) {
    const refs = model.refs(hash)
    const here: number[] = []
    for (; at < walked.length && walked[at][0] === hash; at++) here.push(walked[at][1])
    if (here.sort((a, b) => a - b).join() !== refs.join())
      throw new Error(`hash ${hash}: walked ${here}, not ${refs}`)
    const probed = probe(index, hash | 0)
    if (probed.join() !== refs.join()) throw new Error(`hash ${hash}: probed ${probed}, not ${refs}`)
  }
  expect(at).toBe(walked.length)
}

/** Several distributions of hashes: uniform, few, adjacent, at the limits. */
const natures: readonly (readonly [string, (random: Random) => number])[] = [
  ['uniform', (random) => random() | 0],
  ['few, many of them equal', (random) => Math.imul(random() % 50, 0x9e3779b1)],
  ['at both ends', (random) => (random() % 2 === 0 ? random() % 100 : -1 - (random() % 100))],
  ['around the sign bit', (random) => (2 ** 31 - 500 + (random() % 1000)) | 0],
]

describe.each(natures)('hashes %s', (_name, draw) => {
  test('random insertions, removals and replacements', () => {
    const random = seededRandom(11)
    const index = new Index()
    const model = new Model()
    const entries: [hash: number, ref: number][] = []
    // References become negative during the test.
    let next = 2 ** 31 - 5000
    for (let i = 0; i < 30_000; i++) {
      const growing = (i >>> 12) % 2 === 0
      const choice = random() % 10
      if (choice < (growing ? 7 : 2)) {
        const entry: [number, number] = [draw(random), next++ | 0]
        index.insert(entry[0] as Hash, entry[1] as Ref)
        model.add(...entry)
        entries.push(entry)
      } else if (entries.length > 0) {
        const place = random() % entries.length
        const [hash, ref] = entries[place]
        model.delete(hash, ref)
        if (choice === 9) {
          const to = next++ | 0
          index.replace(hash as Hash, ref as Ref, to as Ref)
          model.add(hash, to)
          entries[place] = [hash, to]
        } else {
          index.remove(hash as Hash, ref as Ref)
          const last = entries.pop() as [number, number]
          if (place < entries.length) entries[place] = last
        }
      }
      if (i % 1000 === 0) check(index, model)
    }
    check(index, model)
    for (const [hash, ref] of entries) index.remove(hash as Hash, ref as Ref)
    expect(index.count).toBe(0)
    expect(walkAll(index, 10)).toEqual([])
  })
})

describe('growth', () => {
  test('shards split, keep a high load factor, and shrink when entries are removed', () => {
    const random = seededRandom(5)
    const index = new Index()
    const hashes = new Int32Array(200_000)
    let worst = 0
    for (let i = 0; i < hashes.length; i++) {
      hashes[i] = random() | 0
      index.insert(hashes[i] as Hash, (i + 1) as Ref)
      if (i > 1000) worst = Math.max(worst, index.bytes / (index.count * SLOT_BYTES))
    }
    // A load factor between 0.64 and 0.8, and the overflow slots of each shard.
    expect(worst).toBeLessThan(1 / 0.64 + 0.1)
    expect(index.count).toBe(hashes.length)
    for (let i = 0; i < hashes.length; i++) {
      const found = probe(index, hashes[i])
      if (!found.includes(i + 1)) throw new Error(`entry ${i} was lost`)
    }
    const walked = walkAll(index, 1000)
    expect(walked).toHaveLength(hashes.length)
    for (let i = 1; i < walked.length; i++)
      if (walked[i][0] < walked[i - 1][0]) throw new Error('the walk is not in order of hash')
    for (let i = 0; i < hashes.length; i++) index.remove(hashes[i] as Hash, (i + 1) as Ref)
    expect(index.count).toBe(0)
    expect(index.bytes).toBeLessThanOrEqual(MIN_INDEX_BYTES * 32)
    index.clear()
    expect(index.bytes).toBe(MIN_INDEX_BYTES)
  })

  test('bytes always equals the size of all slots', () => {
    const random = seededRandom(6)
    const index = new Index()
    const seen = new Map<Int32Array, true>()
    for (let i = 1; i <= 60_000; i++) index.insert((random() | 0) as Hash, i as Ref)
    for (let top = 0; top < 4096; top++) {
      index.seek((top << 20) as Hash)
      seen.set(index.slots, true)
    }
    let bytes = 0
    for (const slots of seen.keys()) bytes += slots.byteLength
    expect(index.bytes).toBe(bytes)
  })

  test.each([
    [12, 0],
    [12, -1],
    [1, 0],
    [1, -1],
  ])('entries whose top %i bits are those of %i: splits leave one half empty', (bits, top) => {
    const index = new Index()
    const model = new Model()
    for (let i = 0; i < 30_000; i++) {
      const hash = (Math.imul(i, 0x9e3779b1) >>> bits) | (top << (32 - bits))
      index.insert(hash as Hash, (i + 1) as Ref)
      model.add(hash, i + 1)
    }
    check(index, model)
  })

  test('27,000 entries that no split can separate', () => {
    const index = new Index()
    const base = 0x5eed << 16
    for (let i = 0; i < 27_000; i++) index.insert((base + i) as Hash, (i + 1) as Ref)
    expect(index.count).toBe(27_000)
    for (let i = 0; i < 27_000; i += 500) expect(probe(index, base + i)).toEqual([i + 1])
    expect(walkAll(index, 100)).toHaveLength(27_000)
    for (let i = 26_999; i >= 0; i -= 10) index.remove((base + i) as Hash, (i + 1) as Ref)
    expect(walkAll(index, 100)).toHaveLength(24_300)
  })

  test('3,000 entries of one hash', () => {
    const index = new Index()
    const hash = 0x5eed5eed as Hash
    for (let i = 1; i <= 3000; i++) index.insert(hash, i as Ref)
    expect(probe(index, hash)).toHaveLength(3000)
    expect(walkAll(index, 10)).toHaveLength(3000)
    for (let i = 1; i <= 3000; i++) index.remove(hash, i as Ref)
    expect(index.count).toBe(0)
    expect(probe(index, hash)).toEqual([])
  })
})

describe('walk', () => {
  test.each([1, 3, 10, 1000])('in steps of %i, from any cursor', (limit) => {
    const random = seededRandom(limit)
    const index = new Index()
    const hashes: number[] = []
    for (let i = 1; i <= 40_000; i++) {
      const hash = i % 3 === 0 && hashes.length > 0 ? hashes[hashes.length - 1] : random() | 0
      index.insert(hash as Hash, i as Ref)
      hashes.push(hash)
    }
    const seen = walkAll(index, limit)
    expect(new Set(seen.map(([, ref]) => ref)).size).toBe(40_000)
    expect(seen).toHaveLength(40_000)
    const sorted = hashes.map((hash) => hash >>> 0).sort((a, b) => a - b)
    for (let i = 0; i < 200; i++) {
      const from = random()
      const found: number[] = []
      index.walk(from, limit, Number.POSITIVE_INFINITY, (_ref, hash) => found.push(hash >>> 0))
      const at = sorted.findIndex((hash) => hash >= from)
      expect(found).toEqual(at < 0 ? [] : sorted.slice(at, at + found.length))
      if (at >= 0 && at + limit < sorted.length) expect(found.length).toBeGreaterThanOrEqual(limit)
    }
  })

  test('steps bound the work, and the walk still visits everything', () => {
    const random = seededRandom(9)
    const index = new Index()
    for (let i = 1; i <= 30_000; i++) index.insert((random() | 0) as Hash, i as Ref)
    let calls = 0
    const seen = new Set<number>()
    let cursor = 0
    do {
      let visited = 0
      cursor = index.walk(cursor, Number.POSITIVE_INFINITY, 500, (ref) => {
        seen.add(ref)
        visited++
      })
      expect(visited).toBeLessThanOrEqual(501)
      calls++
    } while (cursor !== 0)
    expect(seen.size).toBe(30_000)
    expect(calls).toBeGreaterThan(60)
  })

  test.each([1, 2, 16])('makes progress across a run longer than %i steps', (steps) => {
    const index = new Index()
    // Adjacent hashes share a home slot, so each lies farther from it.
    for (let i = 1; i <= 200; i++) index.insert((0x4000_0000 + i) as Hash, i as Ref)
    expect(walkAll(index, Number.POSITIVE_INFINITY, steps)).toHaveLength(200)
  })

  test('visits the greatest and the smallest hash', () => {
    const index = new Index()
    for (const [i, hash] of [0, -1, 1, -2, 2 ** 31 - 1, -(2 ** 31)].entries())
      index.insert(hash as Hash, (i + 1) as Ref)
    expect(walkAll(index, 1).map(([hash]) => hash)).toEqual([
      0,
      1,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32 - 2,
      2 ** 32 - 1,
    ])
  })

  test('visits all entries that are present throughout, whatever is inserted and removed meanwhile', () => {
    const random = seededRandom(4)
    const index = new Index()
    const staying = new Map<number, number>()
    let next = 1
    for (let i = 0; i < 5000; i++) {
      const hash = random() | 0
      index.insert(hash as Hash, next as Ref)
      staying.set(next++, hash)
    }
    const passing: [number, number][] = []
    const seen = new Set<number>()
    const often = new Map<number, number>()
    let cursor = 0
    let calls = 0
    do {
      cursor = index.walk(cursor, 20, Number.POSITIVE_INFINITY, (ref) => {
        seen.add(ref)
        often.set(ref, (often.get(ref) ?? 0) + 1)
      })
      // Between the calls the index grows through several splits, then shrinks again.
      const growing = calls++ % 40 < 20
      for (let i = 0; i < 800; i++) {
        if (growing) {
          const entry: [number, number] = [random() | 0, next++]
          index.insert(entry[0] as Hash, entry[1] as Ref)
          passing.push(entry)
        } else {
          const entry = passing.pop()
          if (entry !== undefined) index.remove(entry[0] as Hash, entry[1] as Ref)
        }
      }
    } while (cursor !== 0)
    for (const ref of staying.keys()) {
      if (!seen.has(ref)) throw new Error(`entry ${ref} was there throughout and not returned`)
      expect(often.get(ref)).toBe(1)
    }
    expect(calls).toBeGreaterThan(250)
  })
})
