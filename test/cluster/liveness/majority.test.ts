// Leases of a majority, and majorities of sets of members that change.

import { expect, test } from 'vitest'
import { Majority } from '../../../src/cluster/liveness/majority.ts'

const NEVER = Number.NEGATIVE_INFINITY

test('after a start a majority of the list counts', () => {
  const majority = new Majority('a')
  majority.listed(['a', 'b', 'c'])
  expect(majority.until).toBe(NEVER)
  majority.granted('c', 70)
  majority.granted('b', 50)
  expect(majority.until).toBe(70)
  majority.granted('c', 0)
  expect(majority.until).toBe(50)
})

test('half of an even number is no majority', () => {
  const majority = new Majority('a')
  majority.listed(['a', 'b', 'c', 'd'])
  majority.granted('b', 90)
  expect(majority.until).toBe(NEVER)
  majority.granted('d', 60)
  expect(majority.until).toBe(60)
})

test('a view of a minority does not count, a view of a majority replaces the members', () => {
  const majority = new Majority('a')
  majority.listed(['a', 'b', 'c', 'd', 'e'])
  majority.viewAdopted(['a', 'b'])
  majority.viewAgreed(['a', 'b'], [])
  expect(majority.members).toEqual(['a', 'b', 'c', 'd', 'e'])
  majority.viewAdopted(['a', 'b', 'c'])
  majority.viewAgreed(['a', 'b', 'c'], [])
  majority.granted('b', 40)
  expect([majority.members, majority.until]).toEqual([['a', 'b', 'c'], 40])
})
