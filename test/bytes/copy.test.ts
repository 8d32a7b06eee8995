// Copying by words against the native copy.

import { expect, test } from 'vitest'
import { copyBytes, copyUnaligned } from '../../src/bytes/copy.ts'

const source = Uint8Array.from({ length: 700 }, (_, i) => (i * 167 + 13) & 255)

test('copies every length between all alignments, and nothing else', () => {
  const lengths = [...Array(70).keys(), 255, 256, 257, 258, 600]
  for (const length of lengths) {
    for (let from = 0; from < 5; from++) {
      for (let at = 0; at < 9; at++) {
        const words = new Int32Array(160).fill(0x5a5a5a5a)
        const target = new Uint8Array(words.buffer)
        const expected = target.slice()
        expected.set(source.subarray(from, from + length), at)
        copyBytes(source, from, from + length, target, words, at)
        if (Buffer.compare(target, expected) !== 0)
          expect.fail(`${length} bytes from ${from} to ${at}: not what was there`)
        target.set(new Uint8Array(new Int32Array(160).fill(0x5a5a5a5a).buffer))
        copyUnaligned(source, from, from + length, target, new DataView(words.buffer), at)
        if (Buffer.compare(target, expected) !== 0)
          expect.fail(`${length} bytes from ${from} to ${at}, unaligned: not what was there`)
      }
    }
  }
})
