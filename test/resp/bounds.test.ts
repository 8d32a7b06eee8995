// Hostile and very large input: announced lengths cost nothing, work is linear, memory is bounded and released.

import { expect, test } from 'vitest'
import { Args } from '../../src/resp/args.ts'
import { NEED_MORE, PROTOCOL_ERROR, REQUEST } from '../../src/resp/decoder.ts'
import { bytesOf, frame, makeDecoder, pull, requestOf } from './decoding.ts'

const MIB = 1024 * 1024

/** Bytes of array buffers that `make` retains. A concurrent garbage collection can only lower it. */
function arrayBuffersLeftBy(make: () => unknown): number {
  const before = process.memoryUsage().arrayBuffers
  const kept = make()
  const after = process.memoryUsage().arrayBuffers
  expect(kept).toBeDefined()
  return after - before
}

test.each([
  '*2147483647\r\n',
  '*1\r\n$536870912\r\n',
  '*1000000\r\n$536870912\r\n',
  '*3\r\n$1\r\na\r\n$9999999\r\nx',
])('announcing %j allocates almost nothing', (announcement) => {
  const args = new Args()
  const left = arrayBuffersLeftBy(() =>
    Array.from({ length: 1000 }, () => {
      const decoder = makeDecoder()
      decoder.feed(Buffer.from(announcement))
      expect(decoder.next(args)).toBe(NEED_MORE)
      return decoder
    }),
  )
  expect(left).toBeLessThan(2 * MIB)
  expect(args.start.length).toBeLessThan(100)
})

test('10,000 idle decoders own no buffers', () => {
  const args = new Args()
  const stream = frame(['GET', 'key'])
  const left = arrayBuffersLeftBy(() =>
    Array.from({ length: 10_000 }, () => {
      const decoder = makeDecoder()
      decoder.feed(stream)
      pull(decoder, args, [])
      return decoder
    }),
  )
  expect(left).toBeLessThan(MIB / 4)
})

test('a million arguments in small chunks', () => {
  const count = 1_000_000
  const stream = Buffer.from(`*${count}\r\n${'$3\r\nabc\r\n'.repeat(count)}*1\r\n$4\r\nPING\r\n`)
  const decoder = makeDecoder()
  const args = new Args()
  let counted = 0
  for (let at = 0; at < stream.length; at += 1000) {
    decoder.feed(stream.subarray(at, at + 1000))
    for (let step = decoder.next(args); step === REQUEST; step = decoder.next(args)) {
      if (counted === 0) {
        expect(args.count).toBe(count)
        expect([args.text(0), args.text(123_456), args.text(count - 1)]).toEqual(['abc', 'abc', 'abc'])
      } else {
        expect(requestOf(args)).toEqual(['PING'])
      }
      counted++
    }
  }
  expect(counted).toBe(2)
  expect(args.start.length).toBeLessThan(100_000)
  expect(args.buf.length).toBe(0)
})

test('a client that sends one byte at a time', () => {
  const values = Array.from({ length: 2000 }, (_, i) => `value ${i} `.repeat(1 + (i % 20)))
  const requests: string[][] = []
  const decoder = makeDecoder()
  const args = new Args()
  for (const byte of Buffer.concat([frame(values), bytesOf('PING\r\n')])) {
    decoder.feed(Buffer.of(byte))
    pull(decoder, args, requests)
  }
  expect(requests).toEqual([values, ['PING']])
})

test('a line that arrives one byte at a time', () => {
  for (const start of ['', '*', '*1\r\n$']) {
    const decoder = makeDecoder()
    const args = new Args()
    let error = ''
    for (const byte of bytesOf(`${start}${'7'.repeat(66_000)}`)) {
      decoder.feed(Buffer.of(byte))
      error = pull(decoder, args, [])
    }
    expect(error).toMatch(/^Protocol error: too big/)
    expect(decoder.buffered).toBe(0)
  }
})

test('the buffer of a large value grows as it arrives, and is released', () => {
  const decoder = makeDecoder()
  const args = new Args()
  const size = 24 * MIB
  const chunk = Buffer.alloc(65_536, 0x61)
  decoder.feed(Buffer.from(`*2\r\n$4\r\nECHO\r\n$${size}\r\n`))
  for (let sent = 0; sent < size; sent += chunk.length) {
    decoder.feed(chunk)
    expect(decoder.next(args)).toBe(NEED_MORE)
  }
  decoder.feed(Buffer.from('\r\nPING\r\n'))
  expect(decoder.next(args)).toBe(REQUEST)
  expect(args.length(1)).toBe(size)
  expect(args.buf.length).toBeLessThan(size + 100)
  expect(decoder.next(args)).toBe(REQUEST)
  expect(requestOf(args)).toEqual(['PING'])
  expect(args.buf.length).toBeLessThan(100)
})

test('exceeding the query buffer limit ends the connection without a reply', () => {
  const decoder = makeDecoder({ limits: { maxQueryBuffer: 1000 } })
  const args = new Args()
  decoder.feed(Buffer.from(`*1\r\n$2000\r\n${'x'.repeat(900)}`))
  expect(decoder.next(args)).toBe(NEED_MORE)
  expect(decoder.overflow).toBe(false)
  decoder.feed(Buffer.alloc(200))
  expect(decoder.next(args)).toBe(PROTOCOL_ERROR)
  expect(decoder.overflow).toBe(true)
  expect(decoder.buffered).toBe(0)
})

test('the ranges of empty arguments count as buffered bytes', () => {
  const decoder = makeDecoder({ limits: { maxQueryBuffer: 10_000 } })
  const args = new Args()
  let steps = 0
  decoder.feed(Buffer.from('*1000000\r\n'))
  while (decoder.next(args) === NEED_MORE && steps < 10_000) {
    decoder.feed(Buffer.from('$0\r\n\r\n'))
    steps++
  }
  expect(decoder.overflow).toBe(true)
  expect(steps).toBeLessThan(10_000 / 14 + 10)
})

test('queued chunks count as buffered bytes', () => {
  const decoder = makeDecoder({ limits: { maxQueryBuffer: 1000 } })
  for (let i = 0; i < 20; i++) decoder.feed(Buffer.from(`ECHO ${'x'.repeat(90)}\r\n`))
  expect(decoder.next(new Args())).toBe(PROTOCOL_ERROR)
  expect(decoder.overflow).toBe(true)
})
