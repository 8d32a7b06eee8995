// Replies on their way to a socket: joined into few writes, held for a moment for those of other nodes.

import type { Socket } from 'node:net'
import { beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { FlushQueue } from '../../../src/server/output/flush-queue.ts'
import { SocketWriter, type WriterServices } from '../../../src/server/output/socket-writer.ts'

let written: string[]
let corked: number
let released: string[]
let writer: SocketWriter
let flushQueue: FlushQueue
let clock: ManualClock

beforeEach(() => {
  clock = new ManualClock()
  written = []
  released = []
  corked = 0
  const socket = {
    writableLength: 0,
    get writableCorked() {
      return corked
    },
    on: () => undefined,
    cork: () => corked++,
    uncork: () => corked--,
    write: (bytes: Buffer, done?: () => void) => {
      written.push(String(bytes))
      done?.()
    },
  }
  flushQueue = new FlushQueue(clock)
  const services = { flushQueue, stats: { outputBytes: 0 }, unread: { bytes: 0 } }
  writer = new SocketWriter(
    socket as unknown as Socket,
    services as unknown as WriterServices,
    () => undefined,
  )
})

function write(text: string): void {
  writer.write(Buffer.from(text), () => released.push(text))
}

async function endCallback(): Promise<void> {
  await new Promise((resolve) => process.nextTick(resolve))
}

test('replies that are ready leave with those of other nodes, in order and in one write', async () => {
  write('+1\r\n')
  writer.hold()
  expect([written, writer.size]).toEqual([[], 4])
  writer.sendSoon(Buffer.from('+2\r\n'))
  writer.sendSoon(Buffer.from('+3\r\n'))
  expect(writer.size).toBe(12)
  await endCallback()
  expect(written).toEqual(['+1\r\n+2\r\n+3\r\n'])
  expect(released).toEqual(['+1\r\n'])
  expect(writer.size).toBe(0)
  clock.advance(10)
  expect(written.length).toBe(1)
})

test('a push and the replies behind it leave in one write, in order', async () => {
  writer.sendSoon(Buffer.from('>push\r\n'))
  write('+1\r\n')
  write('+2\r\n')
  expect([written, released, writer.size]).toEqual([[], ['+1\r\n', '+2\r\n'], 15])
  writer.send()
  expect(written).toEqual(['>push\r\n+1\r\n+2\r\n'])
  await endCallback()
  const long = 'x'.repeat(5000)
  writer.sendSoon(Buffer.from('>push\r\n'))
  write(long)
  await endCallback()
  expect(written.slice(1)).toEqual(['>push\r\n', long])
})

test('replies of other nodes that do not come are not waited for', () => {
  write('+1\r\n')
  writer.hold()
  clock.advance(10)
  expect([written, released]).toEqual([['+1\r\n'], ['+1\r\n']])
  // Held again.
  write('+2\r\n')
  writer.hold()
  clock.advance(10)
  expect(written).toEqual(['+1\r\n', '+2\r\n'])
  // No timer is left: it would send this.
  write('+3\r\n')
  clock.advance(1000)
  expect(written.length).toBe(2)
})

test('what is held leaves when the reply of the other node takes longer', async () => {
  writer.endHold()
  write('+1\r\n')
  writer.hold()
  writer.endHold()
  expect(written).toEqual([])
  await endCallback()
  expect([written, released]).toEqual([['+1\r\n'], ['+1\r\n']])
  clock.advance(10)
  expect(written.length).toBe(1)
})

test('further replies of the same node do not overtake what is held', async () => {
  write('+1\r\n')
  writer.hold()
  writer.sendSoon(Buffer.from('+2\r\n'))
  write('+3\r\n')
  writer.send()
  expect(written).toEqual(['+1\r\n+2\r\n+3\r\n'])
  await endCallback()
  clock.advance(10)
  expect(written.length).toBe(1)
})

test('large replies are neither held nor copied', async () => {
  const large = 'x'.repeat(5000)
  write(large)
  writer.hold()
  expect(written).toEqual([large])
  writer.sendSoon(Buffer.from('+1\r\n'))
  writer.sendSoon(Buffer.from(large))
  writer.sendSoon(Buffer.from('+2\r\n'))
  await endCallback()
  expect(written.slice(1).join('')).toBe(`+1\r\n${large}+2\r\n`)
  expect([written.length, corked]).toEqual([4, 0])
})

test('replies of one read from another node leave at its end', async () => {
  flushQueue.begin()
  writer.sendSoon(Buffer.from('+1\r\n'))
  writer.sendSoon(Buffer.from('+2\r\n'))
  expect(written).toEqual([])
  flushQueue.end()
  expect(written).toEqual(['+1\r\n+2\r\n'])
  writer.sendSoon(Buffer.from('+3\r\n'))
  await endCallback()
  expect(written).toEqual(['+1\r\n+2\r\n', '+3\r\n'])
})

test('replies that were to leave after the callback leave with those of a read in it, once', async () => {
  writer.sendSoon(Buffer.from('+1\r\n'))
  flushQueue.begin()
  writer.sendSoon(Buffer.from('+2\r\n'))
  flushQueue.end()
  expect(written).toEqual(['+1\r\n+2\r\n'])
  await endCallback()
  expect(written).toHaveLength(1)
})
