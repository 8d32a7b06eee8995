// The buffers that sockets are read into: no byte is overwritten before it is decoded, whatever the reads are like.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReadBuffers } from '../../../src/server/input/read-buffers.ts'

test('what is not decoded is never overwritten', () => {
  // How much of the buffer a read fills, and whether all that was received is decoded afterwards.
  const sizes = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 3000 }) },
    fc.integer({ min: 1, max: 70_000 }),
    fc.constant(100_000),
  )
  const reads = fc.array(fc.tuple(sizes, fc.boolean()), { maxLength: 200 })
  fc.assert(
    fc.property(reads, (all) => {
      const buffers = new ReadBuffers()
      let pending: Buffer[] = []
      let next = buffers.first
      for (const [size, decodes] of all) {
        const length = Math.min(size, next.length)
        const read = next.subarray(0, length)
        next = buffers.next(next, length, pending.length === 0)
        expect(next.length).toBeGreaterThanOrEqual(512)
        pending.push(read)
        for (const bytes of pending) expect(overlaps(bytes, next)).toBe(false)
        if (decodes) pending = []
      }
    }),
  )
})

test('small reads use two buffers in turn', () => {
  const buffers = new ReadBuffers()
  const used = new Set<Buffer>()
  let next = buffers.first
  for (let i = 0; i < 100; i++) {
    used.add(next)
    next = buffers.next(next, 100, true)
  }
  expect(used.size).toBe(2)
})

test('many small reads of a connection that waits share a buffer', () => {
  const buffers = new ReadBuffers()
  const used = new Set<ArrayBufferLike>()
  let next = buffers.next(buffers.first, 1, true)
  for (let i = 0; i < 10_000; i++) {
    used.add(next.buffer)
    next = buffers.next(next, 1, false)
  }
  // 2,048 bytes of a half, less the room for another read.
  expect(used.size).toBeLessThan(10)
})

test('reads that fill a buffer get larger ones, up to slabs; small reads return from these', () => {
  const buffers = new ReadBuffers()
  const lengths: number[] = []
  let next = buffers.first
  for (let i = 0; i < 6; i++) {
    lengths.push(next.length)
    next = buffers.next(next, next.length, true)
  }
  expect(lengths).toEqual([2048, 4096, 8192, 16_384, 65_536, 65_536])
  expect(buffers.next(next, 10, true).length).toBe(16_384)
})

test('a slab that a read has not filled is filled up by the next ones', () => {
  const buffers = new ReadBuffers()
  let slab = buffers.first
  while (slab.length < 65_536) slab = buffers.next(slab, slab.length, true)
  const rest = buffers.next(slab, 40_000, true)
  expect(rest.buffer).toBe(slab.buffer)
  expect(rest.length).toBe(65_536 - 40_000)
  expect(buffers.next(rest, rest.length, true).buffer).not.toBe(slab.buffer)
})

test('a large transfer that is decoded as it arrives uses two slabs in turn', () => {
  const buffers = new ReadBuffers()
  const used = new Set<ArrayBufferLike>()
  let next = buffers.first
  while (next.length < 65_536) next = buffers.next(next, next.length, true)
  for (let i = 0; i < 100; i++) {
    used.add(next.buffer)
    next = buffers.next(next, next.length, true)
  }
  expect(used.size).toBe(2)
})

test('two connections never read into the same slab at the same time', () => {
  const step = fc.record({
    connection: fc.integer({ min: 0, max: 2 }),
    size: fc.constantFrom(1, 5000, 20_000, 100_000),
    decodes: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const connections = Array.from({ length: 3 }, () => {
        const buffers = new ReadBuffers()
        return { buffers, next: buffers.first, pending: [] as Buffer[] }
      })
      for (const { connection, size, decodes } of steps) {
        const one = connections[connection]
        const read = one.next.subarray(0, Math.min(size, one.next.length))
        one.next = one.buffers.next(one.next, read.length, one.pending.length === 0)
        one.pending.push(read)
        for (const other of connections) {
          for (const bytes of other.pending) expect(overlaps(bytes, one.next)).toBe(false)
          if (other !== one) expect(overlaps(other.next, one.next)).toBe(false)
        }
        if (decodes) one.pending = []
      }
    }),
  )
})

test('the slab of a transfer that is over serves the next one', () => {
  const transfer = (): ArrayBufferLike => {
    const buffers = new ReadBuffers()
    let next = buffers.first
    while (next.length < 65_536) next = buffers.next(next, next.length, true)
    const slab = next.buffer
    // A small read ends the transfer; another one says that it is decoded.
    buffers.next(buffers.next(next, 10, true), 10, true)
    return slab
  }
  expect(transfer()).toBe(transfer())
})

function overlaps(a: Buffer, b: Buffer): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.length && b.byteOffset < a.byteOffset + a.length
  )
}
