// Long lists against plain arrays.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arena } from '../../../../src/store/arena.ts'
import { ListTree } from '../../../../src/store/types/list/list-tree.ts'
import { Regions } from '../../../../src/store/types/regions.ts'
import { Span } from '../../../../src/store/types/span.ts'
import { seededRandom } from '../../../support/random.ts'

interface Made {
  readonly arena: Arena
  readonly regions: Regions
  readonly region: number
  readonly tree: ListTree
}

function make(): Made {
  const arena = new Arena(2 ** 18)
  const regions = new Regions(arena)
  const region = regions.create(8 as never)
  const tree = new ListTree(regions)
  tree.open(region)
  return { arena, regions, region, tree }
}

const span = new Span()

function text(tree: ListTree): string {
  tree.read(span)
  return span.copy().toString('latin1')
}

function put(tree: ListTree, element: string): void {
  const bytes = Buffer.from(element, 'latin1')
  tree.insert(bytes, 0, bytes.length)
}

function all(tree: ListTree): string[] {
  const found: string[] = []
  for (let is = tree.seekRank(0); is; is = tree.next()) found.push(text(tree))
  return found
}

/** Integers of any size, short ones, ones with a length of two bytes, and ones with pages of their own. */
const element = fc.oneof(
  { weight: 6, arbitrary: fc.nat(1000).map((n) => `e${n}`) },
  {
    weight: 4,
    arbitrary: fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -300, max: 300 })).map(String),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '-',
      '0',
      '-0',
      '007',
      '1e3',
      '+1',
      '9007199254740992',
      '-9223372036854775808',
      '12345678901234567890',
    ),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 700 }).map((n) => 'm'.repeat(n)) },
  { weight: 1, arbitrary: fc.integer({ min: 500, max: 6000 }).map((n) => 'l'.repeat(n)) },
)

describe('a list', () => {
  test('is what an array would be', () => {
    const step = fc.record({ at: fc.nat(), element, how: fc.nat(9), times: fc.integer({ min: 1, max: 40 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { tree, regions, region } = make()
        const model: string[] = []
        for (const { at, element, how, times } of steps)
          for (let i = 0; i < times; i++) {
            const index = model.length === 0 ? 0 : (at + i * 7) % model.length
            if (how < 6 || model.length === 0) {
              const to = how === 0 ? 0 : how < 3 ? model.length : index
              tree.seekRank(to)
              put(tree, element)
              model.splice(to, 0, element)
            } else {
              expect(tree.seekRank(index)).toBe(true)
              expect(text(tree)).toBe(model[index])
              expect(tree.rank()).toBe(index)
              tree.remove()
              model.splice(index, 1)
            }
          }
        expect(tree.verify()).toBe(regions.pages(region))
        expect(all(tree)).toEqual(model)
        expect(tree.count).toBe(model.length)
        const backwards: string[] = []
        for (let is = model.length > 0 && tree.seekRank(model.length - 1); is; is = tree.previous())
          backwards.unshift(text(tree))
        expect(backwards).toEqual(model)
        expect(regions.units(region)).toBeGreaterThan(0)
      }),
    )
  })

  test('of 100,000 elements, pushed at both ends and drained, gives all memory back', () => {
    const { arena, regions, region, tree } = make()
    const before = arena.liveUnits
    for (let i = 0; i < 100_000; i++) {
      tree.seekRank(i % 2 === 0 ? 0 : tree.count)
      put(tree, `element ${i}`)
    }
    tree.verify()
    // A byte before and a byte behind each element.
    expect(arena.liveUnits * 8).toBeLessThan(100_000 * (13 + 2) * 1.02)
    const random = seededRandom(3)
    while (tree.count > 0) {
      tree.seekRank(random() % tree.count)
      tree.remove()
      if (tree.count % 10_000 === 0) tree.verify()
    }
    expect(arena.liveUnits).toBeLessThan(before + 1000)
    regions.free(region)
    expect(arena.liveUnits).toBe(0)
  })
})

test('what is appended and what is overwritten is read back, between pushes at both ends', () => {
  const { tree, regions, region } = make()
  const model: string[] = []
  const random = seededRandom(11)
  const one = (): string => {
    const kind = random() % 20
    if (kind === 0) return 'l'.repeat(random() % 2000)
    if (kind < 8) return String((random() - 2 ** 31) * (random() % 3000))
    return `e${random() % 5000}`
  }
  for (let round = 0; round < 60; round++) {
    tree.seekEdge(true)
    for (let n = random() % 1500; n > 0; n--) {
      const element = one()
      const bytes = Buffer.from(element)
      tree.append(bytes, 0, bytes.length)
      model.push(element)
    }
    tree.endAppending()
    expect(tree.verify()).toBe(regions.pages(region))
    for (let n = 0; n < 300 && model.length > 0; n++) {
      const index = random() % model.length
      const element = one()
      const bytes = Buffer.from(element)
      tree.seekRank(index)
      if (!tree.overwrite(bytes, 0, bytes.length)) {
        tree.remove()
        tree.seekRank(index)
        tree.insert(bytes, 0, bytes.length)
      }
      model[index] = element
    }
    for (let n = random() % 800; n > 0; n--) {
      const isRight = random() % 2 === 0
      tree.seekEdge(isRight)
      const element = one()
      put(tree, element)
      if (isRight) model.push(element)
      else model.unshift(element)
    }
    const first = model.length === 0 ? 0 : random() % model.length
    const removed = Math.min(model.length - first, random() % 1200)
    tree.removeRange(first, removed)
    model.splice(first, removed)
    expect(tree.verify()).toBe(regions.pages(region))
    expect(all(tree)).toEqual(model)
  }
})

test('a queue of few elements that is pushed at one end and taken from the other keeps its one leaf', () => {
  for (const isRight of [true, false]) {
    const { tree, regions, region } = make()
    for (let i = 0; i < 50_000; i++) {
      tree.seekEdge(isRight)
      put(tree, `element ${i}`)
      if (i < 100) continue
      tree.seekEdge(!isRight)
      if (!isRight) tree.previous()
      expect(text(tree)).toBe(`element ${i - 100}`)
      tree.remove()
    }
    expect(tree.count).toBe(100)
    expect(tree.verify()).toBe(1)
    expect(regions.units(region)).toBeLessThan(600)
  }
})
