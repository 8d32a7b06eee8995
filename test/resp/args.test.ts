// Arguments as byte ranges: reading, comparing, copying, and releasing memory.

import { expect, test } from 'vitest'
import { Args } from '../../src/resp/args.ts'
import { frame, makeDecoder, requestOf } from './decoding.ts'

function argsOf(...texts: (string | Buffer)[]): Args {
  const decoder = makeDecoder()
  const args = new Args()
  decoder.feed(frame(texts))
  decoder.next(args)
  return args
}

test('reads arguments', () => {
  const args = argsOf('get', Buffer.from('Jürgen'), '')
  expect(args.count).toBe(3)
  expect(args.length(0)).toBe(3)
  expect(args.length(2)).toBe(0)
  expect(args.text(1)).toBe('Jürgen')
  expect(args.latin1(1)).toBe('J\xc3\xbcrgen')
  expect(args.copy(1)).toEqual(Buffer.from('Jürgen'))
})

test('compares ignoring case', () => {
  const args = argsOf('gEt', 'GETX', 'GE', '')
  expect([0, 1, 2, 3].map((i) => args.is(i, 'GET'))).toEqual([true, false, false, false])
  expect(args.is(3, '')).toBe(true)
})

test('a copy is independent of the chunk', () => {
  const args = argsOf('SET', 'key', 'value')
  const copy = args.copy(1)
  const detached = args.detach()
  args.buf.fill(0)
  args.clear()
  expect(copy.toString()).toBe('key')
  expect(requestOf(detached)).toEqual(['SET', 'key', 'value'])
  expect(detached.buf.length).toBe(11)
  expect(detached.start.length).toBe(3)
})

test('grows as needed, and releases very large range arrays', () => {
  const args = new Args()
  while (args.start.length < 1_000_000) args.grow()
  args.count = 5
  args.clear()
  expect(args.count).toBe(0)
  expect(args.buf.length).toBe(0)
  expect(args.start.length).toBeLessThan(100)
  expect(args.end.length).toBe(args.start.length)
})
