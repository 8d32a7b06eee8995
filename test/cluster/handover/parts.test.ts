// Large collections that are handed over in parts: whole or not at all, whatever happens meanwhile.

import { describe, expect, test } from 'vitest'
import { keySlot } from '../../../src/bytes/crc16.ts'
import { Handover } from '../../../src/cluster/handover/handover.ts'
import { sendInParts } from '../../../src/cluster/handover/in-parts.ts'
import { writeValue } from '../../../src/group/calls.ts'
import type { Group } from '../../../src/group/group.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { Restorable } from '../../../src/store/rdb/restore-value.ts'
import { RdbWriter } from '../../../src/store/rdb/writer.ts'
import { ValueType } from '../../../src/store/record.ts'
import { seededRandom } from '../../support/random.ts'
import { MovingNode, RandomScheduler } from './simulated-handover.ts'

const KEY = Buffer.from('key')
const SLOT = keySlot(KEY, 0, KEY.length)
const COUNT = 2000
const NOW = 1_700_000_000_000

const TYPES = ['list', 'set', 'hash', 'timed hash', 'zset'] as const

/** Stores a collection of COUNT elements, with a TTL. */
function fill({ store }: Group, type: (typeof TYPES)[number]): void {
  const writer = new RdbWriter()
  if (type === 'list') writer.beginList()
  else if (type === 'set') writer.beginSet(COUNT)
  else if (type === 'hash') writer.beginHash(COUNT, false)
  else if (type === 'timed hash') writer.beginTimedHash(COUNT, 2 * NOW)
  else writer.beginSortedSet(COUNT, false)
  for (let i = 0; i < COUNT; i++) {
    const element = Buffer.from(`element ${i}${i % 100 === 0 ? 'x'.repeat(700) : ''}`)
    if (type === 'timed hash') writer.fieldDeadline(i % 5 === 0 ? 2 * NOW + i : 0)
    if (type === 'zset') writer.scored(element, 0, element.length, i / 8)
    else writer.element(element, 0, element.length)
    if (type.endsWith('hash')) writer.element(element, 0, i % 9)
  }
  const dump = writer.finish()
  const value = Restorable.read(dump, 0, dump.length)
  if (!(value instanceof Restorable)) expect.fail(value)
  expect(value.store(store, KEY, 0, KEY.length, 0)).not.toBe(NULL_REF)
  store.deadline[0] = NOW + 3600_000
  store.expire(store.peek(KEY, 0, KEY.length))
}

/** Everything in a group under the key, in an order of its own. */
function contents({ store }: Group): unknown[] {
  const ref = store.peek(KEY, 0, KEY.length)
  if (ref === NULL_REF) return []
  const { hashes, lists, sets, sortedSets, records } = store
  const found: unknown[] = []
  const type = records.type(ref)
  if (type === ValueType.LIST)
    for (let is = lists.seek(ref, 0); is; is = lists.next()) found.push(lists.span.copy().toString())
  else if (type === ValueType.SET)
    for (let is = sets.seek(ref, 0); is; is = sets.next()) found.push(sets.member.copy().toString())
  else if (type === ValueType.SORTED_SET)
    for (let is = sortedSets.seek(ref, 0); is; is = sortedSets.next())
      found.push(`${sortedSets.score[0]} ${sortedSets.span.copy()}`)
  else if (type === ValueType.HASH)
    for (let is = hashes.seek(ref, 0); is; is = hashes.next()) {
      const field = hashes.field.copy()
      const value = hashes.value.copy()
      const deadline = hashes.hasDeadline(ref, field, 0, field.length) ? hashes.deadline[0] : 0
      found.push(`${field} ${value} ${deadline}`)
    }
  else return [store.copyValue(ref).toString()]
  if (type !== ValueType.LIST) found.sort()
  return [records.deadline(ref), ...found]
}

class Move {
  readonly scheduler: RandomScheduler
  readonly from: MovingNode
  readonly to: MovingNode
  readonly answers: string[] = []
  parts = 0
  /** Called after each part has arrived. */
  afterPart: () => void = () => undefined
  beforeStep: () => void = () => undefined

  constructor(seed: number, groups = 1) {
    this.scheduler = new RandomScheduler(seededRandom(seed))
    this.from = new MovingNode('from', NOW, this.scheduler, groups)
    this.to = new MovingNode('to', NOW, this.scheduler, groups)
    const { from, to, scheduler } = this
    const receiver = (group: Group): Group => to.groups[from.groups.indexOf(group)]
    let micros = 0
    from.handover = new Handover({
      groups: from.groups,
      instant: from.instant,
      timers: from.clock,
      micros: () => (micros += 301),
      pause: () => scheduler.turn(),
      bytesPerSecond: 0,
      largeBytes: 10_000,
      send: async (_to, group, entries) => {
        await scheduler.deliver()
        const answer = to.takeover.acceptAll(receiver(group), entries, 'from')
        this.answers.push(answer)
        return answer
      },
      sendPart: async (name, group, key, number, dump) => {
        await scheduler.deliver()
        if (name !== 'to') return 'later'
        // Some answers are lost, and the part is sent again.
        const answer = to.takeover.acceptPart(receiver(group), key, number, Buffer.from(dump), 'from')
        this.parts++
        this.afterPart()
        return scheduler.draw(5) === 0 ? 'later' : answer
      },
      tally: async () => undefined,
      done: async (_to, slots) => to.takeover.done('from', slots),
    })
  }

  async run(): Promise<void> {
    this.to.takeover.gained([SLOT], 'from')
    this.from.handover.lost([SLOT], 'to')
    let isDrained = false
    void this.from.handover.drained.then(() => {
      isDrained = true
    })
    while (!isDrained) {
      this.beforeStep()
      await this.scheduler.next()
      // The timers of retries.
      this.from.clock.advance(50)
      this.to.clock.advance(50)
    }
  }

  verify(): void {
    for (const { groups } of [this.from, this.to]) {
      const [{ store }] = groups
      for (let left = 100; left > 0; left--) store.reclaim()
      store.verify()
    }
  }
}

describe.each(TYPES)('a %s', (type) => {
  test('arrives whole, with its TTL', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const move = new Move(seed)
      fill(move.from.groups[0], type)
      const before = contents(move.from.groups[0])
      let isSeen = false
      move.afterPart = () => {
        isSeen ||= contents(move.to.groups[0]).length > 0
      }
      await move.run()
      expect(isSeen).toBe(false)
      expect(move.parts).toBeGreaterThan(4)
      const [deadline, ...elements] = contents(move.to.groups[0])
      expect(elements).toEqual(before.slice(1))
      expect(Math.abs(Number(deadline) - Number(before[0]))).toBeLessThan(120_000)
      expect(contents(move.from.groups[0])).toEqual([])
      expect(move.from.handover.moved).toBe(1)
      move.verify()
    }
  })
})

const changes: readonly (readonly [string, (move: Move) => void, readonly string[]])[] = [
  ['the new owner writes the key', ({ to }) => writeValue(to.groups[0], KEY, Buffer.from('new'), 0), ['new']],
  [
    'the new owner writes and removes the key',
    ({ to }) => {
      writeValue(to.groups[0], KEY, Buffer.from('new'), 0)
      to.groups[0].remove(KEY)
    },
    [],
  ],
  ['the new owner is flushed', ({ to }) => to.groups[0].clear(), []],
  ['the old owner loses it', ({ from }) => void from.groups[0].remove(KEY), []],
]

test.each(changes)('%s', async (_, change, expected) => {
  for (let seed = 1; seed <= 4; seed++) {
    for (const at of [1, 3, 5, 8]) {
      const move = new Move(seed)
      fill(move.from.groups[0], 'zset')
      move.afterPart = () => {
        if (move.parts === at) change(move)
      }
      await move.run()
      expect(contents(move.to.groups[0]).map(String).slice(0, 3)).toEqual(expected)
      move.verify()
    }
  }
})

test('a collection that changes on its way is sent again, with the change', async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const move = new Move(seed)
    const [group] = move.from.groups
    fill(group, 'set')
    move.afterPart = () => {
      if (move.parts !== 3) return
      const { store } = group
      const member = Buffer.from('another')
      store.collections.finish(store.sets.add(store.peek(KEY, 0, KEY.length), member, 0, member.length), 1)
    }
    await move.run()
    expect(contents(move.to.groups[0]).length).toBe(1 + COUNT + 1)
    move.verify()
  }
})

test('a collection whose slot goes to another node while it is sent is sent there', async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const move = new Move(seed)
    fill(move.from.groups[0], 'set')
    move.from.handover.lost([SLOT], 'another')
    expect(move.from.handover.peek(move.from.groups[0], KEY)).toBe('large')
    await move.run()
    expect(contents(move.to.groups[0]).length).toBe(COUNT + 1)
    move.verify()
  }
})

test('a hash arrives with all fields that have not expired, whichever expire on its way', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const move = new Move(seed)
    const [group] = move.from.groups
    const { store } = group
    const writer = new RdbWriter()
    writer.beginTimedHash(COUNT, NOW + 1000)
    for (let i = 0; i < COUNT; i++) {
      const field = Buffer.from(`field ${i}`)
      writer.fieldDeadline(i % 5 === 0 ? NOW + 1000 + i : 0)
      writer.element(field, 0, field.length)
      writer.element(field, 0, field.length)
    }
    const dump = writer.finish()
    const value = Restorable.read(dump, 0, dump.length)
    if (!(value instanceof Restorable)) expect.fail(value)
    value.store(store, KEY, 0, KEY.length, 0)
    const lasting = contents(group).filter((text) => `${text}`.endsWith(' 0'))
    expect(lasting.length).toBe(COUNT - COUNT / 5)
    move.afterPart = () => {
      move.from.advance(400)
      if (seed % 2 === 0) store.hashes.sweep(100, (ref) => store.remove(ref))
    }
    await move.run()
    expect(contents(move.to.groups[0]).filter((text) => `${text}`.endsWith(' 0'))).toEqual(lasting)
    expect(contents(group)).toEqual([])
    move.verify()
  }
})

test('collections of one group that are asked for while entries of another group are sent', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const move = new Move(seed, 2)
    const [small, large] = move.from.groups
    fill(large, 'list')
    const keys = Array.from({ length: 400 }, (_, i) => `{key}${i}`)
    for (const key of keys) writeValue(small, Buffer.from(key), Buffer.from('value'), 0)
    move.beforeStep = () => {
      if (move.scheduler.draw(20) === 0) move.from.handover.peek(large, KEY)
    }
    await move.run()
    expect(contents(move.to.groups[1]).length).toBe(COUNT + 1)
    expect([...move.to.contents(0).keys()].sort()).toEqual([...keys].sort())
    expect(move.from.handover.dropped).toBe(0)
    move.verify()
  }
})

test('when the old owner dies, what has arrived of the collection is dropped', async () => {
  for (let turns = 1; turns < 40; turns += 3) {
    const move = new Move(turns)
    fill(move.from.groups[0], 'hash')
    move.to.takeover.gained([SLOT], 'from')
    move.from.handover.lost([SLOT], 'to')
    for (let i = 0; i < turns; i++) await move.scheduler.next()
    move.to.takeover.peerGone('from')
    const isThere = contents(move.to.groups[0]).length > 0
    move.from.handover.close()
    for (let i = 0; i < 20; i++) await move.scheduler.next()
    expect(contents(move.to.groups[0]).length).toBe(isThere ? COUNT + 1 : 0)
    move.verify()
  }
})

test('a request for the key makes it come at once', async () => {
  const move = new Move(3)
  fill(move.from.groups[0], 'list')
  expect(move.from.handover.peek(move.from.groups[0], KEY)).toBeInstanceOf(Buffer)
  move.to.takeover.gained([SLOT], 'from')
  move.from.handover.lost([SLOT], 'to')
  expect(move.to.takeover.peerToAsk(move.to.groups[0], SLOT, KEY, 0, KEY.length)).toBe('from')
  expect(move.from.handover.peek(move.from.groups[0], KEY)).toBe('large')
  while (move.from.handover.pending > 0) {
    await move.scheduler.next()
    move.from.clock.advance(50)
  }
  expect(contents(move.to.groups[0]).length).toBe(COUNT + 1)
  move.verify()
})

test('malformed parts and unknown ones are refused, and nothing is left of them', () => {
  const move = new Move(1)
  const { takeover, groups } = move.to
  const [group] = groups
  takeover.gained([SLOT], 'from')
  const writer = new RdbWriter()
  writer.beginSet(1)
  writer.element(KEY, 0, KEY.length)
  const dump = writer.finish()
  const part = (number: number, bytes = dump): string =>
    takeover.acceptPart(group, KEY, number, bytes, 'from')
  expect(part(1)).toBe('refused')
  expect(part(0)).toBe('taken')
  expect(part(2)).toBe('refused')
  expect(part(0, Buffer.from('nonsense'))).toBe('refused')
  expect(part(0)).toBe('taken')
  expect(part(1, dump.subarray(0, -1))).toBe('refused')
  expect(takeover.acceptPart(group, KEY, 0, dump, 'another')).toBe('refused')
  // An entry whose parts have not come.
  const { store } = move.from.groups[0]
  fill(move.from.groups[0], 'set')
  expect(store.collections.stamp(store.peek(KEY, 0, KEY.length))).toBeGreaterThan(0)
  expect(contents(group)).toEqual([])
  move.verify()
})

test('a part is bounded in bytes, too', async () => {
  const move = new Move(1)
  const [group] = move.from.groups
  const { store } = group
  const element = Buffer.alloc(10_000, 'x')
  let ref = store.collections.create(ValueType.LIST, KEY, 0, KEY.length, 0)
  for (let i = 0; i < 1000; i++) ref = store.lists.insert(ref, i, element, 0, 2000 + i)
  store.collections.finish(ref, 1)
  const sizes: number[] = []
  const outcome = sendInParts(store, KEY, 'to', {
    pace: {
      throttle: async () => undefined,
      wait: async () => undefined,
      yieldIfDue: async () => undefined,
    } as never,
    sendPart: async (_to, _group, _key, _number, dump) => {
      sizes.push(dump.length)
      return 'taken'
    },
    groupOf: () => group,
    isMeant: () => true,
  })
  expect(await outcome).toEqual({ parts: sizes.length })
  // Compressed, so less than the elements have.
  expect(sizes.length).toBeGreaterThan(3)
})
