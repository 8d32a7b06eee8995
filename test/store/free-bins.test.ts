// The bins of free blocks against a plain list.

import { expect, test } from 'vitest'
import { binOf, FreeBins, fittingBin } from '../../src/store/free-bins.ts'
import { seededRandom } from '../support/random.ts'

test('every block of the fitting bin is large enough, and of no earlier bin', () => {
  for (let units = 2; units < 20_000; units++) {
    const fitting = fittingBin(units)
    expect(binOf(units)).toBeLessThanOrEqual(fitting)
    // Bins are in order of size: the smallest block of a bin is the first number of units in it.
    if (binOf(units - 1) < binOf(units)) expect(fittingBin(units)).toBe(binOf(units))
    else expect(fittingBin(units)).toBe(units < 128 ? units : binOf(units) + 1)
  }
})

test('a search finds the first bin that is not empty, through any additions and removals', () => {
  const shift = 13
  const segments = [new Int32Array(0), new Int32Array(2 << shift), new Int32Array(2 << shift)]
  const bins = new FreeBins(segments, shift)
  const random = seededRandom(4)
  const model = new Map<number, number>()
  for (let i = 0; i < 20_000; i++) {
    const segment = 1 + (random() % 2)
    const unit = (random() % 1000) * 8
    const ref = (segment << shift) | unit
    const held = model.get(ref)
    if (held === undefined) {
      const bin = binOf(2 + (random() % 8000))
      bins.add(bin, ref, segments[segment], unit << 1)
      model.set(ref, bin)
    } else {
      bins.remove(held, segments[segment], unit << 1)
      model.delete(ref)
    }
    const from = binOf(2 + (random() % 8000))
    const expected = Math.min(...[...model.values()].filter((bin) => bin >= from))
    expect(bins.search(from)).toBe(expected === Number.POSITIVE_INFINITY ? -1 : expected)
    if (i % 500 !== 0) continue
    const found: number[] = []
    bins.forEach((each) => {
      found.push(each)
    })
    expect(found.sort((a, b) => a - b)).toEqual([...model.keys()].sort((a, b) => a - b))
    for (const bin of model.values()) expect(model.get(bins.head(bin))).toBe(bin)
  }
  bins.clear()
  expect(bins.search(0)).toBe(-1)
})
