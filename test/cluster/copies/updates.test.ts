// The owner of a hot key and a node with a copy of it: which writes are followed by the new value, and which keys pay.

import { beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { HotCopies } from '../../../src/cluster/copies/copying.ts'
import type { Reply } from '../../../src/cluster/links/request.ts'
import { writeValue } from '../../../src/group/calls.ts'
import { Group } from '../../../src/group/group.ts'
import { Args } from '../../../src/resp/args.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { Collection } from '../../../src/store/value.ts'

const KEY = Buffer.from('Tom')
const OWNER = 'owner:1'

let clock: ManualClock
let instant: Instant
let owner: HotCopies
let ownerGroup: Group
let holder: HotCopies
let holderGroup: Group
/** What the owner has pushed and the holder has not received. */
let pushed: Buffer[]
let soon: (() => void)[]
/** The updates that the holder has asked for, by fetch. */
let asked: number[]
const connection = { push: (bytes: Buffer) => void pushed.push(bytes), outputBufferBytes: 0 }

beforeEach(() => {
  clock = new ManualClock()
  instant = new Instant(clock)
  const hasher = new Hasher({ low: 1, high: 2 })
  const groupOf = (): Group =>
    new Group(
      { name: 'scores', maxBytes: 1_000_000, ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 },
      { instant, hasher, timers: clock, random: () => 0 },
    )
  ownerGroup = groupOf()
  holderGroup = groupOf()
  pushed = []
  soon = []
  asked = []
  connection.outputBufferBytes = 0
  const common = { instant, hasher, timers: clock, fraction: 0.125, maxAgeMs: 1000 }
  owner = new HotCopies({
    ...common,
    groups: [ownerGroup],
    fetch: () => Promise.reject(new Error('it owns every key')),
    soon: (run) => soon.push(run),
  })
  holder = new HotCopies({
    ...common,
    groups: [holderGroup],
    fetch: (_owner, _group, key, updates) => {
      asked.push(updates)
      const granted = owner.grant(connection, ownerGroup, key, 0, key.length, updates)
      if (granted === undefined) return Promise.resolve(null)
      const { value, remainingMs, version } = granted
      const isCollection = value instanceof Collection
      const reply: Reply = isCollection
        ? [value.dump, remainingMs, value.type, version]
        : [value, remainingMs, null, version]
      return Promise.resolve(reply)
    },
  })
})

/** Reads the key at the holder several times. Returns how many reads a copy has served. */
function read(times: number): number {
  const args = new Args()
  args.buf = KEY
  args.count = 1
  args.start[0] = 0
  args.end[0] = KEY.length
  let served = 0
  for (let i = 0; i < times; i++) if (holder.serve(holderGroup, args, 0, OWNER)) served++
  return served
}

function copied(): string | undefined {
  const ref = holderGroup.copies?.find(KEY, 0, KEY.length) ?? NULL_REF
  return ref === NULL_REF ? undefined : holderGroup.copies?.store?.copyValue(ref).toString()
}

/** Reads the key until it is copied. */
async function copy(): Promise<void> {
  read(64)
  await Promise.resolve()
  await Promise.resolve()
}

function write(value: string, ttlMs = 0): void {
  writeValue(ownerGroup, KEY, Buffer.from(value), ttlMs)
}

function endCallback(): void {
  const due = soon
  soon = []
  for (const run of due) run()
}

/** The holder receives what was pushed. */
function deliver(): void {
  for (const frame of pushed.splice(0)) holder.handlePush(frame)
}

test('a write is followed by the new value, and the key is not fetched again', async () => {
  write('1')
  await copy()
  expect(copied()).toBe('1')
  for (const value of ['2', '', 'with\r\nline ends']) {
    write(value)
    deliver()
    expect(copied()).toBeUndefined()
    endCallback()
    deliver()
    expect(copied()).toBe(value)
  }
  expect(asked.length).toBe(1)
})

test('a copy that is read is fetched again before it expires', async () => {
  write('1')
  await copy()
  for (let i = 0; i < 50; i++) {
    clock.advance(100)
    instant.refresh()
    expect(read(64)).toBe(64)
    await Promise.resolve()
    await Promise.resolve()
  }
  expect(asked.length).toBeGreaterThan(3)
  expect(asked.length).toBeLessThan(10)
})

test.each([
  ['a large value', () => write('x'.repeat(20_000))],
  ['a value that expires before the copy may', () => write('2', 500)],
  ['a removal', () => ownerGroup.remove(KEY)],
])('%s ends the copy', async (_, change) => {
  write('1')
  await copy()
  change()
  endCallback()
  expect(pushed.length).toBe(2)
  deliver()
  expect(copied()).toBeUndefined()
})

test('a holder that does not read what it is sent is not sent values', async () => {
  write('1')
  await copy()
  connection.outputBufferBytes = 1_000_000
  write('2')
  endCallback()
  deliver()
  expect(copied()).toBeUndefined()
})

test('a key that is read often is updated often, one that is hardly read between writes is not copied for a while', async () => {
  write('0')
  await copy()
  expect(asked).toEqual([4])
  // Read 64 times for each write: its lease ends after four writes, and it is fetched again, for longer.
  for (let i = 1; i <= 5; i++) {
    read(64)
    write(String(i))
    endCallback()
    deliver()
  }
  expect(copied()).toBeUndefined()
  await copy()
  expect(copied()).toBe('5')
  expect(asked[1]).toBeGreaterThan(100)
  // Written without reads.
  for (let i = 0; i < asked[1] + 1; i++) {
    write(String(i))
    endCallback()
    deliver()
  }
  expect(copied()).toBeUndefined()
  await copy()
  expect([copied(), asked.length]).toEqual([undefined, 2])
  clock.advance(1000)
  instant.refresh()
  await copy()
  expect(asked.length).toBe(3)
})
