// Writes through the governor that they share with loads: fairness, circuit breaker, retries, close.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { defaultGovernor, Governor, type GovernorPolicy } from '../../../src/group/governor/governor.ts'
import { LazyAbortSignal } from '../../../src/group/lazy-abort-signal.ts'
import { valueFrom } from '../../../src/group/loaded-value.ts'
import { BadRequest, type StoreContext } from '../../../src/group/origin.ts'
import { defaultWrites, type WriteMode, type WritePolicy, Writes } from '../../../src/group/writes/writes.ts'
import type { Value } from '../../../src/store/value.ts'

interface Call {
  readonly key: string
  readonly value: string | null
  readonly context: StoreContext
  resolve(): void
  reject(error: Error): void
}

/** Writes whose origin calls the test completes. Backoffs have their maximal length. */
class Setup {
  readonly clock = new ManualClock(1000)
  readonly governor: Governor
  readonly writes: Writes
  readonly calls: Call[] = []

  constructor(mode: WriteMode, policy: Partial<GovernorPolicy & WritePolicy> = {}, timeoutMs = 0) {
    const time = { now: () => this.clock.now(), timers: this.clock }
    this.governor = new Governor({ ...defaultGovernor, ...policy, ...time, random: () => 0 })
    const call = (key: string, value: string | null, context: StoreContext): Promise<void> =>
      new Promise((resolve, reject) => this.calls.push({ key, value, context, resolve, reject }))
    const origin = {
      kind: 'test',
      load: () => null,
      store: (key: string, value: Buffer, context: StoreContext) => call(key, String(value), context),
      remove: (key: string, context: StoreContext) => call(key, null, context),
    }
    const { governor } = this
    this.writes = new Writes({
      ...defaultWrites,
      ...policy,
      mode,
      group: 'users',
      origin,
      timeoutMs,
      governor,
      ...time,
    })
  }

  through(key: string): Promise<string | undefined> {
    return this.writes.through([{ key: Buffer.from(key), value: Buffer.from('1') }], ({ error }) => error)
  }

  behind(key: string, value: string | null = '1'): string | undefined {
    return this.writes.enqueue([{ key: Buffer.from(key), value: value === null ? null : Buffer.from(value) }])
  }

  /** A load through the same governor. */
  load(key: string): Promise<string> {
    const call = (): Promise<void> =>
      new Promise((resolve, reject) =>
        this.calls.push({
          key,
          value: 'load',
          context: { group: '', signal: new LazyAbortSignal().signal },
          resolve,
          reject,
        }),
      )
    return this.governor.run(new LazyAbortSignal(), true, call).then(String, (error: Error) => error.message)
  }

  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  async end(i: number, error?: string): Promise<void> {
    await this.settle()
    if (error === undefined) this.calls[i].resolve()
    else this.calls[i].reject(new Error(error))
    await this.settle()
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.settle()
  }

  get keys(): string[] {
    return this.calls.map(({ key }) => key)
  }
}

describe('writes and loads of the same source', () => {
  test('alternate when both wait, however many of either kind', async () => {
    for (const frequent of ['load', 'write'] as const) {
      const at = new Setup('through', { concurrency: 1 })
      const one = (key: string): Promise<unknown> => at.load(key)
      const other = (key: string): Promise<unknown> => at.through(key)
      const [many, few] = frequent === 'load' ? [one, other] : [other, one]
      for (let i = 0; i < 5; i++) void many(`many ${i}`)
      void few('few 0')
      void few('few 1')
      for (let i = 0; i < 7; i++) await at.end(i)
      const order = at.keys.map((key) => key.slice(0, 3))
      // After the first call, no kind runs twice in a row while the other waits.
      expect(order.slice(0, 5).filter((key) => key === 'few')).toHaveLength(2)
      expect(order).toHaveLength(7)
      expect([at.governor.active, at.governor.waiting]).toEqual([0, 0])
    }
  })

  test('have a queue each: a full one does not reject the other kind', async () => {
    const at = new Setup('through', { concurrency: 1, queue: 1 })
    void at.load('a')
    void at.load('b')
    expect(await at.load('c')).toMatch(/^overloaded: 1 calls are running and 1 are queued: raise /)
    void at.through('d')
    expect(await at.through('e')).toMatch(/^overloaded: 1 calls are running and 1 are queued: raise /)
    for (let i = 0; i < 3; i++) await at.end(i)
    expect([at.keys.sort(), at.writes.written, at.writes.failures, at.governor.shed]).toEqual([
      ['a', 'b', 'd'],
      1,
      1,
      2,
    ])
  })
})

describe('through', () => {
  test('fails with the error of the breaker while the source is down, and is not retried', async () => {
    const at = new Setup('through', { breakAfter: 2, breakMs: 1000, retries: 5 })
    for (let i = 0; i < 2; i++) {
      const ending = at.through('a')
      await at.end(i, 'down')
      expect(await ending).toBe('down')
    }
    expect(await at.through('a')).toBe(
      'circuit breaker open for 1000 ms, after 2 failures in a row: down; check the origin, and ask again after that',
    )
    expect([at.calls.length, at.writes.failures, at.governor.refused, at.governor.retried]).toEqual([
      2, 3, 1, 0,
    ])
    await at.advance(1000)
    const [trial, other] = [at.through('a'), at.through('b')]
    expect(await other).toBe(
      'circuit breaker half-open with a trial call running, after 2 failures in a row: down; check the origin, and ask again in a moment',
    )
    await at.end(2)
    expect([await trial, at.governor.state]).toEqual([undefined, 'closed'])
  })

  test('a write fails at its timeout, and its signal is aborted', async () => {
    const at = new Setup('through', {}, 50)
    const ending = at.through('a')
    await at.settle()
    await at.advance(50)
    expect(await ending).toBe('timed out after 50 ms')
    expect(at.calls[0].context.signal.aborted).toBe(true)
    expect(at.governor.active).toBe(1)
    await at.end(0)
    expect([at.governor.active, at.clock.pending]).toEqual([0, 0])
  })
})

describe('behind', () => {
  test('the origin is not called in the same turn, so that writes of one key coalesce', async () => {
    const at = new Setup('behind')
    for (const value of ['1', '2', '3']) at.behind('a', value)
    expect(at.calls).toEqual([])
    await at.settle()
    expect(at.calls.map(({ value }) => value)).toEqual(['3'])
  })

  test('waits while the breaker is open, then makes one trial call, then raises the concurrency', async () => {
    const at = new Setup('behind', { breakAfter: 3, breakMs: 1000 })
    for (let i = 0; i < 30; i++) expect(at.behind(`key ${i}`)).toBeUndefined()
    await at.settle()
    expect(at.calls).toHaveLength(8)
    for (let i = 0; i < 3; i++) at.calls[i].reject(new Error('down'))
    await at.settle()
    expect(at.governor.state).toBe('open')
    for (let i = 3; i < 8; i++) at.calls[i].reject(new Error('down'))
    await at.advance(999)
    expect([at.calls.length, at.writes.pending, at.governor.refused]).toEqual([8, 30, 0])
    await at.advance(1)
    expect(at.calls).toHaveLength(9)
    await at.end(8, 'still down')
    await at.advance(1999)
    expect(at.calls).toHaveLength(9)
    await at.advance(1)
    expect(at.calls).toHaveLength(10)
    let most = 1
    for (let i = 9; i < at.calls.length; i++) {
      most = Math.max(most, at.governor.active)
      // Concurrency is raised step by step.
      expect(at.governor.active).toBeLessThanOrEqual(i - 8)
      await at.end(i)
      if (at.governor.active === 0) await at.advance(100)
    }
    expect([at.writes.pending, at.writes.written, most > 1]).toEqual([0, 30, true])
    expect(at.governor.refused).toBe(0)
  })

  test('a key that fails repeatedly does not delay other keys', async () => {
    const at = new Setup('behind', { breakAfter: 0 })
    at.behind('bad')
    for (let i = 0, pause = 100; i < 10; i++, pause = Math.min(2 * pause, 30_000)) {
      await at.end(i, 'no such column')
      await at.advance(pause - 1)
      expect(at.calls).toHaveLength(i + 1)
      await at.advance(1)
    }
    await at.end(10, 'no such column')
    at.behind('good')
    await at.end(11)
    expect([at.keys.at(-1), at.writes.pending, at.writes.lagMs > 80_000]).toEqual(['good', 1, true])
    // A later write of the key replaces the failed one, and keeps its backoff.
    at.behind('bad', null)
    await at.advance(29_999)
    expect(at.calls).toHaveLength(12)
    await at.advance(1)
    expect(at.calls[12].value).toBe(null)
    await at.end(12)
    expect([at.writes.pending, at.writes.coalesced, at.clock.pending]).toEqual([0, 1, 0])
  })

  test('after a timeout the next attempt does not wait for the previous one', async () => {
    const at = new Setup('behind', {}, 1000)
    at.behind('slow', '1')
    await at.settle()
    await at.advance(1000)
    at.behind('slow', '2')
    await at.advance(100)
    expect(at.calls.map(({ value }) => value)).toEqual(['1', '2'])
    expect(at.calls[0].context.signal.aborted).toBe(true)
  })

  test('the queue is bounded in bytes of pending writes, and a key may always become smaller', async () => {
    const at = new Setup('behind', { queueBytes: 10, breakAfter: 0 })
    at.behind('a', '12345')
    await at.end(0, 'down')
    expect(at.behind('b', '1234')).toBe('too many writes wait for it')
    expect(at.behind('a', '123456789')).toBeUndefined()
    expect(at.behind('a', '1234567890')).toBe('too many writes wait for it')
    expect(at.behind('a', null)).toBeUndefined()
    expect(at.behind('b', '12345678')).toBeUndefined()
    await at.advance(100)
    await at.end(1)
    await at.end(2)
    expect(at.writes.pending).toBe(0)
    // Completed writes are not counted.
    at.governor.active = 0
    expect(at.behind('c', '123456789')).toBeUndefined()
  })

  test('the value that is kept to tell what has changed counts, too', async () => {
    const at = new Setup('behind', { queueBytes: 10, breakAfter: 0 })
    const write = (value: string, before: string): string | undefined =>
      at.writes.enqueue([{ key: Buffer.from('a'), value: Buffer.from(value), before: Buffer.from(before) }])
    expect(write('1234', '123456')).toBe('too many writes wait for it')
    expect(write('1234', '12345')).toBeUndefined()
    // What the origin had before the first of the writes is kept.
    expect(write('12', '1234567890')).toBeUndefined()
    expect(write('12345', '')).toBe('too many writes wait for it')
  })

  test('when the origin may have applied a failed write, the change covers what that may have changed', async () => {
    const clock = new ManualClock(1000)
    const calls: { change: unknown; fail: (error: Error) => void; end: () => void }[] = []
    const writes = new Writes({
      ...defaultWrites,
      mode: 'behind',
      group: 'users',
      origin: {
        kind: 'test',
        load: () => null,
        store: () => undefined,
        storeCollection: (_key, _value, { change }) =>
          new Promise((end, fail) => calls.push({ change, fail, end })),
      },
      timeoutMs: 0,
      now: () => clock.now(),
      timers: clock,
    })
    const hash = (points: string): Value | null => valueFrom(new Map([['points', points]]))
    const write = (value: string, before: string): void => {
      writes.enqueue([{ key: Buffer.from('a'), value: hash(value), before: hash(before) }])
    }
    const settle = (): Promise<void> => new Promise(setImmediate)
    const change = (points: string) => ({ set: new Map([['points', Buffer.from(points)]]), removed: [] })
    write('1', '0')
    await settle()
    // The origin certainly has not applied it: it still has what it had before.
    calls[0].fail(new BadRequest('no'))
    await settle()
    write('2', '0')
    await settle()
    calls[1].fail(new Error('the connection was lost'))
    await settle()
    clock.advance(1000)
    await settle()
    // The same once more has the same effect.
    expect(calls.map((call) => call.change)).toEqual([change('1'), change('2'), change('2')])
    // It comes back to what it was before, which the origin may not have any more.
    write('0', '2')
    calls[2].fail(new Error('the connection was lost'))
    await settle()
    clock.advance(10_000)
    await settle()
    write('3', '0')
    calls[3].end()
    await settle()
    calls[4].fail(new Error('the connection was lost'))
    await settle()
    write('0', '3')
    clock.advance(10_000)
    await settle()
    expect(calls.slice(3).map((call) => call.change)).toEqual([change('0'), change('3'), change('0')])
  })

  test('a value with a deadline is written with its remaining TTL', async () => {
    const at = new Setup('behind', { breakAfter: 0 })
    at.writes.enqueue([{ key: Buffer.from('a'), value: Buffer.from('1'), deadline: 1150 }])
    at.behind('b')
    await at.end(0, 'down')
    await at.advance(100)
    await at.end(2, 'down')
    await at.advance(200)
    expect(at.calls.map(({ key, context }) => [key, context.ttl])).toEqual([
      ['a', 150],
      ['b', undefined],
      ['a', 50],
      ['a', 1],
    ])
  })

  test('paused, it starts no write; writes of lost slots are dropped, also while they run', async () => {
    const at = new Setup('behind')
    at.behind('a', '1')
    await at.settle()
    at.writes.setPaused(true)
    at.behind('a', '2')
    at.behind('b')
    const slots = at.writes.slots()
    await at.end(0, 'down')
    expect([at.keys, at.writes.pending, slots.size]).toEqual([['a'], 2, 2])
    expect(at.writes.slotsLost(slots)).toBe(2)
    at.writes.setPaused(false)
    await at.advance(100)
    expect([at.keys, at.writes.pending, at.clock.pending]).toEqual([['a'], 0, 0])
    at.behind('a', '3')
    await at.settle()
    expect(at.writes.slotsLost(at.writes.slots())).toBe(1)
    await at.end(1, 'down')
    expect([at.keys, at.writes.pending, at.clock.pending]).toEqual([['a', 'a'], 0, 0])
  })

  test('close retries until its timeout, aborts the calls, and returns the number of lost writes', async () => {
    const at = new Setup('behind', { breakAfter: 1, breakMs: 60_000 })
    for (const key of ['a', 'b', 'c']) at.behind(key)
    await at.end(0, 'down')
    const closing = at.writes.close(1000)
    await at.settle()
    // Closing ignores the breaker.
    expect(at.keys).toEqual(['a', 'b', 'c', 'a'])
    await at.end(1)
    await at.advance(1000)
    expect(await closing).toBe(2)
    expect(at.calls.map(({ context }) => context.signal.aborted)).toEqual([false, false, true, true])
    await at.end(2)
    expect(at.clock.pending).toBe(0)
    expect(await at.writes.close(1000)).toBe(0)
  })
})

describe('slots before their handover', () => {
  const a = Buffer.from('a')

  test('new writes of their keys wait for earlier ones', async () => {
    const at = new Setup('through')
    const order: string[] = []
    const first = at.writes.exclusive([a], async () => void order.push(String(await at.through('a'))))
    await at.settle()
    const slots = [...at.writes.slots()]
    at.writes.pauseWrites(slots)
    const second = at.writes.exclusive([a], async () => void order.push('second'))
    const other = at.writes.exclusive([Buffer.from('b')], async () => void order.push('other'))
    await other
    await at.end(0)
    await first
    expect([order, at.writes.slots().size]).toEqual([['other', 'undefined'], 0])
    expect(at.writes.slotsLost(new Set(slots))).toBe(0)
    await second
    expect(order).toEqual(['other', 'undefined', 'second'])
  })

  test('the wait is limited, and repeated only after the origin has completed a write', async () => {
    const at = new Setup('behind', { breakAfter: 0 })
    at.behind('a')
    await at.settle()
    const slots = [...at.writes.slots()]
    at.writes.pauseWrites(slots)
    let ran = 0
    const run = async (): Promise<void> => void ran++
    const waiting = at.writes.exclusive([a], run)
    await at.advance(1999)
    expect(ran).toBe(0)
    await at.advance(1)
    await waiting
    at.writes.pauseWrites(slots)
    await at.writes.exclusive([a], run)
    await at.end(0)
    at.writes.pauseWrites(slots)
    void at.writes.exclusive([a], run)
    await at.settle()
    expect(ran).toBe(2)
  })
})
