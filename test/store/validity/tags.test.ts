// Tags: invalidating one invalidates the entries that carry it, and no others while the table has room.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { EXPIRES, LOADED, tagFlags, ValueType } from '../../../src/store/record.ts'
import { Store } from '../../../src/store/store.ts'
import { ageDump, dumpEntry, isUnchanged, restoreEntry } from '../../../src/store/transfer/dump.ts'
import { EntryTags, MAX_TAGS, TagEpochs, tagHash } from '../../../src/store/validity/tags.ts'

const hasher = new Hasher({ low: 1, high: 2 })

function hashOf(tag: string): number {
  const bytes = Buffer.from(tag)
  return tagHash(bytes, 0, bytes.length)
}

class Tagged {
  readonly clock = new ManualClock(1_000_000)
  readonly instant = new Instant(this.clock)
  readonly store = new Store({ maxBytes: 1 << 20, hasher, instant: this.instant })

  set(key: string, value: string, tags: readonly string[], flags = 0): void {
    const { store } = this
    store.entryTags.count = 0
    for (const tag of tags) store.entryTags.add(hashOf(tag))
    store.entryTags.epoch[0] = store.validity.tagEpochs.currentEpoch()
    store.loadedAt[0] = store.now
    const bytes = Buffer.from(key)
    const text = Buffer.from(value)
    store.put(bytes, 0, bytes.length, text, 0, text.length, ValueType.STRING, flags | tagFlags(tags.length))
  }

  get(key: string): string | null {
    const bytes = Buffer.from(key)
    const ref = this.store.get(bytes, 0, bytes.length)
    return ref === NULL_REF ? null : this.store.copyValue(ref).toString()
  }

  invalidate(tag: string): void {
    this.store.validity.invalidateTag(hashOf(tag))
  }

  pass(ms: number): void {
    this.clock.advance(ms)
    this.instant.refresh()
  }
}

describe('tags', () => {
  test('events within one millisecond are ordered', () => {
    const tagged = new Tagged()
    tagged.set('a', '1', ['x'])
    tagged.invalidate('x')
    tagged.set('b', '2', ['x'])
    expect([tagged.get('a'), tagged.get('b')]).toEqual([null, '2'])
    expect(tagged.store.invalidated).toBe(1)
    tagged.invalidate('x')
    expect(tagged.get('b')).toBe(null)
  })

  test('setting the clock back changes nothing', () => {
    const tagged = new Tagged()
    tagged.set('a', '1', ['x'])
    tagged.clock.set(995_000)
    tagged.instant.refresh()
    tagged.set('b', '2', ['x'])
    tagged.invalidate('x')
    tagged.set('c', '3', ['x'])
    expect([tagged.get('a'), tagged.get('b'), tagged.get('c')]).toEqual([null, null, '3'])
  })

  test.each([1, 2, 3, 6, 7, MAX_TAGS])('each of %i tags invalidates the entry', (count) => {
    for (let which = 0; which < count; which++) {
      const tagged = new Tagged()
      const tags = Array.from({ length: count }, (_, i) => `t${i}`)
      tagged.set('key', 'value', tags, EXPIRES | LOADED)
      tagged.invalidate('another')
      expect(tagged.get('key')).toBe('value')
      tagged.invalidate(`t${which}`)
      expect(tagged.get('key')).toBe(null)
      expect(tagged.store.size).toBe(0)
      tagged.store.verify()
    }
  })

  test('APPEND and EXPIRE keep the tags of an entry', () => {
    const tagged = new Tagged()
    for (const key of ['a', 'b']) tagged.set(key, 'short', ['x', 'y', 'z'])
    const { store } = tagged
    store.resize(store.peek(Buffer.from('a'), 0, 1), 5000)
    store.deadline[0] = store.now + 1000
    store.expire(store.peek(Buffer.from('b'), 0, 1))
    expect(tagged.get('b')).toBe('short')
    store.verify()
    tagged.invalidate('y')
    expect([tagged.get('a'), tagged.get('b')]).toEqual([null, null])
  })

  test('scan skips invalid entries, and the sweep removes them', () => {
    const tagged = new Tagged()
    tagged.set('a', '1', ['x'])
    tagged.set('b', '2', [], EXPIRES)
    tagged.store.deadline[0] = 0
    tagged.set('c', '3', [], EXPIRES)
    tagged.pass(1)
    tagged.invalidate('x')
    const seen: string[] = []
    tagged.store.keyspace.scan(0, 100, (ref) => seen.push(tagged.store.copyKey(ref).toString()))
    expect(seen).not.toContain('a')
  })

  test('dumps carry tags, and an invalidation during the transfer counts', () => {
    for (const [flags, tags] of [
      [0, ['x']],
      [LOADED, ['x', 'y', 'z']],
    ] as const) {
      const from = new Tagged()
      const to = new Tagged()
      to.pass(77_000)
      from.set('key', 'value', tags, flags)
      from.pass(60_000)
      to.invalidate('w')
      const ref = from.store.peek(Buffer.from('key'), 0, 3)
      const dump = dumpEntry(from.store, ref)
      expect(isUnchanged(from.store, ref, dump, 0n)).toBe(true)
      ageDump(dump, 50)
      const restore = (): boolean => restoreEntry(to.store, Buffer.from('key'), 0, 3, dump)
      expect(restore()).toBe(true)
      expect(to.get('key')).toBe('value')
      to.invalidate('x')
      expect(to.get('key')).toBe(null)
      // It arrives again, as if the tag had been invalidated here during the transfer.
      to.pass(500)
      expect(restore()).toBe(true)
      expect(to.get('key')).toBe(null)
      from.set('key', 'value', ['another'], flags)
      expect(isUnchanged(from.store, from.store.peek(Buffer.from('key'), 0, 3), dump, 0n)).toBe(false)
    }
  })

  test('truncated or altered dumps are rejected', () => {
    const from = new Tagged()
    from.set('key', 'value', ['x', 'y', 'z'], LOADED)
    const dump = dumpEntry(from.store, from.store.peek(Buffer.from('key'), 0, 3))
    for (let length = 0; length < dump.length; length++) {
      const to = new Tagged()
      expect(restoreEntry(to.store, Buffer.from('key'), 0, 3, dump.subarray(0, length))).toBe(false)
    }
  })
})

test('a table of bounded size never misses an invalidation', () => {
  const step = fc.record({ tag: fc.nat(400), invalidate: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
      const now = new Float64Array([1000])
      const epochs = new TagEpochs(now, 128)
      const last = new Map<number, number>()
      const entries: { tag: number; at: number; entryTags: EntryTags }[] = []
      steps.forEach(({ tag, invalidate }, at) => {
        const hash = hashOf(String(tag))
        if (invalidate) {
          epochs.invalidate(hash)
          last.set(tag, at)
          return
        }
        const entryTags = new EntryTags()
        entryTags.add(hash)
        entryTags.epoch[0] = epochs.currentEpoch()
        entries.push({ tag, at, entryTags })
      })
      const roomy = last.size <= 8
      for (const { tag, at, entryTags } of entries) {
        const wanted = (last.get(tag) ?? -1) > at
        if (wanted || roomy) expect(epochs.isInvalid(entryTags)).toBe(wanted)
      }
    }),
    { numRuns: 50 },
  )
})
