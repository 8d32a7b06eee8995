// Pending output: order across pages, rewinding, and never writing into bytes that a socket still reads.

import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { Sink } from '../../src/resp/output.ts'
import { PAGE_BYTES, PagePool } from '../../src/resp/pages.ts'
import { ReplyWriter } from '../../src/resp/reply.ts'

/** A socket that reads its parts only on request: bytes overwritten before that are detected. */
class SlowSink implements Sink {
  private readonly waiting: { bytes: Buffer; expected: string; released: () => void }[] = []
  parts = 0

  write(bytes: Buffer, released: () => void): void {
    this.parts++
    this.waiting.push({ bytes, expected: bytes.toString('latin1'), released })
  }

  /** Reads and releases the part at `index`. True: it was not overwritten. */
  read(index: number): boolean {
    const [part] = this.waiting.splice(index % this.waiting.length, 1)
    const intact = part.bytes.toString('latin1') === part.expected
    part.released()
    return intact
  }

  get pending(): number {
    return this.waiting.length
  }
}

/** The bytes of one flush. */
function flushed(writer: ReplyWriter): string {
  const parts: Buffer[] = []
  writer.flush({
    write: (bytes, released) => {
      parts.push(Buffer.from(bytes))
      released()
    },
  })
  return Buffer.concat(parts).toString('latin1')
}

/** Writes a value of any size below a quarter of a page into the current page. */
function put(writer: ReplyWriter, text: string): void {
  writer.bulk(Buffer.from(text), 0, text.length)
}

const wire = (text: string) => `$${text.length}\r\n${text}\r\n`

/** Text that identifies its position. */
const textOf = (seed: number, length: number) => `${seed}:`.repeat(1 + length / 2).slice(0, length)

describe('flush', () => {
  test('writes one part for a chunk of small replies', () => {
    const writer = new ReplyWriter()
    const sink = new SlowSink()
    writer.ok()
    writer.integer(1)
    expect(writer.size).toBe(9)
    writer.flush(sink)
    expect(sink.parts).toBe(1)
    expect(writer.size).toBe(0)
    writer.flush(sink)
    expect(sink.parts).toBe(1)
  })

  test('keeps the order across pages and large values', () => {
    const writer = new ReplyWriter()
    let expected = ''
    for (let i = 0; i < 60; i++) {
      const text = textOf(i, [3, 900, 9000, 40_000][i % 4])
      put(writer, text)
      expected += wire(text)
      expect(writer.size).toBe(expected.length)
    }
    expect(flushed(writer) === expected).toBe(true)
    expect(flushed(writer)).toBe('')
  })

  test('fills a page over many flushes while parts are unreleased, then takes another', () => {
    const pool = new PagePool()
    const writer = new ReplyWriter(pool)
    const sink = new SlowSink()
    const buffers = new Set<ArrayBufferLike>()
    const record: Sink = {
      write: (bytes, released) => {
        buffers.add(bytes.buffer)
        sink.write(bytes, released)
      },
    }
    const text = 'x'.repeat(994)
    for (let i = 0; i < 70; i++) {
      put(writer, text)
      writer.flush(record)
    }
    expect(buffers.size).toBe(2)
    while (sink.pending > 0) expect(sink.read(0)).toBe(true)
    expect(pool.idle).toBe(1)
    for (let i = 0; i < 1000; i++) {
      put(writer, text)
      writer.flush(record)
      sink.read(0)
    }
    expect(buffers.size).toBe(2)
  })

  test('never writes into an unreleased part, whatever the order of releases', () => {
    const step = fc.oneof(
      fc.record({ write: fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 9000, max: 17_000 })) }),
      fc.record({ flush: fc.constant(true) }),
      fc.record({ read: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const pool = new PagePool()
        const writer = new ReplyWriter(pool)
        const sink = new SlowSink()
        let seed = 0
        for (const action of steps) {
          if ('write' in action) put(writer, textOf(seed++, action.write))
          else if ('flush' in action) writer.flush(sink)
          else if (sink.pending > 0) expect(sink.read(action.read)).toBe(true)
        }
        writer.flush(sink)
        while (sink.pending > 0) expect(sink.read(seed++)).toBe(true)
        expect(pool.idle).toBeLessThanOrEqual(8)
      }),
      { numRuns: 150 },
    )
  })

  test('the sink of this file detects a page that is reused too early', () => {
    const writer = new ReplyWriter()
    const sink = new SlowSink()
    const early: Sink = {
      write: (bytes, released) => {
        released()
        sink.write(bytes, () => {})
      },
    }
    put(writer, 'first')
    writer.flush(early)
    put(writer, 'other')
    writer.flush(early)
    expect(sink.read(0)).toBe(false)
  })

  test('a burst leaves only a few idle pages', () => {
    const pool = new PagePool()
    const writer = new ReplyWriter(pool)
    for (let i = 0; i < 1000; i++) put(writer, 'x'.repeat(10_000))
    flushed(writer)
    expect(pool.idle).toBeGreaterThan(0)
    expect(pool.idle).toBeLessThanOrEqual(8)
  })

  test('large values are not copied into pages', () => {
    const writer = new ReplyWriter()
    const sink = new SlowSink()
    const parts: number[] = []
    writer.ok()
    writer.bulk(Buffer.alloc(100_000), 0, 100_000)
    writer.ok()
    writer.flush({
      write: (bytes, released) => {
        parts.push(bytes.length)
        sink.write(bytes, released)
      },
    })
    expect(parts).toEqual([5, 100_011, 5])
  })
})

describe('rewind', () => {
  test('within a page', () => {
    const writer = new ReplyWriter()
    writer.ok()
    const mark = writer.mark()
    writer.error('ERR dropped')
    writer.rewind(mark)
    expect(writer.size).toBe(5)
    writer.integer(7)
    expect(flushed(writer)).toBe('+OK\r\n:7\r\n')
  })

  test('across pages and large values, to the same page or to nothing', () => {
    const pool = new PagePool()
    const writer = new ReplyWriter(pool)
    writer.ok()
    flushed(writer)
    put(writer, 'kept')
    const mark = writer.mark()
    for (let i = 0; i < 30; i++) put(writer, 'x'.repeat(i % 3 === 0 ? 50_000 : 9000))
    expect(writer.size).toBeGreaterThan(4 * PAGE_BYTES)
    writer.rewind(mark)
    expect(writer.size).toBe(mark)
    writer.ok()
    expect(flushed(writer)).toBe(`${wire('kept')}+OK\r\n`)
    put(writer, 'x'.repeat(9000))
    put(writer, 'x'.repeat(60_000))
    writer.rewind(0)
    expect(writer.size).toBe(0)
    expect(flushed(writer)).toBe('')
  })

  test('returns every page', () => {
    const made = vi.spyOn(Buffer, 'allocUnsafeSlow')
    const pool = new PagePool()
    const writer = new ReplyWriter(pool)
    for (let round = 0; round < 20; round++) {
      put(writer, 'kept')
      const mark = writer.mark()
      for (let i = 0; i < 40; i++) put(writer, 'x'.repeat(10_000))
      writer.rewind(round % 2 === 0 ? mark : 0)
      flushed(writer)
      expect(pool.idle).toBe(6)
    }
    expect(made.mock.calls.filter(([size]) => size === PAGE_BYTES).length).toBe(7)
  })

  test('to a page that a socket reads, which is then released', () => {
    const pool = new PagePool()
    const writer = new ReplyWriter(pool)
    const sink = new SlowSink()
    put(writer, 'lent')
    writer.flush(sink)
    put(writer, 'first')
    const mark = writer.mark()
    for (let i = 0; i < 8; i++) put(writer, 'x'.repeat(10_000))
    writer.rewind(mark)
    expect(sink.read(0)).toBe(true)
    expect(pool.idle).toBe(1)
    for (let i = 0; i < 8; i++) put(writer, String(i).repeat(10_000))
    const expected =
      wire('first') + Array.from({ length: 8 }, (_, i) => wire(String(i).repeat(10_000))).join('')
    expect(flushed(writer) === expected).toBe(true)
  })

  test('any writes, marks, rewinds, flushes and releases', () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          write: fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 9000, max: 17_000 })),
        }),
      },
      fc.record({ mark: fc.constant(true) }),
      fc.record({ rewind: fc.nat() }),
      fc.record({ flush: fc.boolean() }),
      fc.record({ read: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const pool = new PagePool()
        const writer = new ReplyWriter(pool)
        const sink = new SlowSink()
        let pending = ''
        let marks: number[] = [0]
        let seed = 0
        for (const action of steps) {
          if ('write' in action) {
            const text = textOf(seed++, action.write)
            put(writer, text)
            pending += wire(text)
          } else if ('mark' in action) {
            marks.push(writer.mark())
          } else if ('rewind' in action) {
            const kept = action.rewind % marks.length
            writer.rewind(marks[kept])
            pending = pending.slice(0, marks[kept])
            marks = marks.slice(0, kept + 1)
          } else if ('flush' in action) {
            const parts: Buffer[] = []
            if (action.flush) {
              writer.flush({
                write: (bytes, released) => {
                  parts.push(bytes)
                  sink.write(bytes, released)
                },
              })
            } else parts.push(writer.take())
            expect(Buffer.concat(parts).toString('latin1') === pending).toBe(true)
            pending = ''
            marks = [0]
          } else if (sink.pending > 0) {
            expect(sink.read(action.read)).toBe(true)
          }
          expect(writer.size).toBe(pending.length)
        }
        while (sink.pending > 0) expect(sink.read(seed++)).toBe(true)
        expect(writer.take().toString('latin1') === pending).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})

describe('take', () => {
  test('returns a copy of all pending bytes', () => {
    const writer = new ReplyWriter()
    put(writer, 'held')
    put(writer, 'x'.repeat(70_000))
    writer.ok()
    const held = writer.take()
    expect(writer.size).toBe(0)
    put(writer, 'next')
    expect(held.toString() === `${wire('held')}${wire('x'.repeat(70_000))}+OK\r\n`).toBe(true)
    expect(flushed(writer)).toBe(wire('next'))
    expect(writer.take().length).toBe(0)
  })
})
