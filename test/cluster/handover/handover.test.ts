// The previous owner of slots: what it sends where and at which rate, what it drops, and how long it blocks the event loop.

import { describe, expect, test } from 'vitest'
import { keySlot } from '../../../src/bytes/crc16.ts'
import { Handover, type HandoverOptions } from '../../../src/cluster/handover/handover.ts'
import type { TransferredEntry } from '../../../src/cluster/handover/takeover.ts'
import { writeValue } from '../../../src/group/calls.ts'
import type { Group } from '../../../src/group/group.ts'
import { seededRandom } from '../../support/random.ts'
import { ALL_SLOTS, MovingNode, RandomScheduler } from './simulated-handover.ts'

const turn = (): Promise<void> => new Promise(setImmediate)

async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

interface Call {
  readonly to: string
  readonly group: string
  readonly keys: readonly string[]
  readonly bytes: number
  readonly answer: (answer: 'taken' | 'later' | 'refused') => void
}

/** A node that hands over; the test answers its messages. */
class Sender {
  readonly node = new MovingNode('bench', 1_700_000_000_000, new RandomScheduler(seededRandom(1)), 2)
  readonly calls: Call[] = []
  readonly reports: { readonly to: string; readonly slots: readonly number[] }[] = []
  doneAnswer: 'taken' | 'later' = 'taken'
  readonly handover: Handover

  constructor(options: Partial<HandoverOptions> = {}) {
    this.handover = new Handover({
      groups: this.node.groups,
      instant: this.node.instant,
      timers: this.node.clock,
      micros: () => performance.now() * 1000,
      pause: turn,
      bytesPerSecond: 0,
      send: (to, group, entries) =>
        new Promise((answer) => this.calls.push(call(to, group, entries, answer))),
      tally: () => undefined,
      done: async (to, slots) => {
        this.reports.push({ to, slots })
        return this.doneAnswer
      },
      ...options,
    })
  }

  get group(): Group {
    return this.node.groups[0]
  }

  write(key: string, value = 'value'): number {
    writeValue(this.group, Buffer.from(key), Buffer.from(value), 0)
    return keySlot(Buffer.from(key), 0, key.length)
  }
}

function call(to: string, group: Group, entries: readonly TransferredEntry[], answer: Call['answer']): Call {
  const bytes = entries.reduce((sum, { key, dump }) => sum + key.length + dump.length, 0)
  return { to, group: group.name, keys: entries.map(({ key }) => key.toString()), bytes, answer }
}

describe('Handover', () => {
  test('sends each entry to the owner of its slot, group by group, and reports slots without entries too', async () => {
    const bench = new Sender()
    const a = bench.write('a')
    const b = bench.write('b')
    bench.write('c')
    writeValue(bench.node.groups[1], Buffer.from('a'), Buffer.from('other'), 0)
    bench.handover.lost([a, 77], 'one')
    bench.handover.lost([b], 'two')
    await turns()
    for (const call of bench.calls) call.answer('taken')
    await turns()
    for (const call of bench.calls) call.answer('taken')
    await bench.handover.drained
    expect(bench.calls.map(({ to, group, keys }) => [to, group, ...keys]).sort()).toEqual([
      ['one', 'g0', 'a'],
      ['one', 'g1', 'a'],
      ['two', 'g0', 'b'],
    ])
    expect(bench.reports).toEqual(
      expect.arrayContaining([
        { to: 'one', slots: [a, 77].sort((x, y) => x - y) },
        { to: 'two', slots: [b] },
      ]),
    )
    expect(bench.group.store.size).toBe(1)
    expect(bench.handover.moved).toBe(3)
  })

  test('keeps and resends an entry that was written while it was in flight', async () => {
    const bench = new Sender()
    const slot = bench.write('a', 'old')
    bench.handover.lost([slot], 'one')
    await turns()
    bench.write('a', 'new')
    bench.calls[0].answer('taken')
    await turns()
    expect(bench.calls).toHaveLength(2)
    expect(bench.reports).toEqual([])
    bench.calls[1].answer('taken')
    await bench.handover.drained
    expect(bench.reports).toEqual([{ to: 'one', slots: [slot] }])
    expect(bench.group.store.size).toBe(0)
  })

  test('stops after three passes when a key is written all the time', async () => {
    const bench = new Sender()
    const slot = bench.write('a')
    bench.handover.lost([slot], 'one')
    for (let i = 0; i < 5; i++) {
      await turns()
      if (bench.handover.pending > 0) bench.write('a', `value ${i}`)
      bench.calls[i]?.answer('taken')
    }
    await turns()
    expect(bench.calls).toHaveLength(3)
    expect(bench.reports).toEqual([{ to: 'one', slots: [slot] }])
    expect(bench.handover.pending).toBe(0)
    expect(bench.group.store.size).toBe(0)
  })

  test('retries a batch answered with later, and drops a refused one', async () => {
    const bench = new Sender()
    bench.doneAnswer = 'later'
    const slot = bench.write('a')
    bench.handover.lost([slot], 'one')
    await turns()
    bench.calls[0].answer('later')
    await turns()
    expect(bench.calls).toHaveLength(1)
    bench.node.advance(50)
    await turns()
    bench.calls[1].answer('refused')
    await turns()
    expect(bench.group.store.size).toBe(0)
    expect(bench.handover.dropped).toBe(1)
    expect(bench.handover.pending).toBe(1)
    bench.doneAnswer = 'taken'
    bench.node.advance(50)
    await bench.handover.drained
  })

  test('all entries for a destination are dropped once it is gone', async () => {
    const bench = new Sender({ send: () => Promise.reject(new Error('the link broke')) })
    for (let i = 0; i < 1000; i++) bench.write(`key ${i}`)
    bench.handover.lost(ALL_SLOTS, 'one')
    await turns()
    expect(bench.group.store.size).toBe(1000)
    bench.handover.peerGone('one')
    bench.node.advance(50)
    await bench.handover.drained
    expect(bench.group.store.size).toBe(0)
    expect(bench.handover.dropped).toBe(1000)
  })

  test('a member that was gone only for a moment is told that nothing more comes, or it would wait for ever', async () => {
    const bench = new Sender()
    bench.doneAnswer = 'later'
    const slot = bench.write('a')
    bench.handover.lost([slot, 77], 'one')
    bench.handover.peerGone('one')
    await bench.handover.drained
    expect(bench.reports).toEqual([{ to: 'one', slots: [77, slot] }])
    await turns()
    // A slot that it is given another time is not done.
    bench.handover.regained([77])
    bench.handover.lost([77], 'one')
    bench.doneAnswer = 'taken'
    bench.node.advance(50)
    await turns()
    expect(bench.reports.slice(1)).toContainEqual({ to: 'one', slots: [slot] })
  })

  test('it is told although it cannot be reached at first', async () => {
    const reports: string[] = []
    const done = (to: string): Promise<'taken'> => {
      reports.push(to)
      return reports.length < 3 ? Promise.reject(new Error('the link broke')) : Promise.resolve('taken')
    }
    const bench = new Sender({ done })
    bench.handover.lost([77], 'one')
    bench.handover.peerGone('one')
    await bench.handover.drained
    for (let i = 0; i < 10; i++) {
      bench.node.advance(50)
      await turns()
    }
    expect(reports).toEqual(['one', 'one', 'one'])
  })

  test('a member that is gone for good is told for a minute', async () => {
    let reports = 0
    const done = (): Promise<'taken'> => {
      reports++
      return Promise.reject(new Error('the link broke'))
    }
    const bench = new Sender({ done })
    bench.handover.lost([77], 'one')
    bench.handover.peerGone('one')
    await bench.handover.drained
    for (let ms = 0; ms < 70_000; ms += 50) {
      bench.node.advance(50)
      await turns()
    }
    expect(reports).toBe(1200)
  })

  test('slots that are regained keep their entries, also those in flight', async () => {
    const bench = new Sender()
    const slot = bench.write('a')
    bench.handover.lost([slot], 'one')
    await turns()
    bench.handover.regained([slot])
    bench.calls[0].answer('taken')
    await turns()
    expect(bench.group.store.size).toBe(1)
    expect(bench.handover.pending).toBe(0)
  })

  test('entries without an owner are dropped silently; those left by misrouted requests, a second later', async () => {
    const bench = new Sender()
    bench.handover.lost([bench.write('a')], undefined)
    await bench.handover.drained
    expect(bench.group.store.size).toBe(0)
    const [stays, goes] = [bench.write('b'), bench.write('c')]
    bench.handover.ranMisrouted(stays)
    bench.handover.ranMisrouted(goes)
    bench.handover.regained([stays])
    await turns()
    expect(bench.group.store.size).toBe(2)
    bench.node.advance(1000)
    await bench.handover.drained
    expect(bench.group.store.size).toBe(1)
    expect(bench.calls).toEqual([])
  })

  test('keeps to the rate limit', async () => {
    const bench = new Sender({ bytesPerSecond: 100_000 })
    for (let i = 0; i < 200; i++) bench.write(`key ${i}`, 'x'.repeat(5000))
    bench.handover.lost(ALL_SLOTS, 'one')
    const sent = (): number => bench.calls.reduce((sum, { bytes }) => sum + bytes, 0)
    for (let second = 1; second <= 5; second++) {
      for (let i = 0; i < 10; i++) {
        await turns(3)
        for (const { answer } of bench.calls) answer('taken')
        bench.node.advance(100)
      }
      expect(sent()).toBeLessThanOrEqual(100_000 * second)
      expect(sent()).toBeGreaterThan(100_000 * second - 150_000)
    }
  })

  test('batches have at most 256 entries, and end when they reach 64 KiB', async () => {
    const bench = new Sender({
      send: async (to, group, entries) => {
        bench.calls.push(call(to, group, entries, () => {}))
        return 'taken'
      },
    })
    for (let i = 0; i < 3000; i++) bench.write(`key ${i}`, 'x'.repeat(i % 10 === 0 ? 3000 : 10))
    bench.handover.lost(ALL_SLOTS, 'one')
    await bench.handover.drained
    expect(Math.max(...bench.calls.map(({ keys }) => keys.length))).toBeLessThanOrEqual(256)
    expect(Math.max(...bench.calls.map(({ bytes }) => bytes))).toBeLessThan(64 * 1024 + 3100)
    expect(bench.calls.reduce((sum, { keys }) => sum + keys.length, 0)).toBe(3000)
  })
})

test('100,000 keys move from one node to another in short slices', async () => {
  const scheduler = new RandomScheduler(seededRandom(3))
  const from = new MovingNode('from', 1_700_000_000_000, scheduler, 1)
  // Each node hashes with a seed of its own, here drawn from its clock.
  const to = new MovingNode('to', 1_700_000_012_345, scheduler, 1)
  const group = from.groups[0]
  for (let i = 0; i < 100_000; i++) writeValue(group, Buffer.from(`key ${i}`), Buffer.from(`value ${i}`), 0)
  to.takeover.gained(ALL_SLOTS, 'from')
  /** Each reading of the clock advances it, so that slices end by the amount of work and not by the machine's speed. */
  const READING_MICROS = 10
  let micros = 0
  let readings = 0
  let mostReadings = 0
  const endSlice = async (): Promise<void> => {
    mostReadings = Math.max(mostReadings, readings)
    await turn()
    readings = 0
  }
  const handover = new Handover({
    groups: from.groups,
    instant: from.instant,
    timers: from.clock,
    micros: () => {
      readings++
      micros += READING_MICROS
      return micros
    },
    pause: endSlice,
    bytesPerSecond: 0,
    send: async (_to, _group, entries) => {
      await endSlice()
      return to.takeover.acceptAll(to.groups[0], entries, 'from')
    },
    tally: () => undefined,
    done: async (_to, slots) => to.takeover.done('from', slots),
  })
  handover.lost(ALL_SLOTS, 'to')
  await handover.drained
  expect(to.groups[0].store.size).toBe(100_000)
  expect(group.store.size).toBe(0)
  expect(to.takeover.active).toBe(false)
  // No slice works for longer than half a millisecond by its clock.
  expect(mostReadings).toBeGreaterThan(1)
  expect(mostReadings).toBeLessThanOrEqual(500 / READING_MICROS + 2)
})
