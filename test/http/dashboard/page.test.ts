// The parts of the page that need no browser: rates, figures, steps of a read, keys as text.

import { describe, expect, test } from 'vitest'
import type { Explanation } from '../../../src/commands/own/explanation.ts'
import { typedKey } from '../../../src/http/dashboard/app/api.ts'
import { bytes, count, percent, rate, seconds } from '../../../src/http/dashboard/app/format.ts'
import { History, pointOf, quantile } from '../../../src/http/dashboard/app/history.ts'
import { meaningOf, problemOf } from '../../../src/http/dashboard/app/members.ts'
import { stepsOf } from '../../../src/http/dashboard/app/steps.ts'
import { encodeKey, keyName, shownText } from '../../../src/http/dashboard/names.ts'
import { type DashboardState, nodeReport, shownTo } from '../../../src/http/dashboard/state.ts'
import { decodeBytes } from '../../../src/http/requests/target.ts'
import { RuntimeStats } from '../../../src/telemetry/runtime-stats.ts'
import { Harness } from '../../support/harness.ts'

const everything = { browse: true, invalidate: true, flush: true, drain: true }

type StateFor = (may?: DashboardState['may'], seen?: readonly string[]) => DashboardState

/** A harness, and its state as the page gets it. */
function start(): { harness: Harness; state: StateFor } {
  const origin = (key: string): string | null => {
    if (key === 'broken') throw new Error('no such table')
    return key === 'none' ? null : 'value'
  }
  const harness = new Harness({ groups: { scores: { origin, negativeTtlMs: 10_000 }, cache: {} } })
  const runtime = new RuntimeStats({ timers: harness.clock, micros: () => harness.clock.now() * 1000 })
  runtime.stop()
  const state: StateFor = (may = everything, seen = may.browse ? ['scores', 'cache'] : []) => {
    const { host, clock } = harness
    // As it arrives in the browser.
    return JSON.parse(
      JSON.stringify(
        shownTo(nodeReport({ host, runtime, phase: 'ready', now: clock.now() }), {
          user: null,
          may,
          seesKeysOf: (name) => seen.includes(name),
          seesHotKeysOf: (name) => seen.includes(name),
          seesSlowLog: may.browse,
        }),
      ),
    )
  }
  return { harness, state }
}

describe('rates', () => {
  test('are differences of two answers', async () => {
    const { harness, state } = start()
    const before = state()
    await harness.call('GET', 'Tom')
    for (let i = 0; i < 6; i++) await harness.call('GET', 'Tom')
    await harness.call('GET', 'none')
    await harness.call('GET', 'none')
    await harness.call('GET', 'broken')
    harness.clock.advance(2000)
    const { total, groups } = pointOf(before, state())
    expect(total).toMatchObject({
      reads: 5,
      hits: 3,
      negativeHits: 0.5,
      misses: 1.5,
      loads: 1.5,
      failures: 0.5,
    })
    expect(total.hitRatio).toBe(0.7)
    expect(groups.scores).toEqual(total)
    expect(groups.cache).toMatchObject({ reads: 0, hitRatio: null, p50: null })
  })

  test('a counter that was reset counts from 0, and another process begins anew', async () => {
    const { harness, state } = start()
    for (let i = 0; i < 10; i++) await harness.call('GET', 'Tom')
    const before = state()
    await harness.call('CONFIG', 'RESETSTAT')
    await harness.call('GET', 'Tom')
    harness.clock.advance(1000)
    const after = state()
    expect(pointOf(before, after).total).toMatchObject({ reads: 1, hits: 1 })
    const history = new History()
    history.add(before)
    history.add({ ...after, node: { ...after.node, startedAt: after.node.startedAt + 1 } })
    expect(history.points).toEqual([])
    expect(history.recent).toBeUndefined()
  })

  test('of a group that has begun or has ended are its own', async () => {
    const { harness, state } = start()
    const history = new History()
    const add = (): void => {
      history.add(state())
      harness.clock.advance(1000)
    }
    add()
    await harness.call('GET', 'Tom')
    add()
    expect(history.recent?.groups.scores.reads).toBe(1)
    expect(history.recent?.groups.cache.reads).toBe(0)
    // Computed once for each answer.
    expect(history.recent).toBe(history.recent)
    for (let i = 0; i < 6; i++) add()
    expect(history.recent?.groups.scores).toMatchObject({ reads: 0, loads: 0, hitRatio: null, p50: null })
  })

  test('history keeps the members that are no longer listed', () => {
    const { state } = start()
    const member = { since: 0, wasDown: false, slots: 5, latencyMs: 1, links: 1, hops: 2, lost: 0 }
    const history = new History()
    const add = (at: number, ...names: string[]): void => {
      const members = names.map((name) => ({ name, state: name === 'a:1' ? 'self' : 'up', ...member }))
      const cluster = { self: 'a:1', members } as unknown as DashboardState['cluster']
      history.add({ ...state(), at, cluster })
    }
    add(1000, 'a:1', 'b:1')
    expect(history.unlisted).toEqual([])
    add(2000, 'a:1')
    add(9000, 'a:1')
    expect(history.unlisted).toMatchObject([{ name: 'b:1', state: 'unlisted', since: 2000, slots: 0 }])
    expect(meaningOf(history.unlisted[0], 9000)).toBe('is no longer listed for 7.0 s')
    add(10_000, 'a:1', 'b:1')
    expect(history.unlisted).toEqual([])
  })

  test('many members that are down are one sentence', () => {
    const down = (count: number) =>
      problemOf({
        members: Array.from({ length: count }, (_, i) => ({ name: `n:${i}`, state: 'down' })),
      } as unknown as NonNullable<DashboardState['cluster']>)
    expect(down(0)).toBeUndefined()
    expect(down(2)).toBe('2 nodes are down: n:0, n:1 do not answer.')
    expect(down(5)).toBe('5 nodes are down: n:0, n:1, n:2 and 2 more do not answer.')
  })

  test('history keeps five minutes', () => {
    const { harness, state } = start()
    const history = new History()
    for (let i = 0; i < 400; i++) {
      history.add(state())
      harness.clock.advance(1000)
    }
    expect(history.points).toHaveLength(300)
    expect(history.recent?.total.reads).toBe(0)
  })

  test('quantiles lie within their bucket', () => {
    expect(quantile(0.5, [1, 2, 4], [0, 0, 0, 0])).toBeNull()
    expect(quantile(0.5, [1, 2, 4], [10, 10, 10, 10])).toBe(0.5)
    expect(quantile(0.75, [1, 2, 4], [10, 20, 20, 20])).toBe(1.5)
    expect(quantile(0.99, [1, 2, 4], [0, 0, 0, 5])).toBe(4)
  })
})

test('a user that may not browse sees no keys', async () => {
  const { harness, state } = start()
  await harness.call('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
  await harness.call('GET', 'broken')
  const seen = state()
  expect(seen.failures).toMatchObject([{ group: 'scores', kind: 'load', error: 'no such table', count: 1 }])
  expect(seen.failures[0].key.text).toBe('broken')
  expect(seen.slowLog.length).toBeGreaterThan(0)
  const hidden = JSON.stringify(state({ ...everything, browse: false }))
  expect(hidden).toContain('no such table')
  expect(hidden).not.toContain('broken')
})

test('hot keys are those of the groups that the user may browse', async () => {
  const { harness, state } = start()
  for (const group of ['cache', 'scores']) {
    await harness.call('SELECT', group)
    await harness.call('SET', `hot in ${group}`, '1')
    harness.clock.advance(100)
    for (let i = 0; i < 100; i++) await harness.call('GET', `hot in ${group}`)
    harness.clock.advance(100)
    for (const { hotKeys } of harness.groups) hotKeys.sample(harness.instant.monotonicMs)
  }
  expect(new Set(state().hotKeys.map(({ group }) => group))).toEqual(new Set(['cache', 'scores']))
  expect(new Set(state(everything, ['scores']).hotKeys.map(({ group }) => group))).toEqual(
    new Set(['scores']),
  )
})

test('failures with the same error are one line', async () => {
  const { harness, state } = start()
  for (let i = 0; i < 5; i++) await harness.call('GET', 'broken')
  expect(state().failures).toMatchObject([{ count: 5 }])
})

test('figures are short', () => {
  expect([count(0), count(999), count(1234), count(56_789), count(1.2e7), count(null)]).toEqual([
    '0',
    '999',
    '1.23k',
    '56.8k',
    '12.0M',
    '–',
  ])
  expect([rate(0), rate(0.25), rate(12.4), rate(undefined)]).toEqual(['0', '0.3', '12', '–'])
  expect([bytes(512), bytes(1536), bytes(64 * 2 ** 20)]).toEqual(['512 B', '1.50 KB', '64.0 MB'])
  expect([percent(0), percent(0.123), percent(0.9999), percent(1)]).toEqual([
    '0 %',
    '12.3 %',
    '100 %',
    '100 %',
  ])
  expect([seconds(0), seconds(0.0005), seconds(0.0042), seconds(0.25), seconds(5), seconds(7200)]).toEqual([
    '0 ms',
    '500 µs',
    '4.2 ms',
    '250 ms',
    '5.0 s',
    '2 h',
  ])
})

describe('keys of any bytes', () => {
  const keys = ['user:42', 'a/b c%?#', 'ключ', '\0\xff\n', '', '..', '€'.repeat(200)]

  test.each(keys.map((key) => Buffer.from(key, key === '\0\xff\n' ? 'latin1' : 'utf8')))('%s', (key) => {
    expect(decodeBytes(encodeKey(key))).toEqual(key)
    expect(encodeKey(key)).toMatch(/^[A-Za-z0-9\-._~%]*$/)
  })

  test('are shown as text with escapes, and shortened', () => {
    expect(keyName(Buffer.from('ключ')).text).toBe('ключ')
    expect(keyName(Buffer.from([0, 0xff, 0x41])).text).toBe('\\x00\\xffA')
    expect(keyName(Buffer.from('a\tb\n')).text).toBe('a\\x09b\\x0a')
    expect(shownText(Buffer.from('\u202eevil'))).toBe('\\u202eevil')
    expect(shownText(Buffer.from('€€€'), 4)).toBe('€… (9 bytes)')
  })

  test('are typed as they are shown', () => {
    for (const key of [Buffer.from([0, 0xff, 0x41]), Buffer.from('a b/ключ%')])
      expect(decodeBytes(typedKey(keyName(key).text))).toEqual(key)
  })
})

describe('the path of a read', () => {
  const explanation = (fields: Partial<Explanation>): Explanation =>
    ({ owner: 'self', slot: 5, state: 'none', ageMs: null, ...fields }) as Explanation
  const roles = (fields: Partial<Explanation>, origin: string | null = 'sql'): string =>
    stepsOf(explanation(fields), 'a:1', origin)
      .map(({ title, role }) => `${title} ${role}`)
      .join(', ')

  test.each<[string, Partial<Explanation>, string | null, string]>([
    [
      'memory',
      { source: 'memory', state: 'fresh' },
      'sql',
      'Client passed, Owner passed, Memory answers, Load idle, Origin idle',
    ],
    [
      'origin',
      { source: 'origin' },
      'sql',
      'Client passed, Owner passed, Memory passed, Load passed, Origin answers',
    ],
    [
      'flight',
      { source: 'flight' },
      'sql',
      'Client passed, Owner passed, Memory passed, Load answers, Origin passed',
    ],
    ['nowhere', { source: 'nowhere' }, null, 'Client passed, Owner passed, Memory passed, Nil answers'],
    [
      'a peer that has it',
      { source: 'peer', ownerSource: 'memory', owner: 'b:1' },
      null,
      'Client passed, This node passed, Hot copy passed, Owner passed, Memory answers',
    ],
    [
      'a copy',
      { source: 'copy', ownerSource: 'memory', owner: 'b:1' },
      null,
      'Client passed, This node passed, Hot copy answers, Owner idle, Memory idle',
    ],
  ])('%s', (_, fields, origin, wanted) => {
    expect(roles(fields, origin)).toBe(wanted)
  })
})
