import { expect, test } from 'vitest'
import { equalsIgnoringCase, equalsUpper, LOWER, quoted, UPPER } from '../../src/bytes/ascii.ts'

test('the tables change ASCII letters only', () => {
  for (let c = 0; c < 256; c++) {
    const char = String.fromCharCode(c)
    expect(LOWER[c]).toBe(c < 128 ? char.toLowerCase().charCodeAt(0) : c)
    expect(UPPER[c]).toBe(c < 128 ? char.toUpperCase().charCodeAt(0) : c)
  }
})

test.each([
  ['GET', 'GET', true],
  ['get', 'GET', true],
  ['gEt', 'GET', true],
  ['', '', true],
  ['GE', 'GET', false],
  ['GETS', 'GET', false],
  ['GOT', 'GET', false],
  ['NO-TOUCH', 'NO-TOUCH', true],
  ['no\x0dtouch', 'NO-TOUCH', false],
  ['\xe7', '\xc7', false],
  ['@', '`', false],
  ['[', '{', false],
])('%j is %j: %s', (text, upper, expected) => {
  const bytes = Buffer.from(`x${text}x`, 'latin1')
  expect(equalsUpper(bytes, 1, 1 + text.length, upper)).toBe(expected)
  const other = Buffer.from(`${upper}yy`, 'latin1')
  expect(equalsIgnoringCase(bytes, 1, 1 + text.length, other, 0, upper.length)).toBe(expected)
})

test('quoting makes every byte printable', () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, c) => c))
  expect(quoted(all, 0, 14)).toBe('"\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\a\\b\\t\\n\\x0b\\x0c\\r"')
  expect(quoted(all, 0x20, 0x2a)).toBe('" !\\"#$%&\'()"')
  expect(quoted(all, 0x5b, 0x5e)).toBe('"[\\\\]"')
  expect(quoted(all, 0x7d, 0x82)).toBe('"}~\\x7f\\x80\\x81"')
  expect(quoted(all, 0xfe, 0x100)).toBe('"\\xfe\\xff"')
  expect(quoted(all, 5, 5)).toBe('""')
  expect(quoted(all, 0, 256)).toMatch(/^[\x20-\x7e]*$/)
})
