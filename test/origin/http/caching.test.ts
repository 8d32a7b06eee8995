import { expect, test } from 'vitest'
import {
  conditionsOf,
  factsOf as factsAt,
  type ResponseHeaders,
  type ResponseTimes,
  renewedFacts as renewedAt,
  retryAfter,
} from '../../../src/origin/http/caching.ts'

const NOW = Date.parse('Mon, 01 Jan 2024 00:00:00 GMT')
const URL = 'http://h/a'

function times(delay = 0, reading = 0): ResponseTimes {
  return { requestedAt: NOW - delay - reading, receivedAt: NOW - reading, now: NOW }
}
const factsOf = (headers: ResponseHeaders, at = times()): ReturnType<typeof factsAt> => factsAt(headers, at)
const renewedFacts = (headers: ResponseHeaders, validator: string): ReturnType<typeof renewedAt> =>
  renewedAt(headers, validator, times())
const conditions = (validator: string): Record<string, string> => ({
  ...conditionsOf(validator, URL)?.headers,
})

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
  [{ 'cache-control': 'max-age=60, no-cache="set-cookie", private="x-user, x-id"' }, 60_000],
  [{ 'cache-control': 'max-age=60, no-cache=""' }, 0],
  [{ 'cache-control': 'no-store, max-age=60, must-understand' }, 60_000],
  [{ 'cache-control': 'max-age=60, MUST-Revalidate' }, 60_000],
  [{ 'cache-control': 'max-age = "60" , immutable' }, 60_000],
  [{ 'cache-control': 'max-age=1.5' }, 0],
  [{ 'cache-control': 's-maxage=x, max-age=60' }, 0],
  [{ 'cache-control': 'max-age=60, max-age=0' }, 60_000],
  [{ 'cache-control': 'max-age=60', expires: 'Mon, 01 Jan 2024 00:00:01 GMT' }, 60_000],
  [{ 'cache-control': 'max-age=60', age: '20, 30' }, 40_000],
  [{ 'cache-control': 'max-age=60', age: ['20', '30'] }, 40_000],
  [{ 'cache-control': 'max-age=60', age: '-5' }, 60_000],
  [{ 'cache-control': 'max-age=60', date: 'Sun, 31 Dec 2023 23:59:30 GMT' }, 30_000],
  [{ 'cache-control': 'max-age=60', date: 'Sun, 31 Dec 2023 23:59:30 GMT', age: '10' }, 30_000],
  [{ 'cache-control': 'max-age=60', date: 'Sun, 31 Dec 2023 23:59:30 GMT', age: '50' }, 10_000],
  // Within the precision of Date, and of a server whose clock is ahead.
  [{ 'cache-control': 'max-age=60', date: 'Sun, 31 Dec 2023 23:59:59 GMT' }, 60_000],
  [{ 'cache-control': 'max-age=60', date: 'Mon, 01 Jan 2024 00:10:00 GMT' }, 60_000],
  [{ 'cache-control': 'max-age=60', date: 'yesterday' }, 60_000],
  [{ 'cache-control': 'max-age=60', vary: 'x*' }, 60_000],
  [{ 'cache-control': 'max-age=60', vary: ['accept', '*'] }, 0],
  [{ expires: 'Monday, 01-Jan-24 00:01:00 GMT' }, 60_000],
  [{ expires: 'Mon Jan  1 00:01:00 2024' }, 60_000],
  [{ expires: ['Mon, 01 Jan 2024 00:01:00 GMT', '0'] }, 60_000],
  [{ expires: '' }, 0],
  [{ expires: '0' }, 0],
  [{ expires: '-1' }, 0],
  [{ expires: '2024-01-01T00:01:00Z' }, 0],
  [{ expires: 'Mon, 01 Jan 2024 00:01:00 GMT' }, 60_000],
  [{ expires: 'Mon, 01 Jan 2024 00:01:00 GMT', age: '10' }, 50_000],
  [{ expires: 'Mon, 01 Jan 2024 00:01:00 GMT', date: 'Mon, 01 Jan 2024 00:00:30 GMT' }, 30_000],
  [{ expires: 'Sun, 31 Dec 2023 00:00:00 GMT' }, 0],
  [{ expires: 'soon' }, 0],
  [{ expires: '0', 'cache-control': 'max-age=7' }, 7000],
])('%j has a TTL of %s ms', (headers, ttl) => {
  expect(factsOf(headers).ttl).toBe(ttl)
})

test('the time for the answer and for its body is part of the age', () => {
  const headers = { 'cache-control': 'max-age=60' }
  expect(factsOf(headers, times(3000)).ttl).toBe(57_000)
  expect(factsOf({ ...headers, age: '10' }, times(3000)).ttl).toBe(47_000)
  expect(factsOf({ ...headers, age: '10' }, times(3000, 5000)).ttl).toBe(42_000)
  const date = 'Sun, 31 Dec 2023 23:59:30 GMT'
  expect(factsOf({ ...headers, date, age: '10' }, times(3000, 5000)).ttl).toBe(30_000)
  // A clock that was turned back.
  expect(factsOf(headers, times(-5000, -5000)).ttl).toBe(60_000)
})

test('s-maxage forbids stale values, unless they are allowed by name', () => {
  const none = { staleWhileRevalidate: 0, staleIfError: 0 }
  expect(factsOf({ 'cache-control': 's-maxage=9' })).toMatchObject(none)
  expect(factsOf({ 'cache-control': 's-maxage=9, stale-if-error=5' })).toMatchObject({
    ...none,
    staleIfError: 5000,
  })
  expect(factsOf({ 'cache-control': 'max-age=9, proxy-revalidate, stale-if-error=5' })).toMatchObject(none)
})

test.each([
  ['no-cache', true],
  ['max-age=0', true],
  ['no-cache, max-age=60', true],
  ['max-age=60, must-revalidate', true],
  ['no-store', false],
  ['no-store, no-cache', false],
  ['private', false],
  ['private, max-age=60, s-maxage=60', false],
])('%s: a version may be asked for again: %s', (control, isKept) => {
  const { validator } = factsOf({ 'cache-control': control, etag: '"a"' })
  expect(validator !== undefined).toBe(isKept)
})

test('stale windows from Cache-Control', () => {
  const control = 'max-age=1, stale-while-revalidate=30, stale-if-error=600'
  expect(factsOf({ 'cache-control': control })).toMatchObject({
    staleWhileRevalidate: 30_000,
    staleIfError: 600_000,
  })
  expect(factsOf({ 'cache-control': `${control}, must-revalidate` })).toMatchObject({
    staleWhileRevalidate: 0,
    staleIfError: 0,
  })
  expect(factsOf({ 'cache-control': 'max-age=1' }).staleIfError).toBe(undefined)
})

test.each([
  ['max-age=0, stale-while-revalidate=30', undefined, 30_000],
  ['max-age=60, stale-while-revalidate=30', '70', 20_000],
  ['max-age=60, stale-while-revalidate=30', '99', 0],
  ['no-store, stale-while-revalidate=30', undefined, 0],
  ['no-cache, max-age=0, stale-while-revalidate=30', undefined, 0],
  ['private, stale-while-revalidate=30', undefined, 0],
])('%j at age %s is stale on arrival and may be served for %i ms', (control, age, ms) => {
  const facts = factsOf({ 'cache-control': control, age })
  expect([facts.ttl, facts.staleWhileRevalidate]).toEqual([0, ms])
})

test('validators become conditional request headers', () => {
  const modified = 'Mon, 01 Jan 2024 00:00:00 GMT'
  expect(conditions(String(factsOf({ etag: 'W/"a"', 'last-modified': modified }).validator))).toEqual({
    'if-none-match': 'W/"a"',
    'if-modified-since': modified,
  })
  expect(conditions(String(factsOf({ etag: '"a"' }).validator))).toEqual({ 'if-none-match': '"a"' })
  expect(factsOf({}).validator).toBe(undefined)
})

test.each(['', 'x', 'null', '5', '"x"', '[]'])(
  '%j is not a validator: the request is unconditional',
  (validator) => {
    expect(conditions(validator)).toEqual({})
  },
)

test('headers missing from a 304 keep their values', () => {
  const modified = 'Mon, 01 Jan 2024 00:00:00 GMT'
  const control = 'max-age=60, stale-while-revalidate=30, stale-if-error=600'
  const first = factsOf({ 'cache-control': control, etag: '"a"', 'last-modified': modified })
  const renewed = (headers: ResponseHeaders): [typeof first, Record<string, string>] => {
    const facts = renewedFacts(headers, String(first.validator))
    // The next 304 has the same result.
    expect(renewedFacts({}, String(facts.validator))).toEqual(facts)
    return [facts, conditions(String(facts.validator))]
  }
  const both = { 'if-none-match': '"a"', 'if-modified-since': modified }
  const windows = { staleWhileRevalidate: 30_000, staleIfError: 600_000 }
  expect(renewed({})).toEqual([first, both])
  expect(renewed({ etag: '"a"' })).toEqual([first, both])
  expect(renewed({ 'last-modified': modified })).toEqual([first, both])
  expect(renewed({ etag: '"b"' })).toMatchObject([
    { ttl: 60_000, ...windows },
    { ...both, 'if-none-match': '"b"' },
  ])
  expect(renewed({ 'cache-control': 'max-age=5' })).toMatchObject([
    { ttl: 5000, staleWhileRevalidate: undefined, staleIfError: undefined },
    both,
  ])
  expect(renewed({ expires: 'Mon, 01 Jan 2024 00:00:07 GMT' })).toMatchObject([{ ttl: 60_000 }, both])
  const plain = factsOf({ etag: '"a"' })
  expect(renewedFacts({}, String(plain.validator))).toEqual(plain)
})

test('the age of a response is not that of the 304 after it', () => {
  const { ttl, validator } = factsOf({ 'cache-control': 'max-age=60', age: '58', etag: '"a"' })
  expect(ttl).toBe(2000)
  const once = renewedFacts({}, String(validator))
  expect(once.ttl).toBe(60_000)
  expect(renewedFacts({ age: '10' }, String(once.validator)).ttl).toBe(50_000)
  expect(renewedFacts({ date: 'Sun, 31 Dec 2023 23:59:30 GMT' }, String(once.validator)).ttl).toBe(30_000)
})

test('Expires is a moment, which a 304 that does not move it leaves where it is', () => {
  const expires = 'Mon, 01 Jan 2024 00:01:00 GMT'
  const { ttl, validator } = factsOf({ expires, date: 'Sun, 31 Dec 2023 23:59:50 GMT', etag: '"a"' })
  expect(ttl).toBe(60_000)
  expect(renewedFacts({ date: 'Mon, 01 Jan 2024 00:00:00 GMT' }, String(validator)).ttl).toBe(60_000)
  expect(renewedFacts({ date: 'Mon, 01 Jan 2024 00:02:00 GMT' }, String(validator)).ttl).toBe(0)
  const moved = renewedFacts({ expires: 'Mon, 01 Jan 2024 00:00:07 GMT' }, String(validator))
  expect(moved.ttl).toBe(7000)
  expect(renewedFacts({}, String(moved.validator)).ttl).toBe(7000)
})

test('a 304 can forbid to store the value, or allow to serve it', () => {
  const { validator } = factsOf({ 'cache-control': 'no-cache', etag: '"a"' })
  expect(renewedFacts({}, String(validator))).toMatchObject({ ttl: 0, validator })
  expect(renewedFacts({ 'cache-control': 'max-age=9' }, String(validator))).toMatchObject({ ttl: 9000 })
  expect(renewedFacts({ 'cache-control': 'no-store' }, String(validator)).validator).toBe(undefined)
  const varying = factsOf({ 'cache-control': 'max-age=9', vary: '*', etag: '"a"' })
  expect(renewedFacts({}, String(varying.validator)).ttl).toBe(0)
  expect(renewedFacts({ vary: 'accept' }, String(varying.validator)).ttl).toBe(9000)
})

test('a version is asked for at the URL that it is of', () => {
  const { validator } = factsAt({ etag: '"a"' }, times(), 'http://h/b')
  expect(conditionsOf(String(validator), URL)).toEqual({
    url: 'http://h/b',
    headers: { 'if-none-match': '"a"' },
  })
  expect(conditionsOf(String(factsOf({ etag: '"a"' }).validator), URL)?.url).toBe(URL)
  const renewed = renewedFacts({ etag: '"b"' }, String(validator))
  expect(conditionsOf(String(renewed.validator), URL)?.url).toBe('http://h/b')
})

test.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['120', 120_000],
  [' 120 ', 120_000],
  ['Mon Jan  1 00:00:05 2024', 5000],
  ['Monday, 01-Jan-24 00:00:05 GMT', 5000],
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
