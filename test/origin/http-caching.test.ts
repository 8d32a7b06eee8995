import { expect, test } from 'vitest'
import { conditionsOf, factsOf, type ResponseHeaders, retryAfter } from '../../src/origin/http-caching.ts'

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
])('%j may be kept for %s ms', (headers, ttl) => {
  expect(factsOf(headers, NOW).ttl).toBe(ttl)
})

test('how long it may be served stale', () => {
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

test('what tells a version comes back as conditions', () => {
  const modified = 'Mon, 01 Jan 2024 00:00:00 GMT'
  expect(conditionsOf(String(factsOf({ etag: 'W/"a"', 'last-modified': modified }, NOW).validator))).toEqual({
    'if-none-match': 'W/"a"',
    'if-modified-since': modified,
  })
  expect(conditionsOf(String(factsOf({ etag: '"a"' }, NOW).validator))).toEqual({ 'if-none-match': '"a"' })
  expect(factsOf({}, NOW).validator).toBe(undefined)
})

test.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['120', 120_000],
  ['0', 0],
  ['Mon, 01 Jan 2024 00:00:05 GMT', 5000],
  ['Sun, 31 Dec 2023 00:00:00 GMT', 0],
  ['later', undefined],
])('Retry-After: %s is %s ms', (header, ms) => {
  expect(retryAfter({ 'retry-after': header }, NOW)).toBe(ms)
})
