// The alphabetical order of SORT against a plain sort: strings with long common beginnings, NUL bytes, and equal ones.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

/** Pieces of which strings that are hard to tell apart are made. */
const PIECES = ['\0', '\0\0\0\0', 'a', 'b', 'abcd', '\xff', 'element:']

const strings = fc.array(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }).map((parts) => parts.join('')),
  {
    minLength: 1,
    maxLength: 120,
  },
)

function sorted(texts: readonly string[], isDescending: boolean): string[] {
  const inOrder = [...texts].sort((a, b) => Buffer.compare(latin1(a), latin1(b)))
  return isDescending ? inOrder.reverse() : inOrder
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

test('strings are in the order of their bytes, equal weights in that of the list', async () => {
  const harness = new Harness()
  const replied = async (...command: (string | Buffer)[]): Promise<string> => harness.raw(...command)
  await fc.assert(
    fc.asyncProperty(strings, fc.boolean(), async (texts, isDescending) => {
      await harness.call('DEL', 'list', 'wanted', 'numbers', 'by')
      const wanted = sorted(texts, isDescending)
      await harness.call('RPUSH', 'list', ...texts.map(latin1))
      await harness.call('RPUSH', 'wanted', ...wanted.map(latin1))
      const direction = isDescending ? ['DESC'] : []
      const lrange = await replied('LRANGE', 'wanted', '0', '-1')
      expect(await replied('SORT', 'list', 'ALPHA', ...direction)).toBe(lrange)
      // The same by the weights of numbers, some of which have none.
      await harness.call('FLUSHDB')
      await harness.call('RPUSH', 'numbers', ...texts.map((_, i) => String(i)))
      const hasWeight = (i: number): boolean => i % 5 !== 3
      for (const [i, text] of texts.entries())
        if (hasWeight(i)) await harness.call('SET', `w${i}x`, latin1(text))
      const all = texts.map((text, i) => ({ text, i }))
      const sign = isDescending ? -1 : 1
      const weighted = all
        .filter(({ i }) => hasWeight(i))
        .sort((a, b) => sign * Buffer.compare(latin1(a.text), latin1(b.text)) || a.i - b.i)
      const others = all.filter(({ i }) => !hasWeight(i))
      const order = isDescending ? [...weighted, ...others] : [...others, ...weighted]
      await harness.call('RPUSH', 'by', ...order.map(({ i }) => String(i)))
      expect(await replied('SORT', 'numbers', 'BY', 'w*x', 'ALPHA', ...direction)).toBe(
        await replied('LRANGE', 'by', '0', '-1'),
      )
    }),
    { numRuns: 60 },
  )
})

test('names of keys longer than any before', async () => {
  const harness = new Harness()
  const long = 'y'.repeat(5000)
  await harness.call('RPUSH', 'list', 'a', long, 'b')
  await harness.call('MSET', '<a>', '3', `<${long}>`, '1', '<b>', '2')
  expect(await harness.call('SORT', 'list', 'BY', '<*>', 'GET', '<*>')).toEqual(['1', '2', '3'])
})
