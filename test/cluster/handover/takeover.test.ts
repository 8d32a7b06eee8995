// The new owner of slots: when it asks the previous owner, which entries it stores, and what it remembers.

import { describe, expect, test } from 'vitest'
import { keySlot } from '../../../src/bytes/crc16.ts'
import { KeySet } from '../../../src/cluster/handover/key-set.ts'
import { writeValue } from '../../../src/group/calls.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { ValueType } from '../../../src/store/record.ts'
import { dumpEntry } from '../../../src/store/transfer/dump.ts'
import { seededRandom } from '../../support/random.ts'
import { ALL_SLOTS, MovingNode, RandomScheduler } from './simulated-handover.ts'

const key = Buffer.from('key')
const slot = keySlot(key, 0, key.length)

function node(maxKeys?: number): MovingNode {
  return new MovingNode('node', 1_700_000_000_000, new RandomScheduler(seededRandom(1)), 1, maxKeys)
}

function dumpOf(text: string): Buffer {
  const { store } = node().groups[0]
  const value = Buffer.from(text)
  return dumpEntry(store, store.put(key, 0, key.length, value, 0, value.length, ValueType.STRING, 0))
}

function value({ groups }: MovingNode): string | undefined {
  const ref = groups[0].store.peek(key, 0, key.length)
  return ref === NULL_REF ? undefined : groups[0].store.copyValue(ref).toString()
}

describe('Takeover', () => {
  test('asks the previous owner once for each key, until it is done', () => {
    const { groups, takeover } = node()
    const needed = () => takeover.peerToAsk(groups[0], slot, key, 0, key.length)
    expect([takeover.active, needed()]).toEqual([false, undefined])
    takeover.gained([slot], 'a')
    expect([takeover.active, needed(), takeover.isBusy(slot), takeover.isBusy(slot + 1)]).toEqual([
      true,
      'a',
      true,
      false,
    ])
    takeover.noteAbsent(groups[0], key, 'b')
    expect(needed()).toBe('a')
    takeover.noteAbsent(groups[0], key, 'a')
    expect(needed()).toBe(undefined)
    takeover.gained([slot], 'a')
    expect(needed()).toBe('a')
    expect(takeover.done('b', [slot])).toBe('taken')
    expect(takeover.done('a', [slot + 1])).toBe('taken')
    expect(needed()).toBe('a')
    expect(takeover.done('a', [slot])).toBe('taken')
    expect([takeover.active, needed()]).toEqual([false, undefined])
    takeover.gained([slot], 'a')
    takeover.peerGone('a')
    expect([takeover.active, groups[0].isWatched]).toEqual([false, false])
  })

  test('stores missing entries, only from the node that it gained the slot from', () => {
    const taker = node()
    const [group] = taker.groups
    taker.takeover.gained([slot], 'a')
    expect(taker.takeover.accept(group, key, dumpOf('x'), 'b')).toBe('refused')
    expect(taker.takeover.accept(group, key, Buffer.from('nonsense'), 'a')).toBe('refused')
    expect(taker.takeover.accept(group, key, dumpOf('x'), 'a')).toBe('stored')
    expect(taker.takeover.accept(group, key, dumpOf('y'), 'a')).toBe('kept')
    expect(value(taker)).toBe('x')
    group.remove(key)
    expect(taker.takeover.accept(group, key, dumpOf('x'), 'a')).toBe('kept')
    expect(value(taker)).toBe(undefined)
  })

  test('answers "later" to entries of a slot that it expects but does not own yet', () => {
    const taker = node()
    const entries = [{ key, dump: dumpOf('x') }]
    taker.expecting = true
    expect(taker.takeover.acceptAll(taker.groups[0], entries, 'a')).toBe('later')
    expect(taker.takeover.done('a', [slot])).toBe('later')
    taker.expecting = false
    expect(taker.takeover.acceptAll(taker.groups[0], entries, 'a')).toBe('refused')
    taker.takeover.gained([slot], 'a')
    expect(taker.takeover.acceptAll(taker.groups[0], entries, 'a')).toBe('taken')
    expect(value(taker)).toBe('x')
  })

  test('a flush applies to slots gained before it, not to slots gained later', () => {
    const taker = node()
    const [group] = taker.groups
    taker.takeover.gained([slot], 'a')
    taker.takeover.gained([slot + 1], 'a')
    group.clear()
    expect(taker.takeover.accept(group, key, dumpOf('x'), 'a')).toBe('kept')
    expect(taker.takeover.peerToAsk(group, slot, key, 0, key.length)).toBe(undefined)
    taker.takeover.gained([slot], 'a')
    expect(taker.takeover.peerToAsk(group, slot, key, 0, key.length)).toBe('a')
    expect(taker.takeover.accept(group, key, dumpOf('x'), 'a')).toBe('stored')
  })

  test('refuses entries once too many keys were written to remember them', () => {
    const taker = node(100)
    const [group] = taker.groups
    taker.takeover.gained(ALL_SLOTS, 'a')
    for (let i = 0; i < 100; i++) writeValue(group, Buffer.from(`other ${i}`), key, 0)
    expect(taker.takeover.peerToAsk(group, slot, key, 0, key.length)).toBe('a')
    writeValue(group, Buffer.from('one more'), key, 0)
    expect(taker.overflows).toEqual(['a'])
    expect(taker.takeover.peerToAsk(group, slot, key, 0, key.length)).toBe(undefined)
    expect(taker.takeover.accept(group, key, dumpOf('x'), 'a')).toBe('refused')
    expect(taker.takeover.active).toBe(true)
  })

  test('entries from before the gain are not visible, even before the walk through the store has dropped them', async () => {
    const scheduler = new RandomScheduler(seededRandom(5))
    const taker = new MovingNode('node', 1_700_000_000_000, scheduler, 1)
    const [group] = taker.groups
    writeValue(group, key, Buffer.from('old'), 0)
    writeValue(group, Buffer.from('other'), Buffer.from('old'), 0)
    taker.takeover.gained([slot], undefined)
    expect(taker.takeover.active).toBe(false)
    taker.takeover.lost([slot])
    taker.takeover.gained([slot], undefined)
    expect([taker.takeover.active, taker.takeover.isBusy(slot)]).toEqual([true, true])
    expect(taker.takeover.peerToAsk(group, slot, key, 0, key.length)).toBe(undefined)
    expect(value(taker)).toBe(undefined)
    writeValue(group, key, Buffer.from('new'), 0)
    while (scheduler.waiting > 0) await scheduler.next()
    expect(taker.takeover.active).toBe(false)
    expect(value(taker)).toBe('new')
    expect(group.store.size).toBe(2)
  })

  test('the walk ends at once when too many keys are touched meanwhile', () => {
    const taker = node(50)
    const [group] = taker.groups
    for (let i = 0; i < 5000; i++) writeValue(group, Buffer.from(`old ${i}`), key, 0)
    taker.takeover.lost(ALL_SLOTS)
    taker.takeover.gained(ALL_SLOTS, undefined)
    for (let i = 0; i < 60; i++) writeValue(group, Buffer.from(`new ${i}`), key, 0)
    expect(group.store.size).toBe(60)
    expect(taker.takeover.isBusy(slot)).toBe(false)
  })
})

describe('KeySet', () => {
  test('contains the keys that were added, with their salt, and no others', () => {
    const set = new KeySet()
    const names = Array.from({ length: 20_000 }, (_, i) => Buffer.from(`key ${i}`))
    for (const [i, name] of names.entries()) if (i % 2 === 0) set.add(name, 0, name.length, i % 3)
    for (const [i, name] of names.entries()) if (i % 4 === 0) set.add(name, 0, name.length, i % 3)
    expect(set.size).toBe(10_000)
    let wrong = 0
    for (const [i, name] of names.entries()) {
      if (set.has(name, 0, name.length, i % 3) !== (i % 2 === 0)) wrong++
      if (set.has(name, 0, name.length, (i % 3) + 1)) wrong++
      if (set.has(name, 0, name.length - 1, i % 3) && i < 10) wrong++
    }
    expect(wrong).toBe(0)
  })
})
