// The governor: concurrency limit, queue, retries, circuit breaker and recovery.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { defaultGovernor, Governor, type GovernorPolicy } from '../../../src/group/governor/governor.ts'
import { LazyAbortSignal } from '../../../src/group/lazy-abort-signal.ts'
import { BadRequest, RetryLater } from '../../../src/group/origin.ts'

interface Call {
  resolve(value: string): void
  reject(error: Error): void
}

/** A governor whose calls the test completes. Backoffs have their maximal length. */
class Setup {
  readonly clock = new ManualClock()
  readonly governor: Governor
  readonly calls: Call[] = []
  /** Reported openings and closings of the circuit breaker. */
  readonly events: string[] = []

  constructor(policy: Partial<GovernorPolicy> = {}, random = () => 0) {
    this.governor = new Governor({
      ...defaultGovernor,
      ...policy,
      now: () => this.clock.now(),
      timers: this.clock,
      random,
      onOpen: (reason) => this.events.push(reason),
      onClose: () => this.events.push('closed'),
    })
  }

  /** The outcome of a call: its result, or `-` and its error. */
  run(signal = new LazyAbortSignal(), isIdempotent = true): Promise<string> {
    const call = (): Promise<string> => new Promise((resolve, reject) => this.calls.push({ resolve, reject }))
    return this.governor.run(signal, isIdempotent, call).catch((error: Error) => `-${error.message}`)
  }

  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Completes call number `i`. */
  async end(i: number, result: string | Error): Promise<void> {
    await this.settle()
    if (result instanceof Error) this.calls[i].reject(result)
    else this.calls[i].resolve(result)
    await this.settle()
  }

  /** Makes a call that fails. */
  async fail(error = new Error('down')): Promise<string> {
    const before = this.calls.length
    const ending = this.run()
    await this.settle()
    if (this.calls.length > before) this.calls[before].reject(error)
    return ending
  }
}

describe('concurrency', () => {
  test('calls beyond the limit are queued in order; calls beyond the queue limit are rejected', async () => {
    const at = new Setup({ concurrency: 2, queue: 2 })
    const endings = Array.from({ length: 5 }, () => at.run())
    expect(await endings[4]).toMatch(
      /^-overloaded: 2 calls are running and 2 are queued: raise originConcurrency or originQueue, /,
    )
    expect([at.calls.length, at.governor.active, at.governor.waiting, at.governor.shed]).toEqual([2, 2, 2, 1])
    await at.end(1, 'b')
    expect([at.calls.length, at.governor.active, at.governor.waiting]).toEqual([3, 2, 1])
    for (const [i, value] of [
      [0, 'a'],
      [2, 'c'],
      [3, 'd'],
    ] as const)
      await at.end(i, value)
    expect(await Promise.all(endings.slice(0, 4))).toEqual(['a', 'b', 'c', 'd'])
    expect([at.governor.active, at.governor.waiting]).toEqual([0, 0])
  })

  test('an aborted call frees its permit, or leaves the queue', async () => {
    const at = new Setup({ concurrency: 1 })
    const signals = [new LazyAbortSignal(), new LazyAbortSignal()]
    const endings = [at.run(signals[0]), at.run(signals[1]), at.run()]
    await at.settle()
    signals[1].abort(new Error('late'))
    expect(await endings[1]).toBe('-late')
    expect([at.calls.length, at.governor.waiting]).toEqual([1, 1])
    signals[0].abort(new Error('timed out'))
    expect(await endings[0]).toBe('-timed out')
    at.clock.advance(0)
    await at.end(1, 'c')
    expect([await endings[2], at.governor.active]).toEqual(['c', 0])
  })

  test('a call that ignores its abort keeps its permit for at most as long as it has run', async () => {
    const at = new Setup({ concurrency: 2, breakAfter: 0 })
    const signals = [new LazyAbortSignal(), new LazyAbortSignal()]
    const endings = signals.map((signal) => at.run(signal))
    await at.settle()
    at.clock.advance(1000)
    for (const signal of signals) signal.abort(new Error('timed out'))
    expect(await Promise.all(endings)).toEqual(['-timed out', '-timed out'])
    const others = [at.run(), at.run()]
    await at.settle()
    expect([at.calls.length, at.governor.active]).toEqual([2, 2])
    // The first abandoned call ends; the second never does.
    await at.end(0, new Error('late'))
    expect([at.calls.length, at.governor.active]).toEqual([3, 2])
    at.clock.advance(999)
    await at.settle()
    expect(at.calls.length).toBe(3)
    at.clock.advance(1)
    await at.settle()
    expect([at.calls.length, at.governor.active]).toEqual([4, 2])
    await at.end(1, 'much later')
    await at.end(2, 'c')
    await at.end(3, 'd')
    expect([await Promise.all(others), at.governor.active, at.clock.pending]).toEqual([['c', 'd'], 0, 0])
  })
})

describe('a bad request', () => {
  test('is not retried, and does not open the breaker', async () => {
    const at = new Setup({ breakAfter: 2, retries: 3 })
    for (let i = 0; i < 10; i++) expect(await at.fail(new BadRequest('no such type'))).toBe('-no such type')
    expect([at.calls.length, at.governor.state, at.governor.retried]).toEqual([10, 'closed', 0])
    const once = new Setup({ breakAfter: 2 })
    await once.fail()
    await once.fail(new BadRequest('no such type'))
    await once.fail()
    expect(once.governor.state).toBe('closed')
  })

  test('as a trial call, closes the breaker', async () => {
    const at = new Setup({ breakAfter: 1, breakMs: 1000 })
    await at.fail()
    at.clock.advance(1000)
    await at.fail(new BadRequest('no such type'))
    expect(at.governor.state).toBe('closed')
  })
})

describe('retries', () => {
  test('after exponential backoff', async () => {
    const at = new Setup({ retries: 2, backoffMs: 50 })
    const ending = at.run()
    await at.end(0, new Error('1'))
    at.clock.advance(49)
    await at.settle()
    expect(at.calls).toHaveLength(1)
    at.clock.advance(1)
    await at.end(1, new Error('2'))
    at.clock.advance(99)
    await at.settle()
    expect(at.calls).toHaveLength(2)
    at.clock.advance(1)
    await at.end(2, new Error('3'))
    expect([await ending, at.governor.retried, at.clock.pending]).toEqual(['-3', 2, 0])
  })

  test('a retry that succeeds is a success', async () => {
    const at = new Setup({ retries: 1, backoffMs: 50 }, () => 0.5)
    const ending = at.run()
    await at.end(0, new Error('1'))
    at.clock.advance(38)
    await at.end(1, 'a')
    expect(await ending).toBe('a')
  })

  test('not of non-repeatable calls, of calls with Retry-After, nor of aborted calls', async () => {
    const at = new Setup({ retries: 1 })
    const once = at.run(new LazyAbortSignal(), false)
    await at.end(0, new Error('no'))
    expect(await once).toBe('-no')
    const signal = new LazyAbortSignal()
    const unwanted = at.run(signal)
    await at.end(1, new Error('down'))
    signal.abort(new Error('timed out'))
    expect([await unwanted, at.clock.pending]).toEqual(['-timed out', 0])
    const later = at.run()
    await at.end(2, new RetryLater('busy', 5000))
    expect([await later, at.governor.state]).toEqual(['-busy', 'open'])
    at.clock.advance(4999)
    expect(at.governor.isOpen).toBe(true)
    at.clock.advance(1)
    expect(at.governor.isOpen).toBe(false)
  })
})

describe('the breaker', () => {
  test('opens after `breakAfter` failures in a row; calls then fail at once', async () => {
    const at = new Setup({ breakAfter: 3, breakMs: 1000 })
    await at.fail()
    await at.fail()
    const good = at.run()
    await at.end(2, 'a')
    expect(await good).toBe('a')
    for (let i = 0; i < 3; i++) expect(await at.fail()).toBe('-down')
    expect(at.governor.state).toBe('open')
    expect(await at.run()).toBe(
      '-circuit breaker open for 1000 ms, after 3 failures in a row: down; check the origin, and ask again after that',
    )
    expect([at.calls.length, at.governor.refused, at.governor.opened]).toEqual([6, 1, 1])
  })

  test('allows one trial call after each pause; pauses double until the source recovers', async () => {
    const at = new Setup({ breakAfter: 1, breakMs: 1000 })
    await at.fail()
    for (const pause of [1000, 2000, 4000, 8000, 16_000, 32_000, 32_000]) {
      at.clock.advance(pause - 1)
      expect(at.governor.state).toBe('open')
      at.clock.advance(1)
      expect(at.governor.state).toBe('half-open')
      await at.fail()
    }
    at.clock.advance(32_000)
    const made = at.calls.length
    const probe = at.run()
    expect(await at.run()).toBe(
      '-circuit breaker half-open with a trial call running, after 8 failures in a row: down; check the origin, and ask again in a moment',
    )
    await at.end(made, 'a')
    expect([await probe, at.governor.state]).toEqual(['a', 'closed'])
  })

  test('an outage is reported once, and its end once, whatever the number of trial calls', async () => {
    const at = new Setup({ breakAfter: 2, breakMs: 1000 })
    await at.fail()
    expect(at.events).toEqual([])
    await at.fail()
    for (const pause of [1000, 2000, 4000]) {
      at.clock.advance(pause)
      await at.fail(new Error('still down'))
    }
    expect(at.events).toEqual([
      'circuit breaker open for 1000 ms, after 2 failures in a row: down; check the origin, and ask again after that',
    ])
    at.clock.advance(8000)
    const probe = at.run()
    await at.end(5, 'a')
    expect([await probe, at.events.splice(0)[1]]).toEqual(['a', 'closed'])
    await at.fail()
    await at.fail()
    expect(at.events).toEqual([
      'circuit breaker open for 16000 ms, after 2 failures in a row: down; check the origin, and ask again after that',
    ])
  })

  test('the end of a pause that the source asked for is reported, too', async () => {
    const at = new Setup({ breakAfter: 0 })
    await at.fail(new RetryLater('busy', 3000))
    at.clock.advance(3000)
    await at.fail()
    expect(at.events).toEqual([
      'circuit breaker open for 3000 ms, after 1 failures in a row: busy; check the origin, and ask again after that',
      'closed',
    ])
  })

  test('then raises the limit step by step', async () => {
    const at = new Setup({ breakAfter: 1, breakMs: 1000, concurrency: 8 })
    await at.fail()
    at.clock.advance(1000)
    const probe = at.run()
    await at.end(1, 'a')
    await probe
    const endings = Array.from({ length: 40 }, () => at.run())
    const most: number[] = []
    for (let i = 2; i < 42; i++) {
      await at.settle()
      most.push(at.governor.active)
      await at.end(i, 'a')
    }
    await Promise.all(endings)
    expect(most.slice(0, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(Math.max(...most)).toBe(8)
  })

  test('rejects queued calls when it opens, and ignores results of earlier calls', async () => {
    const at = new Setup({ breakAfter: 1, concurrency: 2 })
    const endings = [at.run(), at.run(), at.run()]
    await at.end(0, new Error('down'))
    expect(await endings[2]).toBe(
      '-circuit breaker open for 1000 ms, after 1 failures in a row: down; check the origin, and ask again after that',
    )
    await at.end(1, 'a')
    expect([await endings[1], at.governor.state, at.governor.active]).toEqual(['a', 'open', 0])
  })

  test('counts a load that timed out', async () => {
    const at = new Setup({ breakAfter: 1 })
    const signal = new LazyAbortSignal()
    const ending = at.run(signal)
    await at.settle()
    signal.abort(new Error('timed out'))
    expect([await ending, at.governor.state]).toEqual(['-timed out', 'open'])
  })

  test('with a threshold of 0 opens only when the source asks for a pause', async () => {
    const at = new Setup({ breakAfter: 0, breakMs: 10_000, concurrency: 2 })
    for (let i = 0; i < 50; i++) await at.fail()
    expect(at.governor.state).toBe('closed')
    await at.fail(new RetryLater('busy', 1000))
    expect(at.governor.openForMs).toBe(1000)
    at.clock.advance(1000)
    await at.fail()
    expect([at.governor.state, at.governor.isOpen]).toEqual(['closed', false])
    const made = at.calls.length
    void at.run()
    void at.run()
    expect(at.calls.length).toBe(made + 2)
  })

  test('stays open as long as the source asks, at most five minutes; a pause of 0 is an ordinary failure', async () => {
    const at = new Setup({ breakAfter: 2 })
    await at.fail(new RetryLater('busy', 0))
    expect(at.governor.state).toBe('closed')
    await at.fail(new RetryLater('busy', 99_999_999_000))
    expect(at.governor.openForMs).toBe(300_000)
  })

  test('calls that hang since the outage do not delay the recovery', async () => {
    const at = new Setup({ breakAfter: 1, breakMs: 1000, concurrency: 5 })
    for (let i = 0; i < 6; i++) void at.run()
    await at.end(0, new Error('down'))
    expect([at.governor.state, at.governor.active]).toEqual(['open', 4])
    at.clock.advance(1000)
    const probe = at.run()
    await at.end(5, 'a')
    expect([await probe, at.governor.state]).toEqual(['a', 'closed'])
    const next = [at.run(), at.run()]
    await at.end(6, 'b')
    expect(await next[0]).toBe('b')
    await at.end(7, 'c')
    expect(await next[1]).toBe('c')
    for (let i = 1; i < 5; i++) await at.end(i, 'late')
    expect([at.governor.active, at.governor.waiting]).toEqual([0, 0])
  })

  test('a trial call that hangs does not keep it open forever', async () => {
    const at = new Setup({ breakAfter: 1, breakMs: 1000 })
    await at.fail()
    at.clock.advance(1000)
    void at.run()
    at.clock.advance(31_999)
    expect(at.governor.isOpen).toBe(true)
    at.clock.advance(1)
    expect(at.governor.isOpen).toBe(false)
    const second = at.run()
    expect(at.governor.isOpen).toBe(true)
    await at.end(2, 'a')
    expect([await second, at.governor.state]).toEqual(['a', 'closed'])
    const third = at.run()
    await at.end(3, 'b')
    expect(await third).toBe('b')
    await at.end(1, 'late')
    expect(at.governor.active).toBe(0)
  })
})

test('random sequences: limits hold, an open breaker passes no call, and every call ends', async () => {
  const kinds = fc.constantFrom('ok' as const, 'fail' as const, 'abort' as const)
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.record({ kind: kinds, after: fc.nat({ max: 3000 }) }), { minLength: 1, maxLength: 30 }),
      fc.record({
        concurrency: fc.integer({ min: 1, max: 4 }),
        queue: fc.nat({ max: 4 }),
        retries: fc.nat({ max: 2 }),
        breakAfter: fc.nat({ max: 4 }),
      }),
      async (scheduler, loads, policy) => {
        const at = new Setup({ ...policy, backoffMs: 10, breakMs: 1000 })
        const { governor, clock } = at
        let running = 0
        let ended = 0
        const check = (): void => {
          expect(governor.active).toBeLessThanOrEqual(policy.concurrency + 1)
          expect(governor.waiting).toBeLessThanOrEqual(policy.queue)
        }
        const load = async (kind: 'ok' | 'fail' | 'abort'): Promise<void> => {
          const signal = new LazyAbortSignal()
          const call = async (): Promise<string> => {
            // While the breaker is not closed only a trial call starts.
            if (governor.state !== 'closed') expect(governor.state).toBe('half-open')
            running++
            check()
            await scheduler.schedule(Promise.resolve(), kind)
            running--
            if (kind === 'fail') throw new Error('down')
            return 'a'
          }
          const ending = governor.run(signal, true, call).catch(() => 'failed')
          if (kind === 'abort')
            void scheduler.schedule(Promise.resolve(), 'abort').then(() => signal.abort(new Error('late')))
          await ending
          ended++
          check()
        }
        for (const { kind, after } of loads) {
          void scheduler.schedule(Promise.resolve(), 'begin').then(() => {
            clock.advance(after)
            void load(kind)
          })
        }
        for (let idle = 0; idle < 5; ) {
          if (scheduler.count() === 0) idle++
          else {
            idle = 0
            await scheduler.waitOne()
          }
          // The backoff before a retry.
          clock.advance(20)
          await at.settle()
        }
        expect([ended, running, governor.active, governor.waiting]).toEqual([loads.length, 0, 0, 0])
      },
    ),
    { numRuns: 60 },
  )
})
