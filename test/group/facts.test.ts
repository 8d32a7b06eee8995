// What an origin may return with a value: its TTL, and which results are rejected.

import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { fetchValue } from '../../src/group/calls.ts'
import { Group } from '../../src/group/group.ts'
import {
  type ChangeListener,
  type LoadedFacts,
  loaded,
  type OriginLog,
  type OriginResult,
  unchanged,
} from '../../src/group/origin.ts'
import { NULL_REF } from '../../src/store/arena.ts'
import { VALUE_TYPES } from '../support/value-types.ts'

const KEY = Buffer.from('Tom')

/** A group whose origin returns this, and its clock. */
function groupOf(result: () => OriginResult, policy = {}): { group: Group; clock: ManualClock } {
  const clock = new ManualClock()
  const group = new Group(
    {
      name: 'scores',
      maxBytes: 65_536,
      ttlMs: 1000,
      jitter: 0.5,
      negativeTtlMs: 500,
      originTimeoutMs: 0,
      origin: { kind: 'test', load: result },
      ...policy,
    },
    {
      instant: new Instant(clock),
      hasher: new Hasher({ low: 1, high: 2 }),
      timers: clock,
      random: () => 0.5,
    },
  )
  return { group, clock }
}

/** The remaining TTL of the cached value in ms; undefined: not cached, Infinity: no TTL. */
function remainingTtl({ group, clock }: { group: Group; clock: ManualClock }): number | undefined {
  const ref = group.store.peek(KEY, 0, KEY.length)
  if (ref === NULL_REF) return undefined
  const deadline = group.store.records.deadline(ref)
  return deadline === 0 ? Infinity : deadline - clock.now()
}

test.each<[name: string, result: OriginResult, remainingTtl: number | undefined]>([
  ['none', '630', 750],
  ['none in a result with facts', loaded('630'), 750],
  ['one', loaded('630', { ttl: 30_000 }), 30_000],
  ['a part of a millisecond', loaded('630', { ttl: 0.1 }), 1],
  ['none at all', loaded('630', { ttl: 0 }), undefined],
  ['no end', loaded('630', { ttl: Infinity }), Infinity],
  [
    'longer than the maximum',
    loaded('630', { ttl: Number.MAX_VALUE }),
    Number.MAX_SAFE_INTEGER - 1_704_067_200_000,
  ],
  ['none of an absence', null, 500],
  ['one of an absence', loaded(null, { ttl: 60_000 }), 60_000],
  ['none at all of an absence', loaded(undefined, { ttl: 0 }), undefined],
])('a TTL from the origin: %s', async (name, result, expected) => {
  const made = groupOf(() => result)
  expect((await fetchValue(made.group, KEY))?.toString() ?? null).toBe(
    name.endsWith('absence') ? null : '630',
  )
  expect(remainingTtl(made)).toBe(expected)
})

test('a TTL from the origin in a group without one', async () => {
  const made = groupOf(() => loaded('630', { ttl: 50 }), { ttlMs: 0 })
  await fetchValue(made.group, KEY)
  expect(remainingTtl(made)).toBe(50)
  made.clock.advance(51)
  await fetchValue(made.group, KEY)
  expect(made.group.flights?.loads).toBe(2)
})

test('maxTtl limits the TTL from the origin', async () => {
  const ends: [OriginResult, number][] = [
    [loaded('630', { ttl: 30_000 }), 200],
    [loaded('630', { ttl: Infinity }), 200],
    [loaded('630', { ttl: 100 }), 100],
    [loaded(null, { ttl: 30_000 }), 200],
    ['630', 200],
  ]
  for (const [result, expected] of ends) {
    const made = groupOf(() => result)
    made.group.limitLifetime(200)
    await fetchValue(made.group, KEY)
    expect(remainingTtl(made)).toBe(expected)
  }
})

test('a value with TTL 0 is loaded each time', async () => {
  const made = groupOf(() => loaded('630', { ttl: 0 }))
  for (let i = 1; i <= 3; i++) {
    expect((await fetchValue(made.group, KEY))?.toString()).toBe('630')
    expect(made.group.flights?.loads).toBe(i)
  }
})

test.each<[LoadedFacts, string]>([
  [{ ttl: -1 }, 'got a ttl of -1, wants milliseconds, at least 0'],
  [{ ttl: Number.NaN }, 'got a ttl of NaN, wants'],
  [{ ttl: '5m' as unknown as number }, 'got a ttl of 5m, wants'],
  [{ staleIfError: -5 }, 'got a staleIfError of -5'],
  [{ staleWhileRevalidate: null as unknown as number }, 'got a staleWhileRevalidate of null'],
  [{ tags: 'a' as unknown as string[] }, 'got tags that are not a list of texts'],
  [{ tags: [1] as unknown as string[] }, 'got tags that are not a list of texts'],
  [{ validator: 5 as unknown as string }, 'got a validator that is not text'],
])('%j is rejected, and the load fails', async (facts, message) => {
  expect(() => loaded('1', facts)).toThrow(message)
  expect(() => unchanged(facts)).toThrow(message)
  const made = groupOf(() => loaded('1', facts))
  await expect(fetchValue(made.group, KEY)).rejects.toThrow(`scores: ${message}`)
  expect(remainingTtl(made)).toBe(undefined)
})

test('errors: "unchanged" for a key that is not cached, and an invalid value with metadata', async () => {
  await expect(fetchValue(groupOf(() => unchanged()).group, KEY)).rejects.toThrow(
    'scores: the origin returned unchanged() for "Tom", which has no cached version',
  )
  await expect(fetchValue(groupOf(() => loaded(5 as unknown as string)).group, KEY)).rejects.toThrow(
    `scores: the origin gave a number for "Tom": ${VALUE_TYPES}`,
  )
})

test('start: log lines and errors of the origin name the group', async () => {
  const said: unknown[] = []
  const log: OriginLog = {
    info: (fields, message) => void said.push(['info', fields, message]),
    warn: (fields, message) => void said.push(['warn', fields, message]),
  }
  const start = (given: OriginLog): void => {
    given.warn({ code: 1 }, 'cannot be reached')
    given.info({}, 'answers again')
  }
  const load = (): null => null
  await groupOf(load, { origin: { kind: 'test', load, start } }).group.start(log)
  expect(said).toEqual([
    ['warn', { code: 1, group: 'scores' }, 'group scores: cannot be reached'],
    ['info', { group: 'scores' }, 'group scores: answers again'],
  ])
  const fail = (): never => {
    throw new Error('no\nsuch table')
  }
  await expect(
    groupOf(load, { origin: { kind: 'test', load, start: fail } }).group.start(log),
  ).rejects.toThrow('group scores: no such table')
  await groupOf(load).group.start(log)
})

test('an interruption of change notifications is logged once, and so is its end', async () => {
  const said: string[] = []
  const log: OriginLog = {
    info: (_, message) => void said.push(`info ${message}`),
    warn: (_, message) => void said.push(`warn ${message}`),
  }
  let listener: ChangeListener | undefined
  const listen = (changes: ChangeListener): void => {
    listener = changes
  }
  const { group } = groupOf(() => null, { origin: { kind: 'test', load: () => null, listen } })
  await group.start(log)
  listener?.gap()
  expect(said).toEqual([])
  listener?.lost(new Error('broken'))
  listener?.gap()
  listener?.gap()
  expect(said).toEqual([
    'warn group scores: change notifications are interrupted: broken',
    'info group scores: change notifications are received again',
  ])
})
