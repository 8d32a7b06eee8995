// Inline requests split by Redis's quoting rules. The expectations are those of a Redis 7 server.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoted } from '../../src/bytes/ascii.ts'
import { Args } from '../../src/resp/args.ts'
import { splitInline } from '../../src/resp/inline.ts'
import { bytesOf, requestOf } from './decoding.ts'

/** The arguments of a line, or null when its quotes are unbalanced. */
function split(line: string): string[] | null {
  const args = new Args(1)
  const bytes = bytesOf(`<${line}>`)
  return splitInline(args, bytes, 1, bytes.length - 1) ? requestOf(args) : null
}

const lines: [line: string, args: string[] | null][] = [
  ['', []],
  [' \t \v\f ', []],
  ['a', ['a']],
  ['  a  bc\td ', ['a', 'bc', 'd']],
  ['a\\nb', ['a\\nb']],
  ['a\0b', ['a\0b']],
  ['\va\vb\f', ['a\vb\f']],
  ['""', ['']],
  ["'' a", ['', 'a']],
  ['"a b"', ['a b']],
  ['"\\n\\r\\t\\b\\a\\"\\\\\\q"', ['\n\r\t\b\x07"\\q']],
  ['"\\x41\\xfF\\x00"', ['A\xff\0']],
  ['"\\xg1\\x4g\\x4"', ['xg1x4gx4']],
  ['"it\'s"', ["it's"]],
  ["'\\n\\x41\"\\'\\\\ '", ['\\n\\x41"\'\\\\ ']],
  ['a"b c"', ['ab c']],
  ['a"b" c', ['ab', 'c']],
  ['SET "k 1"  \'v 1\' x', ['SET', 'k 1', 'v 1', 'x']],
  ['"a"\v"b"', ['a', 'b']],
  ['"', null],
  ["'", null],
  ['"a', null],
  ["'a", null],
  ['"a\\', null],
  ['"a\\"', null],
  ["'a\\'", null],
  ['"a"b', null],
  ["'a'b", null],
  ['"a""b"', null],
  ['a"b"c', null],
]

test.each(lines)('%j', (line, args) => {
  expect(split(line)).toEqual(args)
})

test('arguments without quotes refer to the line itself', () => {
  const args = new Args()
  const line = Buffer.from('GET Tom')
  splitInline(args, line, 0, line.length)
  expect(args.buf).toBe(line)
})

test('arguments with quotes refer to an unescaped copy', () => {
  const line = Buffer.from('GET "T\\x6fm"')
  const before = Buffer.from(line)
  splitInline(new Args(), line, 0, line.length)
  expect(line).toEqual(before)
})

test('quoted text parses as the original bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 5 }), (args) => {
      const line = args.map((arg) => quoted(arg, 0, arg.length)).join(' ')
      expect(split(line)).toEqual(args.map((arg) => Buffer.from(arg).toString('latin1')))
    }),
  )
})
