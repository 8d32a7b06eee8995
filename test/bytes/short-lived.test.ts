import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShortLivedMap, ShortLivedSet } from '../../src/bytes/short-lived.ts'

const key = fc.integer({ min: 0, max: 400 })
const step = fc.oneof(
  { weight: 100, arbitrary: fc.record({ call: fc.constantFrom('set', 'delete'), key }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('clear'), key }) },
)

test('a map and a set hold what those of JavaScript hold, in the same order', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 600, maxLength: 2000 }), (steps) => {
      const map = new ShortLivedMap<number, number>()
      const set = new ShortLivedSet<number>()
      const model = new Map<number, number>()
      for (const [i, { call, key }] of steps.entries()) {
        if (call === 'set') {
          map.set(key, i)
          set.add(key)
          model.set(key, i)
        } else if (call === 'delete') {
          const was = model.delete(key)
          expect([map.delete(key), set.delete(key)]).toEqual([was, was])
        } else for (const each of [map, set, model]) each.clear()
        expect([map.size, set.size, map.has(key), set.has(key), map.get(key)]).toEqual([
          model.size,
          model.size,
          model.has(key),
          model.has(key),
          model.get(key),
        ])
      }
      expect([...map]).toEqual([...model])
      expect([...map.keys()]).toEqual([...model.keys()])
      expect([...map.values()]).toEqual([...model.values()])
      expect([...set]).toEqual([...model.keys()])
    }),
    { numRuns: 30 },
  )
})
