// Writes and the source they share with loads: turns, the breaker, retries, and what closing leaves behind.

import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { defaultGovernor, Governor, type GovernorPolicy } from '../../../src/group/governor.ts'
import { LazyAbortSignal } from '../../../src/group/lazy-abort-signal.ts'
import type { StoreContext } from '../../../src/group/origin.ts'
import { defaultWrites, type WriteMode, type WritePolicy, Writes } from '../../../src/group/writes/writes.ts'

interface Call {
  readonly key: string
  readonly value: string | null
  readonly context: StoreContext
  resolve(): void
  reject(error: Error): void
}

/** Writes whose calls of the origin the test ends. Without luck: pauses are as long as they can be. */
class Place {
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

  /** A load by the same governor. */
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

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.settle()
  }

  get keys(): string[] {
    return this.calls.map(({ key }) => key)
  }
}

describe('with loads at the same source', () => {
  test('they take turns where both wait, whichever came in numbers', async () => {
    for (const many of ['load', 'write'] as const) {
      const at = new Place('through', { concurrency: 1 })
      const one = (key: string): Promise<unknown> => at.load(key)
      const other = (key: string): Promise<unknown> => at.through(key)
      const [crowd, guest] = many === 'load' ? [one, other] : [other, one]
      for (let i = 0; i < 5; i++) void crowd(`crowd ${i}`)
      void guest('guest 0')
      void guest('guest 1')
      for (let i = 0; i < 7; i++) await at.end(i)
      const order = at.keys.map((key) => key.slice(0, 5))
      // The first was alone; then nobody has two turns while the other kind waits.
      expect(order.slice(0, 5).filter((key) => key === 'guest')).toHaveLength(2)
      expect(order).toHaveLength(7)
      expect([at.governor.active, at.governor.waiting]).toEqual([0, 0])
    }
  })

  test('each kind has a queue of its own: one that is full does not refuse the other', async () => {
    const at = new Place('through', { concurrency: 1, queue: 1 })
    void at.load('a')
    void at.load('b')
    expect(await at.load('c')).toBe('overloaded: 1 calls are running and 1 are queued')
    void at.through('d')
    expect(await at.through('e')).toBe('overloaded: 1 calls are running and 1 are queued')
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
  test('fails with the words of the breaker while the source is down, and is never repeated', async () => {
    const at = new Place('through', { breakAfter: 2, breakMs: 1000, retries: 5 })
    for (let i = 0; i < 2; i++) {
      const ending = at.through('a')
      await at.end(i, 'down')
      expect(await ending).toBe('down')
    }
    expect(await at.through('a')).toBe('circuit breaker open for 1000 ms, after 2 failures in a row: down')
    expect([at.calls.length, at.writes.failures, at.governor.refused, at.governor.retried]).toEqual([
      2, 3, 1, 0,
    ])
    await at.pass(1000)
    const [trial, other] = [at.through('a'), at.through('b')]
    expect(await other).toBe(
      'circuit breaker half-open with a trial call running, after 2 failures in a row: down',
    )
    await at.end(2)
    expect([await trial, at.governor.state]).toEqual([undefined, 'closed'])
  })

  test('a write that is too long fails, and the origin is told', async () => {
    const at = new Place('through', {}, 50)
    const ending = at.through('a')
    await at.settle()
    await at.pass(50)
    expect(await ending).toBe('timed out after 50 ms')
    expect(at.calls[0].context.signal.aborted).toBe(true)
    expect(at.governor.active).toBe(1)
    await at.end(0)
    expect([at.governor.active, at.clock.pending]).toEqual([0, 0])
  })
})

describe('behind', () => {
  test('the origin is not called before whoever writes is done', async () => {
    const at = new Place('behind')
    for (const value of ['1', '2', '3']) at.behind('a', value)
    expect(at.calls).toEqual([])
    await at.settle()
    expect(at.calls.map(({ value }) => value)).toEqual(['3'])
  })

  test('waits while the source is down, tries one when it may be well, then ever more', async () => {
    const at = new Place('behind', { breakAfter: 3, breakMs: 1000 })
    for (let i = 0; i < 30; i++) expect(at.behind(`key ${i}`)).toBeUndefined()
    await at.settle()
    expect(at.calls).toHaveLength(8)
    for (let i = 0; i < 3; i++) at.calls[i].reject(new Error('down'))
    await at.settle()
    expect(at.governor.state).toBe('open')
    for (let i = 3; i < 8; i++) at.calls[i].reject(new Error('down'))
    await at.pass(999)
    expect([at.calls.length, at.writes.pending, at.governor.refused]).toEqual([8, 30, 0])
    await at.pass(1)
    expect(at.calls).toHaveLength(9)
    await at.end(8, 'still down')
    await at.pass(1999)
    expect(at.calls).toHaveLength(9)
    await at.pass(1)
    expect(at.calls).toHaveLength(10)
    let most = 1
    for (let i = 9; i < at.calls.length; i++) {
      most = Math.max(most, at.governor.active)
      // It recovers one by one.
      expect(at.governor.active).toBeLessThanOrEqual(i - 8)
      await at.end(i)
      if (at.governor.active === 0) await at.pass(100)
    }
    expect([at.writes.pending, at.writes.written, most > 1]).toEqual([0, 30, true])
    expect(at.governor.refused).toBe(0)
  })

  test('a key that is refused again and again keeps no other waiting', async () => {
    const at = new Place('behind', { breakAfter: 0 })
    at.behind('bad')
    for (let i = 0, pause = 100; i < 10; i++, pause = Math.min(2 * pause, 30_000)) {
      await at.end(i, 'no such column')
      await at.pass(pause - 1)
      expect(at.calls).toHaveLength(i + 1)
      await at.pass(1)
    }
    await at.end(10, 'no such column')
    at.behind('good')
    await at.end(11)
    expect([at.keys.at(-1), at.writes.pending, at.writes.lagMs > 80_000]).toEqual(['good', 1, true])
    // A later write of it does not wait for less, and takes its place.
    at.behind('bad', null)
    await at.pass(29_999)
    expect(at.calls).toHaveLength(12)
    await at.pass(1)
    expect(at.calls[12].value).toBe(null)
    await at.end(12)
    expect([at.writes.pending, at.writes.coalesced, at.clock.pending]).toEqual([0, 1, 0])
  })

  test('the queue is bounded in bytes of what waits, and a key may always become smaller', async () => {
    const at = new Place('behind', { queueBytes: 10, breakAfter: 0 })
    at.behind('a', '12345')
    await at.end(0, 'down')
    expect(at.behind('b', '1234')).toBe('too many writes wait for it')
    expect(at.behind('a', '123456789')).toBeUndefined()
    expect(at.behind('a', '1234567890')).toBe('too many writes wait for it')
    expect(at.behind('a', null)).toBeUndefined()
    expect(at.behind('b', '12345678')).toBeUndefined()
    await at.pass(100)
    await at.end(1)
    await at.end(2)
    expect(at.writes.pending).toBe(0)
    // Nothing of them is counted any more.
    at.governor.active = 0
    expect(at.behind('c', '123456789')).toBeUndefined()
  })

  test('what the client gave a lifetime is written with what is left of it', async () => {
    const at = new Place('behind', { breakAfter: 0 })
    at.writes.enqueue([{ key: Buffer.from('a'), value: Buffer.from('1'), deadline: 1150 }])
    at.behind('b')
    await at.end(0, 'down')
    await at.pass(100)
    await at.end(2, 'down')
    await at.pass(200)
    expect(at.calls.map(({ key, context }) => [key, context.ttl])).toEqual([
      ['a', 150],
      ['b', undefined],
      ['a', 50],
      ['a', 1],
    ])
  })

  test('held, it begins nothing; slots that are lost are forgotten, also while they are written', async () => {
    const at = new Place('behind')
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
    await at.pass(100)
    expect([at.keys, at.writes.pending, at.clock.pending]).toEqual([['a'], 0, 0])
    at.behind('a', '3')
    await at.settle()
    expect(at.writes.slotsLost(at.writes.slots())).toBe(1)
    await at.end(1, 'down')
    expect([at.keys, at.writes.pending, at.clock.pending]).toEqual([['a', 'a'], 0, 0])
  })

  test('closing tries until its time is over, tells the origin, and names what is lost', async () => {
    const at = new Place('behind', { breakAfter: 1, breakMs: 60_000 })
    for (const key of ['a', 'b', 'c']) at.behind(key)
    await at.end(0, 'down')
    const closing = at.writes.close(1000)
    await at.settle()
    // Whoever closes does not wait for the breaker.
    expect(at.keys).toEqual(['a', 'b', 'c', 'a'])
    await at.end(1)
    await at.pass(1000)
    expect(await closing).toBe(2)
    expect(at.calls.map(({ context }) => context.signal.aborted)).toEqual([false, false, true, true])
    await at.end(2)
    expect(at.clock.pending).toBe(0)
    expect(await at.writes.close(1000)).toBe(0)
  })
})

describe('slots that are to go', () => {
  const a = Buffer.from('a')

  test('new writes of their keys wait for those before them, and then go on', async () => {
    const at = new Place('through')
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

  test('not for ever, nor again before the origin has taken something', async () => {
    const at = new Place('behind', { breakAfter: 0 })
    at.behind('a')
    await at.settle()
    const slots = [...at.writes.slots()]
    at.writes.pauseWrites(slots)
    let ran = 0
    const run = async (): Promise<void> => void ran++
    const waiting = at.writes.exclusive([a], run)
    await at.pass(1999)
    expect(ran).toBe(0)
    await at.pass(1)
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
