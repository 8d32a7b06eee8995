// Copying short ranges: every length around the thresholds, every alignment, with and without a view of the source.

import { expect, test } from 'vitest'
import { copyOut } from '../../src/resp/copy.ts'

const lengths = [...Array(70).keys(), 127, 128, 255, 1000, 1023, 1024, 1025, 3000]
const source = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 31 + (i >> 8)) & 0xff))

test.each(['with a view', 'without a view'])('exactly the range is copied, %s', (name) => {
  const sourceView =
    name === 'with a view' ? new DataView(source.buffer, source.byteOffset, source.length) : undefined
  for (const length of lengths) {
    for (let shift = 0; shift < 4; shift++) {
      const target = Buffer.alloc(4096, 0xee)
      const view = new DataView(target.buffer, target.byteOffset, target.length)
      copyOut(source, shift, shift + length, target, view, 7 - shift, sourceView)
      const expected = Buffer.alloc(4096, 0xee)
      source.copy(expected, 7 - shift, shift, shift + length)
      expect(target.equals(expected)).toBe(true)
    }
  }
})
