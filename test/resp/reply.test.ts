// Every reply type byte for byte, in RESP2 and RESP3.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ReplyWriter } from '../../src/resp/reply.ts'

/** The output of `write` in the given protocol, one character per byte. */
function written(protocol: 2 | 3, write: (writer: ReplyWriter) => void): string {
  const writer = new ReplyWriter()
  writer.protocol = protocol
  write(writer)
  return writer.take().toString('latin1')
}

const utf8 = (text: string) => Buffer.from(text).toString('latin1')

const vectors: [name: string, write: (writer: ReplyWriter) => void, resp2: string, resp3?: string][] = [
  ['ok', (w) => w.ok(), '+OK\r\n'],
  ['simple', (w) => w.simple('PONG'), '+PONG\r\n'],
  ['simple, not ASCII', (w) => w.simple('größer'), utf8('+größer\r\n')],
  ['error', (w) => w.error('ERR syntax error'), '-ERR syntax error\r\n'],
  ['error with line ends', (w) => w.error('ERR a\r\nb\nc\r'), '-ERR a  b c \r\n'],
  ['error in bytes', (w) => w.error("ERR got '\xff'", 'latin1'), "-ERR got '\xff'\r\n"],
  ['error in text', (w) => w.error("ERR got '\xff'"), utf8("-ERR got '\xff'\r\n")],
  ['0', (w) => w.integer(0), ':0\r\n'],
  ['-0', (w) => w.integer(-0), ':0\r\n'],
  ['9', (w) => w.integer(9), ':9\r\n'],
  ['10', (w) => w.integer(10), ':10\r\n'],
  ['99', (w) => w.integer(99), ':99\r\n'],
  ['100', (w) => w.integer(100), ':100\r\n'],
  ['-1', (w) => w.integer(-1), ':-1\r\n'],
  ['the largest number', (w) => w.integer(2 ** 53 - 1), ':9007199254740991\r\n'],
  ['the smallest number', (w) => w.integer(1 - 2 ** 53), ':-9007199254740991\r\n'],
  ['bigint', (w) => w.bigint(-9223372036854775808n), ':-9223372036854775808\r\n'],
  ['bulk', (w) => w.bulk(Buffer.from('<Tom>'), 1, 4), '$3\r\nTom\r\n'],
  ['empty bulk', (w) => w.bulk(Buffer.alloc(0), 0, 0), '$0\r\n\r\n'],
  ['bulk text', (w) => w.bulkText('630'), '$3\r\n630\r\n'],
  ['bulk text, not ASCII', (w) => w.bulkText('a€😀'), utf8('$8\r\na€😀\r\n')],
  ['bulk text with half a surrogate pair', (w) => w.bulkText('\ud83d'), utf8('$3\r\n\ufffd\r\n')],
  ['null', (w) => w.null(), '$-1\r\n', '_\r\n'],
  ['null array', (w) => w.nullArray(), '*-1\r\n', '_\r\n'],
  ['array', (w) => w.array(12), '*12\r\n'],
  ['map', (w) => w.map(6), '*12\r\n', '%6\r\n'],
  ['set', (w) => w.set(3), '*3\r\n', '~3\r\n'],
  ['push', (w) => w.push(2), '*2\r\n', '>2\r\n'],
  ['double', (w) => w.double(3.25), '$4\r\n3.25\r\n', ',3.25\r\n'],
  ['whole double', (w) => w.double(3), '$1\r\n3\r\n', ',3\r\n'],
  ['double without an exact binary form', (w) => w.double(0.1), '$3\r\n0.1\r\n', ',0.1\r\n'],
  ['infinity', (w) => w.double(Number.POSITIVE_INFINITY), '$3\r\ninf\r\n', ',inf\r\n'],
  ['-infinity', (w) => w.double(Number.NEGATIVE_INFINITY), '$4\r\n-inf\r\n', ',-inf\r\n'],
  ['not a number', (w) => w.double(Number.NaN), '$3\r\nnan\r\n', ',nan\r\n'],
  ['true', (w) => w.boolean(true), ':1\r\n', '#t\r\n'],
  ['false', (w) => w.boolean(false), ':0\r\n', '#f\r\n'],
  ['verbatim', (w) => w.verbatim('txt', 'é'), utf8('$2\r\né\r\n'), utf8('=6\r\ntxt:é\r\n')],
  [
    'big number',
    (w) => w.bigNumber('1234567890'.repeat(2)),
    '$20\r\n12345678901234567890\r\n',
    '(12345678901234567890\r\n',
  ],
  ['raw', (w) => w.raw(Buffer.from('*1\r\n+a\r\n')), '*1\r\n+a\r\n'],
]

describe.each([2, 3] as const)('RESP%i', (protocol) => {
  test.each(vectors)('%s', (_name, write, resp2, resp3 = resp2) => {
    expect(written(protocol, write)).toBe(protocol === 2 ? resp2 : resp3)
  })

  test('the protocol may change between replies', () => {
    const both = (writer: ReplyWriter) => {
      writer.null()
      writer.protocol = writer.protocol === 2 ? 3 : 2
      writer.null()
    }
    expect(written(protocol, both)).toBe(protocol === 2 ? '$-1\r\n_\r\n' : '_\r\n$-1\r\n')
  })
})

test('values and text of every size class', () => {
  const sizes = [
    15, 16, 17, 31, 64, 99, 100, 127, 128, 129, 999, 1000, 1024, 1025, 5000, 16_384, 16_385, 65_536, 200_000,
  ]
  for (const size of sizes) {
    const bytes = Buffer.from(Array.from({ length: size + 2 }, (_, i) => i % 251))
    const body = bytes.toString('latin1', 1, size + 1)
    expect(written(2, (w) => w.bulk(bytes, 1, size + 1)) === `$${size}\r\n${body}\r\n`).toBe(true)
    expect(written(2, (w) => w.raw(bytes)) === bytes.toString('latin1')).toBe(true)
    for (const text of ['x'.repeat(size), `x${'é'.repeat(size - 1)}`]) {
      const wire = utf8(text)
      expect(written(2, (w) => w.bulkText(text)) === `$${wire.length}\r\n${wire}\r\n`).toBe(true)
      expect(written(2, (w) => w.simple(text)) === `+${wire}\r\n`).toBe(true)
      expect(written(3, (w) => w.verbatim('txt', text)) === `=${wire.length + 4}\r\ntxt:${wire}\r\n`).toBe(
        true,
      )
    }
  }
})

test('any integer', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (n) => {
      expect(written(2, (w) => w.integer(n))).toBe(`:${n}\r\n`)
    }),
  )
})
