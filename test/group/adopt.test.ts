// A group that takes over another policy or origin while it works.

import { beforeEach, describe, expect, test, vi } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { changeValue, fetchValue, writeValue } from '../../src/group/calls.ts'
import { exchangeKeys } from '../../src/group/exchange.ts'
import { defaultGovernor } from '../../src/group/governor/governor.ts'
import { Group } from '../../src/group/group.ts'
import type { ChangeListener, Origin } from '../../src/group/origin.ts'
import type { GroupPolicy } from '../../src/group/policy.ts'
import { defaultWrites } from '../../src/group/writes/writes.ts'
import { NULL_REF } from '../../src/store/arena.ts'

let clock: ManualClock
let instant: Instant

beforeEach(() => {
  clock = new ManualClock()
  instant = new Instant(clock)
})

const base = { name: 'a', maxBytes: 2 ** 20, ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 }

function groupOf(policy: Partial<GroupPolicy>): Group {
  const hasher = new Hasher({ low: 3, high: 4 })
  return new Group({ ...base, ...policy }, { instant, hasher, timers: clock, random: () => 0 })
}

/** `closed` resolves when the previous origin is closed. */
async function adopt(
  group: Group,
  policy: Partial<GroupPolicy>,
  isSameSource = true,
): Promise<{ readonly closed: Promise<void> }> {
  const prepared = await group.prepare({ ...base, ...policy }, isSameSource)
  return { closed: group.adopt(prepared) }
}

const read = async (group: Group, key: string): Promise<string | undefined> =>
  (await fetchValue(group, Buffer.from(key)))?.toString()

const isCached = (group: Group, key: string): boolean =>
  group.store.peek(Buffer.from(key), 0, key.length) !== NULL_REF

/** Loads `name key`; records what happens to it. */
class TestOrigin implements Origin {
  readonly kind = 'test'
  readonly events: string[] = []
  readonly name: string
  listener: ChangeListener | undefined

  constructor(name: string) {
    this.name = name
  }

  load(key: string): string {
    return `${this.name} ${key}`
  }

  listen(listener: ChangeListener): void {
    this.listener = listener
    listener.gap()
  }

  close(): void {
    this.events.push('closed')
  }
}

describe('budgets', () => {
  test('a smaller one evicts a quarter of a megabyte at a time', () => {
    const group = groupOf({ maxBytes: 64 * 2 ** 20 })
    for (let i = 0; i < 4000; i++) writeValue(group, Buffer.from(`key:${i}`), Buffer.alloc(1000), 0)
    const used = group.store.usedBytes
    group.changeBudget(2 ** 20)
    expect(group.maxBytes).toBe(2 ** 20)
    expect(group.store.usedBytes).toBe(used)
    let steps = 0
    for (let before = used; group.store.usedBytes > 2 ** 20; steps++) {
      clock.advance(1)
      expect(before - group.store.usedBytes).toBeLessThan(2 ** 18 + 2048)
      before = group.store.usedBytes
      // Writes meanwhile do not let it grow.
      writeValue(group, Buffer.from(`new:${steps}`), Buffer.alloc(1000), 0)
      expect(group.store.usedBytes).toBeLessThanOrEqual(before + 2048)
    }
    expect(steps).toBeGreaterThan(8)
    expect(clock.pending).toBe(0)
    expect(isCached(group, 'key:0')).toBe(false)
    group.store.verify()
  })

  test('a larger one, or CONFIG SET, ends the steps', () => {
    const group = groupOf({ maxBytes: 64 * 2 ** 20 })
    for (let i = 0; i < 4000; i++) writeValue(group, Buffer.from(`key:${i}`), Buffer.alloc(1000), 0)
    group.changeBudget(2 ** 20)
    clock.advance(1)
    group.changeBudget(64 * 2 ** 20)
    clock.advance(1)
    expect([clock.pending, group.store.maxBytes]).toEqual([0, 64 * 2 ** 20])
    group.changeBudget(2 ** 20)
    group.maxBytes = 2 ** 20
    expect(group.store.usedBytes).toBeLessThanOrEqual(2 ** 20)
    clock.advance(1)
    expect([clock.pending, group.store.maxBytes]).toEqual([0, 2 ** 20])
  })
})

describe('origins', () => {
  test('with the same source, what is cached stays; with another one it is loaded again', async () => {
    const first = new TestOrigin('first')
    const group = groupOf({ origin: first })
    await group.start(silent)
    writeValue(group, Buffer.from('own'), Buffer.from('mine'), 0)
    expect(await read(group, 'k')).toBe('first k')
    const second = new TestOrigin('second')
    await adopt(group, { origin: second })
    expect([await read(group, 'k'), await read(group, 'l')]).toEqual(['first k', 'second l'])
    await adopt(group, { origin: new TestOrigin('third') }, false)
    expect([await read(group, 'k'), await read(group, 'own')]).toEqual(['third k', 'mine'])
  })

  test('change notifications are handed over without a gap', async () => {
    const [first, second] = [new TestOrigin('first'), new TestOrigin('second')]
    const group = groupOf({ origin: first })
    await group.start(silent)
    await read(group, 'k')
    const prepared = await group.prepare({ ...base, origin: second }, true)
    // Both are heard until the new one is used.
    second.listener?.key(Buffer.from('k'))
    expect(isCached(group, 'k')).toBe(false)
    await read(group, 'k')
    await group.adopt(prepared)
    expect(isCached(group, 'k')).toBe(true)
    first.listener?.lost(new Error('closed'))
    first.listener?.all()
    expect([isCached(group, 'k'), group.isDisconnected]).toEqual([true, false])
    second.listener?.lost(new Error('gone'))
    expect(group.isDisconnected).toBe(true)
    second.listener?.gap()
    expect(group.isDisconnected).toBe(false)
  })

  test('an origin that was prepared and not adopted is closed, and its change notifications are ignored', async () => {
    const [first, second] = [new TestOrigin('first'), new TestOrigin('second')]
    const group = groupOf({ origin: first })
    await group.start(silent)
    const prepared = await group.prepare({ ...base, origin: second }, true)
    await prepared.discard()
    await read(group, 'k')
    second.listener?.all()
    expect([second.events, isCached(group, 'k'), await read(group, 'l')]).toEqual([
      ['closed'],
      true,
      'first l',
    ])
  })

  test('the previous one is closed after its last load, and when the group is closed', async () => {
    const asked: (() => void)[] = []
    const slow = (name: string): TestOrigin & { give?: (value: string) => void } =>
      Object.assign(new TestOrigin(name), {
        load(this: { give?: (value: string) => void }) {
          asked.shift()?.()
          return new Promise<string>((resolve) => {
            this.give = resolve
          })
        },
      }) as never
    const isAsked = (): Promise<void> => new Promise((resolve) => asked.push(resolve))
    const first = slow('first')
    const group = groupOf({ origin: first, governor: defaultGovernor })
    await group.start(silent)
    let begun = isAsked()
    const reading = read(group, 'k')
    await begun
    const second = slow('second')
    const { closed } = await adopt(group, { origin: second, governor: defaultGovernor })
    // The load under way is that of all who ask for its key.
    const joining = read(group, 'k')
    expect(first.events).toEqual([])
    first.give?.('value')
    expect([await reading, await joining]).toEqual(['value', 'value'])
    await closed
    expect(first.events).toEqual(['closed'])
    begun = isAsked()
    const failing = read(group, 'l')
    await begun
    await adopt(group, { origin: slow('third'), governor: defaultGovernor })
    await Promise.all([group.close(), expect(failing).rejects.toThrow('the node is closing')])
    expect(second.events).toEqual(['closed'])
  })

  test('the circuit breaker of another source does not apply', async () => {
    const failing: Origin = {
      kind: 'failing',
      load: () => {
        throw new Error('down')
      },
    }
    const governor = { ...defaultGovernor, breakAfter: 1 }
    const group = groupOf({ origin: failing, governor })
    await expect(read(group, 'k')).rejects.toThrow('down')
    expect(group.governor?.state).toBe('open')
    await adopt(group, { origin: failing, governor: { ...governor, retries: 1 } })
    expect(group.governor?.state).toBe('open')
    await adopt(group, { origin: new TestOrigin('up'), governor }, false)
    expect([group.governor?.state, await read(group, 'k')]).toEqual(['closed', 'up k'])
  })
})

describe('policies', () => {
  test('of times and freshness apply to what is loaded from then on', async () => {
    const origin = new TestOrigin('x')
    const group = groupOf({ origin, ttlMs: 1000 })
    await read(group, 'old')
    await adopt(group, { origin, ttlMs: 60_000, negativeTtlMs: 5, onPartition: 'refuse', maxWaitMs: 100 })
    await read(group, 'new')
    expect([group.refuses, group.waitLimit?.maxWaitMs, group.policy.negativeTtlMs]).toEqual([true, 100, 5])
    clock.advance(2000)
    instant.refresh()
    expect([isCached(group, 'old'), isCached(group, 'new')]).toEqual([false, true])
    await adopt(group, { origin })
    expect(group.waitLimit).toBeUndefined()
  })

  test('of writes: pending ones go to the new connection, in order', async () => {
    const stored: string[] = []
    let isDown = true
    const connection = (name: string): Origin => ({
      kind: 'test',
      load: () => null,
      store: (key, value) => {
        if (isDown) throw new Error('wrong password')
        stored.push(`${name} ${key}=${value}`)
      },
      remove: () => undefined,
    })
    const writes = { ...defaultWrites, mode: 'behind' } as const
    const group = groupOf({ origin: connection('old'), writes })
    await changeValue(group, Buffer.from('k'), Buffer.from('1'), 0)
    await drained()
    await changeValue(group, Buffer.from('k'), Buffer.from('2'), 0)
    expect(group.writes?.pending).toBe(1)
    isDown = false
    await adopt(group, { origin: connection('new'), writes })
    await drained()
    expect([stored, group.writes?.pending]).toEqual([['new k=2'], 0])
    await adopt(group, { origin: connection('new') })
    expect(group.writes).toBeUndefined()
  })
})

const silent = { info: () => undefined, warn: () => undefined }

/** Lets everything run that waits for no timer. */
async function drained(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('another eviction policy', () => {
  const set = (group: Group, key: string): void => {
    const bytes = Buffer.from(key)
    group.set(bytes, 0, bytes.length, bytes, 0, bytes.length, 0)
  }
  /** Reads the first keys twice, then adds as many as the budget holds. */
  const scan = (group: Group): boolean[] => {
    const kept = ['a', 'b', 'c']
    for (const key of [...kept, ...kept]) group.store.get(Buffer.from(key), 0, 1)
    for (let i = 0; i < 30_000; i++) set(group, `scanned${i}`)
    return kept.map((key) => isCached(group, key))
  }

  test('all entries stay, and are evicted as the new policy says; the change proceeds between commands', async () => {
    const group = groupOf({})
    for (const key of ['a', 'b', 'c']) set(group, key)
    for (let i = 0; i < 9000; i++) set(group, `k${i}`)
    const { size } = group.store
    await adopt(group, { eviction: 's3-fifo' })
    expect(group.store.changeEviction(0)).toBe(false)
    clock.advance(10)
    expect(group.store.changeEviction(0)).toBe(true)
    expect(group.store.size).toBe(size)
    group.store.verify()
    expect(scan(group)).toEqual([true, true, true])
    await adopt(group, {})
    expect(scan(group)).toEqual([false, false, false])
    group.store.verify()
  })

  test('changes in quick succession take one step at a time, and a removed group none', async () => {
    const group = groupOf({})
    for (let i = 0; i < 9000; i++) set(group, `k${i}`)
    for (const eviction of ['s3-fifo', 'w-tinylfu', 'auto', 's3-fifo', 'lru', 'auto'] as const)
      await adopt(group, { eviction })
    const step = vi.spyOn(group.store, 'changeEviction')
    clock.advance(1)
    expect(step.mock.results.map(({ value }) => value)).toEqual([false])
    group.store.verify()
    await group.retire()
    clock.advance(1)
    expect(step).toHaveBeenCalledTimes(1)
  })

  test('SWAPDB during a change: both groups end with their own policy', () => {
    const [first, second] = [groupOf({ eviction: 's3-fifo' }), groupOf({ name: 'b' })]
    for (const group of [first, second]) for (let i = 0; i < 9000; i++) set(group, `k${i}`)
    for (let i = 0; i < 3; i++) exchangeKeys(first, second)
    for (const group of [first, second]) for (const key of ['a', 'b', 'c']) set(group, key)
    clock.advance(10)
    for (const { store } of [first, second]) expect(store.changeEviction(0)).toBe(true)
    expect(scan(first)).toEqual([true, true, true])
    expect(scan(second)).toEqual([false, false, false])
    for (const { store } of [first, second]) store.verify()
  })

  test('SWAPDB exchanges keys, not policies', () => {
    const [first, second] = [groupOf({ eviction: 's3-fifo' }), groupOf({ name: 'b' })]
    for (const group of [first, second]) for (const key of ['a', 'b', 'c']) set(group, key)
    exchangeKeys(first, second)
    expect(scan(first)).toEqual([true, true, true])
    expect(scan(second)).toEqual([false, false, false])
    for (const group of [first, second]) group.store.verify()
  })
})
