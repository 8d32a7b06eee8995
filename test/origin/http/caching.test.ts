import { expect, test } from 'vitest'
import {
  conditionsOf,
  factsOf,
  type ResponseHeaders,
  renewedFacts,
  retryAfter,
} from '../../../src/origin/http/caching.ts'

const NOW = Date.parse('Mon, 01 Jan 2024 00:00:00 GMT')

test.each<[ResponseHeaders, number | undefined]>([
  [{}, undefined],
  [{ 'cache-control': 'max-age=60' }, 60_000],
  [{ 'cache-control': 'public, MAX-AGE="60"' }, 60_000],
  [{ 'cache-control': 'max-age=60, s-maxage=5' }, 5000],
  [{ 'cache-control': ['max-age=60', 'max-age=5'] }, 60_000],
  [{ 'cache-control': 'max-age=60', age: '20' }, 40_000],
  [{ 'cache-control': 'max-age=60', age: '99' }, 0],
  [{ 'cache-control': 'max-age=60', age: 'x' }, 60_000],
  [{ 'cache-control': 'max-age=x' }, 0],
  [{ 'cache-control': 'max-age=-1' }, 0],
  [{ 'cache-control': 'max-age' }, 0],
  [{ 'cache-control': `max-age=${'9'.repeat(400)}` }, 2 ** 31 * 1000],
  [{ 'cache-control': 'no-store, max-age=60' }, 0],
  [{ 'cache-control': 'max-age=60, no-cache' }, 0],
  [{ 'cache-control': 'private' }, 0],
  [{ 'cache-control': 'max-age=60', vary: 'accept, *' }, 0],
  [{ 'cache-control': 'max-age=60', vary: 'accept' }, 60_000],
  [{ 'cache-control': 'public' }, undefined],
  [{ 'cache-control': 'x="no-store, private"' }, undefined],
  [{ 'cache-control': '=,,;"' }, undefined],
  [{ expires: 'Mon, 01 Jan 2024 00:01:00 GMT' }, 60_000],
  [{ expires: 'Mon, 01 Jan 2024 00:01:00 GMT', age: '10' }, 50_000],
  [{ expires: 'Mon, 01 Jan 2024 00:01:00 GMT', date: 'Mon, 01 Jan 2024 00:00:30 GMT' }, 30_000],
  [{ expires: 'Sun, 31 Dec 2023 00:00:00 GMT' }, 0],
  [{ expires: 'soon' }, 0],
  [{ expires: '0', 'cache-control': 'max-age=7' }, 7000],
])('%j has a TTL of %s ms', (headers, ttl) => {
  expect(factsOf(headers, NOW).ttl).toBe(ttl)
})

test('stale windows from Cache-Control', () => {
  const control = 'max-age=1, stale-while-revalidate=30, stale-if-error=600'
  expect(factsOf({ 'cache-control': control }, NOW)).toMatchObject({
    staleWhileRevalidate: 30_000,
    staleIfError: 600_000,
  })
  expect(factsOf({ 'cache-control': `${control}, must-revalidate` }, NOW)).toMatchObject({
    staleWhileRevalidate: 0,
    staleIfError: 0,
  })
  expect(factsOf({ 'cache-control': 'max-age=1' }, NOW).staleIfError).toBe(undefined)
})

test.each([
  ['max-age=0, stale-while-revalidate=30', undefined, 30_000],
  ['max-age=60, stale-while-revalidate=30', '70', 20_000],
  ['max-age=60, stale-while-revalidate=30', '99', 0],
  ['no-store, stale-while-revalidate=30', undefined, 0],
  ['no-cache, max-age=0, stale-while-revalidate=30', undefined, 0],
  ['private, stale-while-revalidate=30', undefined, 0],
])('%j at age %s is stale on arrival and may be served for %i ms', (control, age, ms) => {
  const facts = factsOf({ 'cache-control': control, age }, NOW)
  expect([facts.ttl, facts.staleWhileRevalidate]).toEqual([0, ms])
})

test('validators become conditional request headers', () => {
  const modified = 'Mon, 01 Jan 2024 00:00:00 GMT'
  expect(conditionsOf(String(factsOf({ etag: 'W/"a"', 'last-modified': modified }, NOW).validator))).toEqual({
    'if-none-match': 'W/"a"',
    'if-modified-since': modified,
  })
  expect(conditionsOf(String(factsOf({ etag: '"a"' }, NOW).validator))).toEqual({ 'if-none-match': '"a"' })
  expect(factsOf({}, NOW).validator).toBe(undefined)
})

test.each(['', 'x', 'null', '5', '"x"', '[]'])(
  '%j is no validator: the request is unconditional',
  (validator) => {
    expect(conditionsOf(validator)).toEqual({})
  },
)

test('headers missing from a 304 keep their values', () => {
  const modified = 'Mon, 01 Jan 2024 00:00:00 GMT'
  const control = 'max-age=60, stale-while-revalidate=30, stale-if-error=600'
  const first = factsOf({ 'cache-control': control, etag: '"a"', 'last-modified': modified }, NOW)
  const renewed = (headers: ResponseHeaders): [typeof first, Record<string, string>] => {
    const facts = renewedFacts(headers, String(first.validator), NOW)
    // The next 304 finds the same again.
    expect(renewedFacts({}, String(facts.validator), NOW)).toEqual(facts)
    return [facts, conditionsOf(String(facts.validator))]
  }
  const conditions = { 'if-none-match': '"a"', 'if-modified-since': modified }
  const windows = { staleWhileRevalidate: 30_000, staleIfError: 600_000 }
  expect(renewed({})).toEqual([first, conditions])
  expect(renewed({ etag: '"a"' })).toEqual([first, conditions])
  expect(renewed({ 'last-modified': modified })).toEqual([first, conditions])
  expect(renewed({ etag: '"b"' })).toMatchObject([
    { ttl: 60_000, ...windows },
    { ...conditions, 'if-none-match': '"b"' },
  ])
  expect(renewed({ 'cache-control': 'max-age=5' })).toMatchObject([
    { ttl: 5000, staleWhileRevalidate: undefined, staleIfError: undefined },
    conditions,
  ])
  expect(renewed({ expires: 'Mon, 01 Jan 2024 00:00:07 GMT' })).toMatchObject([{ ttl: 7000 }, conditions])
  const plain = factsOf({ etag: '"a"' }, NOW)
  expect(renewedFacts({}, String(plain.validator), NOW)).toEqual(plain)
})

test.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['120', 120_000],
  ['0', undefined],
  ['00', undefined],
  ['300', 300_000],
  ['301', 300_000],
  ['99999999', 300_000],
  ['Tue, 01 Jan 2044 00:00:00 GMT', 300_000],
  ['Mon, 01 Jan 2024 00:00:05 GMT', 5000],
  ['Sun, 31 Dec 2023 00:00:00 GMT', undefined],
  ['later', undefined],
])('Retry-After: %s is %s ms', (header, ms) => {
  expect(retryAfter({ 'retry-after': header }, NOW)).toBe(ms)
})
