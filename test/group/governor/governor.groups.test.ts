// The governor of a group: its log lines, the clock, and load times.

import { expect, test } from 'vitest'
import { defaultGovernor, type GovernorPolicy } from '../../../src/group/governor/governor.ts'
import type { Origin } from '../../../src/group/origin.ts'
import { Harness } from '../../support/harness.ts'

interface Call {
  resolve(value: string): void
  reject(error: Error): void
}

/** A group with one call at a time; the test settles the calls of its origin. */
function grouped(policy: Partial<GovernorPolicy>, origin: Partial<Origin> = {}) {
  const calls: Call[] = []
  const load = (): Promise<string> => new Promise((resolve, reject) => calls.push({ resolve, reject }))
  const governor = { ...defaultGovernor, concurrency: 1, ...policy }
  const harness = new Harness({
    groups: { users: { origin: { load, ...origin }, governor, ttlMs: 60_000 } },
  })
  return { harness, calls }
}

test('the log says when the circuit breaker opens and when it closes', async () => {
  const { harness, calls } = grouped({ breakAfter: 1, breakMs: 1000 })
  const lines: unknown[] = []
  await harness.group('users').start({
    info: (...line) => void lines.push(['info', ...line]),
    warn: (...line) => void lines.push(['warn', ...line]),
  })
  const failed = harness.raw('GET', 'a')
  await harness.settle()
  calls[0].reject(new Error('down'))
  await failed
  harness.clock.advance(1000)
  const tried = harness.call('GET', 'a')
  await harness.settle()
  calls[1].resolve('1')
  expect(await tried).toBe('1')
  const reason = expect.stringMatching(
    /^group users: circuit breaker open for \d+ ms, after 1 failures in a row: down; check the origin, and ask again after that$/,
  )
  expect(lines.filter((line) => /circuit breaker/.test(String((line as unknown[])[2])))).toEqual([
    ['warn', { group: 'users' }, reason],
    ['info', { group: 'users' }, 'group users: the circuit breaker is closed, the origin is called again'],
  ])
})

async function loadMs(harness: Harness, key: string): Promise<unknown> {
  const facts = (await harness.call('EXPLAIN', key)) as unknown[]
  return facts[facts.indexOf('load-ms') + 1]
}

test('a clock that goes back does not keep the breaker open', async () => {
  const { harness, calls } = grouped({ breakAfter: 1, breakMs: 1000 })
  const failed = harness.raw('GET', 'a')
  await harness.settle()
  calls[0].reject(new Error('down'))
  expect(await failed).toBe('-ORIGIN users: down\r\n')
  harness.clock.set(harness.clock.now() - 3_600_000)
  expect(await harness.raw('GET', 'a')).toMatch(/circuit breaker open for \d{3} ms/)
  harness.clock.advance(1000)
  const tried = harness.call('GET', 'a')
  await harness.settle()
  calls[1].resolve('1')
  expect(await tried).toBe('1')
})

test('a read of a key that cannot exist is not a trial call of the breaker', async () => {
  const { harness, calls } = grouped({ breakAfter: 1, breakMs: 1000 }, { knows: (key) => key !== 'no' })
  const failed = harness.raw('GET', 'a')
  await harness.settle()
  calls[0].reject(new Error('down'))
  await failed
  expect(await harness.call('GET', 'no')).toBe(null)
  harness.clock.advance(1000)
  expect([await harness.call('GET', 'no'), harness.group('users').governor?.state]).toEqual([
    null,
    'half-open',
  ])
  expect(calls).toHaveLength(1)
})

test.each([true, false])('the load time excludes the time in the queue (loadMany: %s)', async (many) => {
  const answers: ((value: string) => void)[] = []
  const loadMany = async (keys: readonly string[]): Promise<string[]> => {
    const value = await new Promise<string>((resolve) => answers.push(resolve))
    return keys.map(() => value)
  }
  const { harness, calls } = grouped({}, many ? { loadMany } : {})
  const first = harness.connect().call('MGET', 'a', 'b')
  await harness.settle()
  harness.clock.advance(500)
  const second = harness.connect().call('MGET', 'c', 'd')
  await harness.settle()
  const answer = async (i: number): Promise<void> => {
    harness.clock.advance(70)
    if (many) answers[i]('1')
    else calls[i].resolve('1')
    await harness.settle()
  }
  for (let i = 0; i < (many ? 2 : 4); i++) await answer(i)
  await Promise.all([first, second])
  expect([await loadMs(harness, 'a'), await loadMs(harness, 'd')]).toEqual([570, 70])
})
