// A load of 300 ms and one that timed out after 2 s left nothing in the slow log, LATENCY, the log or any counter.

import { describe, expect, test } from 'vitest'
import { Harness, type HarnessOptions } from '../support/harness.ts'

interface Line {
  readonly level: string
  readonly text: string
}

/** A group whose origin answers when it is told to. */
function slow(policy: NonNullable<HarnessOptions['groups']>[string] = {}) {
  const calls: {
    keys: readonly string[]
    answer: (value: string) => void
    fail: (reason: string) => void
  }[] = []
  const load = (key: string): Promise<string> =>
    new Promise((resolve, reject) => {
      calls.push({ keys: [key], answer: resolve, fail: (reason) => reject(new Error(reason)) })
    })
  const harness = new Harness({ groups: { users: { origin: { load }, originTimeoutMs: 2000, ...policy } } })
  const lines: Line[] = []
  const log = {
    info: (_: object, text: string) => void lines.push({ level: 'info', text }),
    warn: (_: object, text: string) => void lines.push({ level: 'warn', text }),
  }
  return { harness, calls, lines, started: harness.group('users').start(log as never) }
}

test('a slow load is in SLOWLOG, LATENCY and the counters', async () => {
  const { harness, calls, started } = slow()
  await started
  await harness.call('CONFIG', 'RESETSTAT')
  harness.host.telemetry.eventThreshold = 100
  const reply = harness.call('GET', 'user:1')
  await harness.settle()
  harness.clock.advance(300)
  calls[0].answer('Tom')
  expect(await reply).toBe('Tom')
  const slowlog = (await harness.call('SLOWLOG', 'GET')) as unknown[][]
  const entry = slowlog.find(([, , , args]) => (args as string[])[0] === 'ORIGIN')
  expect(entry?.slice(2)).toEqual([300_000, ['ORIGIN', 'LOAD', 'users', 'user:1'], '', ''])
  const latest = (await harness.call('LATENCY', 'LATEST')) as unknown[][]
  expect(latest.find(([event]) => event === 'origin-load')?.slice(2)).toEqual([300, 300])
  const histogram = (await harness.call('LATENCY', 'HISTOGRAM', 'origin-load')) as unknown[]
  expect(histogram[0]).toBe('origin-load|users')
  expect((histogram[1] as unknown[])[1]).toBe(1)
  expect(harness.group('users').originCalls.loads.max).toBe(300_000)
  expect(String(await harness.call('INFO', 'groups'))).toContain('load_max_ms=300')
  expect(String(await harness.call('INFO', 'latencystats'))).toContain(
    'latency_percentiles_usec_origin-load|users',
  )
})

test('a load that times out is counted, and in the slow log', async () => {
  const { harness, lines, started } = slow()
  await started
  const reply = harness.raw('GET', 'user:1')
  await harness.settle()
  harness.clock.advance(2000)
  expect(await reply).toBe('-ORIGIN users: timed out after 2000 ms\r\n')
  expect(harness.group('users').originCalls.timeouts).toBe(1)
  expect(harness.host.telemetry.slowLog.entries.some(({ micros }) => micros === 2_000_000)).toBe(true)
  expect(lines).toEqual([{ level: 'warn', text: 'group users: a load failed: timed out after 2000 ms' }])
})

test('failures are logged first, then once in a while with their number, then their end', async () => {
  const { harness, calls, lines, started } = slow()
  await started
  const load = async (end: 'answer' | 'fail'): Promise<void> => {
    const reply = harness.raw('GET', `user:${calls.length}`)
    await harness.settle()
    calls[calls.length - 1][end]('broken')
    await reply
  }
  for (let i = 0; i < 5; i++) await load('fail')
  expect(lines.map(({ text }) => text)).toEqual(['group users: a load failed: broken'])
  harness.clock.advance(10_000)
  await load('fail')
  expect(lines[1].text).toBe('group users: a load failed: broken, and 4 more since the last such line')
  await load('answer')
  await load('answer')
  expect(lines.slice(2)).toEqual([
    { level: 'info', text: 'group users: loads succeed again, after 6 failures' },
  ])
  // One that fails now and then does not fill the log.
  for (let i = 0; i < 20; i++) await load(i % 2 === 0 ? 'fail' : 'answer')
  expect(lines).toHaveLength(3)
})

describe('the other calls of an origin', () => {
  test('a slow batch is one entry', async () => {
    let answer: (values: string[]) => void = () => undefined
    const loadMany = (): Promise<string[]> =>
      new Promise((resolve) => {
        answer = resolve
      })
    const { harness, started } = slow({ origin: { load: () => null, loadMany } })
    await started
    const reply = harness.call('MGET', 'a', 'b', 'c')
    await new Promise((resolve) => setImmediate(resolve))
    await harness.settle()
    harness.clock.advance(500)
    answer(['1', '2', '3'])
    expect(await reply).toEqual(['1', '2', '3'])
    const entries = harness.host.telemetry.slowLog.entries.filter(({ args }) => String(args[0]) === 'ORIGIN')
    expect(entries.map(({ micros }) => micros)).toEqual([500_000])
    expect(harness.group('users').originCalls.loads.count).toBe(3)
  })

  test('a slow write', async () => {
    let end: () => void = () => undefined
    const store = (): Promise<void> =>
      new Promise((resolve) => {
        end = resolve
      })
    const writes = { mode: 'through', queue: 10, queueBytes: 1000 } as const
    const { harness, started } = slow({ origin: { load: () => null, store }, writes })
    await started
    const reply = harness.call('SET', 'a', '1')
    await harness.settle()
    harness.clock.advance(400)
    end()
    expect(await reply).toBe('OK')
    const [entry] = harness.host.telemetry.slowLog.entries.filter(({ args }) => String(args[0]) === 'ORIGIN')
    expect([entry.micros, entry.args.map(String)]).toEqual([400_000, ['ORIGIN', 'STORE', 'users', 'a']])
    expect(harness.group('users').originCalls.stores.count).toBe(1)
  })
})
