import { expect, test, vi } from 'vitest'
import {
  delay,
  ManualClock,
  SteadyClock,
  systemClock,
  systemTimers,
  waitAtMost,
} from '../../src/bytes/clock.ts'

test('the system clock returns milliseconds since the epoch', () => {
  const before = Date.now()
  const now = systemClock.now()
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(Date.now())
})

test('a system timer runs once, unless cancelled', () => {
  vi.useFakeTimers()
  try {
    const run = vi.fn()
    const cancelled = vi.fn()
    systemTimers.after(5, run)
    systemTimers.after(5, cancelled)()
    vi.advanceTimersByTime(20)
    expect(run).toHaveBeenCalledTimes(1)
    expect(cancelled).not.toHaveBeenCalled()
  } finally {
    vi.useRealTimers()
  }
})

test('a system timer never runs early, however long its delay is', () => {
  vi.useFakeTimers()
  try {
    const run = vi.fn()
    systemTimers.after(2 ** 40, run)
    // Node.js, and the timers of `vi`, run a timer with a longer delay than they can count after 1 ms.
    vi.advanceTimersByTime(2 ** 31 - 2)
    expect(run).not.toHaveBeenCalled()
  } finally {
    vi.useRealTimers()
  }
})

test('manual time changes only by advance and set', () => {
  const clock = new ManualClock(1000)
  expect([clock.now(), clock.now()]).toStrictEqual([1000, 1000])
  clock.advance(5)
  expect(clock.now()).toBe(1005)
  clock.set(10)
  expect(clock.now()).toBe(10)
  expect(() => clock.advance(-1)).toThrow(RangeError)
})

test('advance runs due timers in order, each at its time', () => {
  const clock = new ManualClock(0)
  const log: string[] = []
  const note = (name: string) => () => log.push(`${name}@${clock.now()}`)
  clock.after(20, note('late'))
  clock.after(10, () => {
    note('first')()
    clock.after(5, note('nested'))
    clock.after(50, note('pending'))
  })
  clock.after(10, note('second'))
  const cancel = clock.after(12, note('cancelled'))
  cancel()
  cancel()
  clock.advance(20)
  expect(log).toStrictEqual(['first@10', 'second@10', 'nested@15', 'late@20'])
  expect(clock.now()).toBe(20)
  expect(clock.pending).toBe(1)
})

test('set runs no timers; overdue ones run at the next advance', () => {
  const clock = new ManualClock(0)
  const run = vi.fn()
  clock.after(10, run)
  clock.set(100)
  expect(run).not.toHaveBeenCalled()
  clock.advance(0)
  expect(run).toHaveBeenCalledTimes(1)
  expect(clock.now()).toBe(100)
})

test('a delay ends at its time', async () => {
  const clock = new ManualClock(0)
  const ended = vi.fn()
  const delayed = delay(clock, 10).then(ended)
  clock.advance(9)
  await Promise.resolve()
  expect(ended).not.toHaveBeenCalled()
  clock.advance(1)
  await delayed
})

test('waiting at most a time ends with the promise, and leaves no timer', async () => {
  const clock = new ManualClock(0)
  await waitAtMost(clock, 10, Promise.resolve())
  await expect(waitAtMost(clock, 10, Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  await waitAtMost(clock, 10, undefined)
  expect(clock.pending).toBe(0)
})

test('waiting at most a time ends with the time, whatever the promise does later', async () => {
  const clock = new ManualClock(0)
  let reject: (error: Error) => void = () => {}
  const waiting = waitAtMost(clock, 10, new Promise((_, late) => (reject = late)))
  clock.advance(10)
  await waiting
  reject(new Error('late'))
})

test('a steady clock goes on while its clock is set back, and follows one that jumps ahead', () => {
  const clock = new ManualClock(1000)
  let elapsed = 0
  const steady = new SteadyClock(clock, () => elapsed)
  const pass = (ms: number, now: number): number => {
    elapsed += ms
    clock.set(now)
    return steady.now()
  }
  expect(steady.now()).toBe(1000)
  expect(pass(10, 1010)).toBe(1010)
  expect(pass(5.2, 500)).toBe(1015)
  expect(pass(20, 520)).toBe(1035)
  expect(pass(1, 5521)).toBe(6036)
  expect(pass(7, 0)).toBe(6043)
  expect(pass(0, 0)).toBe(6043)
})
