// Which strings a list has, by hash.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DistinctStrings } from '../../../../src/store/types/bulk/distinct-strings.ts'
import { StringList } from '../../../../src/store/types/string-list.ts'

/** Hashes of which many are equal or neighbours, at both ends of the table too. */
const hash = fc.oneof(fc.constantFrom(0, 1, -1, -2, 2 ** 31 - 1, -(2 ** 31)), fc.integer())

test('each string is added once, whatever the hashes are', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ maxLength: 4 }), hash),
      fc.infiniteStream(fc.nat()),
      (hashes, picks) => {
        const names = Object.keys(hashes)
        const strings = new StringList()
        const distinct = new DistinctStrings(strings, names.length)
        const model: string[] = []
        for (let left = 3 * names.length; left > 0; left--) {
          const name = names[picks.next().value % names.length]
          const bytes = Buffer.from(`<${name}>`)
          const i = distinct.indexOf(hashes[name], bytes, 1, bytes.length - 1)
          expect(i).toBe(model.indexOf(name))
          if (i >= 0) continue
          strings.add(bytes, 1, bytes.length - 1)
          model.push(name)
        }
        expect(strings.count).toBe(model.length)
      },
    ),
  )
})
