// Streams against a model, and their memory.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../../src/bytes/clock.ts'
import { Hasher } from '../../../../src/bytes/hash.ts'
import { Instant } from '../../../../src/bytes/instant.ts'
import { NULL_REF } from '../../../../src/store/arena.ts'
import { Store } from '../../../../src/store/store.ts'
import { EntryReader } from '../../../../src/store/types/stream/entry-reader.ts'
import {
  createGroup,
  destroyGroup,
  findGroup,
  groupsOf,
  verifyStream,
} from '../../../../src/store/types/stream/groups.ts'
import { MAX_ID, MIN_ID, type StreamId, streamId } from '../../../../src/store/types/stream/id.ts'
import type { Stream } from '../../../../src/store/types/stream/stream.ts'
import { seededRandom } from '../../../support/random.ts'

const KEY = Buffer.from('key')
const MB = 2 ** 20

function createStore(maxBytes = 64 * MB): Store {
  return new Store({
    maxBytes,
    hasher: new Hasher({ low: 1, high: 2 }),
    instant: new Instant(new ManualClock(1000)),
  })
}

/** The stream under the key, which is created if necessary. */
function openStream(store: Store): Stream {
  const ref = store.peek(KEY, 0, KEY.length)
  return store.streams.change(ref === NULL_REF ? store.streams.create(KEY, 0, KEY.length, 0) : ref)
}

function append(stream: Stream, id: StreamId, ...strings: readonly string[]): void {
  const buf = Buffer.from(strings.join(''), 'latin1')
  const end: number[] = []
  for (const text of strings) end.push((end.at(-1) ?? 0) + text.length)
  stream.append(id, { buf, start: [0, ...end], end }, 0, strings.length / 2)
}

type Entry = readonly [id: StreamId, ...strings: string[]]

function entriesOf(stream: Stream, isReverse = false): Entry[] {
  const reader = new EntryReader(stream)
  if (isReverse) reader.openBackwards(MAX_ID)
  else reader.openAt(MIN_ID)
  const all: Entry[] = []
  while (reader.next()) {
    const strings: string[] = []
    while (reader.fields > 0) {
      reader.nextField()
      for (const { bytes, start, end } of [reader.field, reader.value])
        strings.push(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
    }
    all.push([reader.id, ...strings])
  }
  return all
}

const text = fc.oneof(
  fc.constantFrom('', 'f', 'g', '17', '-5'),
  fc.integer({ min: 0, max: 900 }).map((n) => 'x'.repeat(n)),
)
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('add'),
      step: fc.bigInt(1n, 3n),
      strings: fc.array(text, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete'), at: fc.integer({ min: -3, max: 200 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('length'), length: fc.nat(150) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('id'), at: fc.nat(200), step: fc.bigInt(0n, 2n) }) },
  // Below entries that were removed (XSETID).
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('back'), step: fc.bigInt(0n, 3n) }) },
) as fc.Arbitrary<{ kind: string; step: bigint; strings: string[]; at: number; length: number }>

test('a stream is the list of its entries', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const store = createStore()
      let model: Entry[] = []
      let last = streamId(5n, 0n)
      for (const { kind, step, strings, at, length } of operations) {
        const stream = openStream(store)
        const id = model.at(at % Math.max(1, model.length))?.[0] ?? 0n
        if (kind === 'add') {
          last += step << (step === 3n ? 64n : 0n)
          const pairs = strings.flatMap((each, i) => [`f${i}`, each])
          append(stream, last, ...pairs)
          model.push([last, ...pairs])
        } else if (kind === 'back') {
          last = (model.at(-1)?.[0] ?? 0n) + step
          stream.lastId = last
        } else if (kind === 'delete') {
          expect(stream.delete([id])).toBe(model.length === 0 ? 0 : 1)
          model = model.filter(([own]) => own !== id)
        } else {
          const left =
            kind === 'length'
              ? model.slice(Math.max(0, model.length - length))
              : model.filter(([own]) => own >= id + step)
          const bound = kind === 'length' ? { maxLength: length } : { minId: id + step }
          expect(stream.trim({ ...bound, approximate: false, limit: 0 })).toBe(model.length - left.length)
          model = left
        }
        store.streams.settle(stream, true)
        if (kind === 'back') verifyStream(stream)
      }
      const stream = openStream(store)
      expect(entriesOf(stream)).toEqual(model)
      expect(entriesOf(stream, true)).toEqual(model.toReversed())
      expect(stream.length).toBe(model.length)
      for (const [i, [id]] of model.entries()) {
        expect(stream.has(id)).toBe(true)
        expect(stream.count(MIN_ID, id)).toBe(i + 1)
      }
      verifyStream(stream)
      store.verify()
    }),
    { numRuns: 60 },
  )
})

describe('consumer groups', () => {
  test('no page is lost in a hundred thousand random operations', () => {
    const random = seededRandom(5)
    const pick = (n: number): number => random() % n
    const store = createStore()
    const names = ['a', 'b', 'a long name that is not stored in a single byte', ''].map((name) =>
      Buffer.from(name),
    )
    let last = streamId(1n, 0n)
    for (let i = 0; i < 100_000; i++) {
      const stream = openStream(store)
      const name = names[pick(names.length)] as Buffer
      const group = findGroup(stream, name)
      if (group === undefined) createGroup(stream, name, MIN_ID, -1n)
      else {
        const consumer = group.consumer(names[pick(names.length)] as Buffer)
        const id = last - BigInt(pick(40))
        const before = group.pendingEntry(id)
        const action = pick(100)
        if (consumer === undefined) group.createConsumer(names[pick(names.length)] as Buffer, 1000)
        else if (action < 50) append(stream, ++last, 'field', 'value')
        else if (action < 80) group.assign(consumer, { id, time: 1000, deliveries: 1n }, before)
        else if (action < 95) {
          if (before !== undefined) group.remove(before)
        } else if (action < 97) group.deleteConsumer(consumer)
        else if (action < 98) destroyGroup(stream, group)
        else stream.trim({ maxLength: 50, approximate: false, limit: 0 })
      }
      store.streams.settle(stream, true)
      if (i % 5000 === 0) verifyStream(openStream(store))
    }
    const stream = openStream(store)
    verifyStream(stream)
    for (const group of groupsOf(stream)) destroyGroup(stream, group)
    stream.trim({ maxLength: 0, approximate: false, limit: 0 })
    verifyStream(stream)
    store.remove(stream.ref)
    store.verify()
    expect(store.usedBytes).toBe(store.indexBytes + store.minBytes - createStore().minBytes)
  })
})

test('a long stream is trimmed page by page', () => {
  const store = createStore(512 * MB)
  const stream = openStream(store)
  for (let i = 1n; i <= 200_000n; i++) append(stream, i, 'field', 'value')
  const perEntry = store.usedBytes / 200_000
  // Redis 7.0.15: about 30 bytes, which are listpacks of 100 entries.
  expect(perEntry).toBeLessThan(45)
  expect(stream.trim({ maxLength: 10, approximate: false, limit: 0 })).toBe(199_990)
  verifyStream(stream)
  store.verify()
})
