// The order of a sorted set, for members that come all at once.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rankOrder, ScoredMembers } from '../../../../src/store/types/bulk/scored-members.ts'

const SCORES = [0, -0, 1, -1, 0.5, -0.5, 5e-324, -5e-324, 2 ** 53, -(2 ** 53), 1e308, Infinity, -Infinity]

function made(elements: readonly (readonly [member: string, score: number])[]): ScoredMembers {
  const result = new ScoredMembers()
  for (const [member, score] of elements) {
    const bytes = Buffer.from(member, 'latin1')
    result.add(bytes, 0, bytes.length, score)
  }
  return result
}

function ordered({ members, scores }: ScoredMembers): [string, number][] {
  return Array.from(rankOrder(members, scores), (i) => [
    members.bytes.toString('latin1', members.starts[i], members.ends[i]),
    scores[i],
  ])
}

function expected(elements: readonly (readonly [string, number])[]): [string, number][] {
  return elements
    .map(([member, score]): [string, number] => [member, score])
    .sort((a, b) => (a[1] === b[1] ? (a[0] < b[0] ? -1 : 1) : a[1] < b[1] ? -1 : 1))
}

test('by score, then by bytes', () => {
  const score = fc.oneof(fc.constantFrom(...SCORES), fc.double({ noNaN: true }), fc.integer())
  const element = fc.tuple(fc.string({ unit: 'binary-ascii', maxLength: 6 }), score)
  fc.assert(
    fc.property(fc.uniqueArray(element, { selector: ([member]) => member, maxLength: 60 }), (elements) => {
      expect(ordered(made(elements))).toEqual(expected(elements))
    }),
  )
})

test.each([
  ['scattered scores', (i: number) => Math.sin(i) * 10 ** ((i * 31) % 40)],
  ['small integers', (i: number) => ((i * 7919) % 1000) - 500],
  ['edges', (i: number) => SCORES[(i * 7) % SCORES.length]],
  ['one score', () => 1],
  ['ascending', (i: number) => i],
  ['descending', (i: number) => -i],
])('many members: %s', (_, scoreOf) => {
  const elements = Array.from({ length: 6000 }, (_, i): [string, number] => [
    `m${(i * 4999) % 6000}`,
    scoreOf(i),
  ])
  expect(ordered(made(elements))).toEqual(expected(elements))
})
