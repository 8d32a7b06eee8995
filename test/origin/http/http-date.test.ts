import { expect, test } from 'vitest'
import { parseHttpDate } from '../../../src/origin/http/http-date.ts'

const NOW = Date.UTC(2024, 0, 1)
const TIME = Date.UTC(1994, 10, 6, 8, 49, 37)

test.each<[string, number | undefined]>([
  // The examples of RFC 9110.
  ['Sun, 06 Nov 1994 08:49:37 GMT', TIME],
  ['Sunday, 06-Nov-94 08:49:37 GMT', TIME],
  ['Sun Nov  6 08:49:37 1994', TIME],
  [' sun, 06 nov 1994 08:49:37 gmt ', TIME],
  ['Sun, 6 Nov 1994 08:49:37 GMT', TIME],
  ['Sun, 06-Nov-1994 08:49:37 GMT', TIME],
  ['Sun Nov 6 08:49:37 1994', TIME],
  ['Sun, 06 Nov 1994 08:49:37 UTC', TIME],
  ['Sun, 06 Nov 1994 10:49:37 +0200', TIME],
  ['Sun, 06 Nov 1994 03:19:37 -0530', TIME],
  ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
  ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
  ['Thu, 01 Jan 0070 00:00:00 GMT', new Date('0070-01-01T00:00:00Z').getTime()],
  // More than 50 years ahead is in the past.
  ['Wednesday, 01-Jan-74 00:00:00 GMT', Date.UTC(2074, 0, 1)],
  ['Wednesday, 01-Jan-75 00:00:00 GMT', Date.UTC(1975, 0, 1)],
  ['Thu, 30 Feb 2024 00:00:00 GMT', undefined],
  ['Wed, 29 Feb 2023 00:00:00 GMT', undefined],
  ['Sun, 00 Nov 1994 08:49:37 GMT', undefined],
  ['Sun, 06 Foo 1994 08:49:37 GMT', undefined],
  ['Sun, 06 Nov 1994 24:00:00 GMT', undefined],
  ['Sun, 06 Nov 1994 08:60:00 GMT', undefined],
  ['Sun, 06 Nov 1994 08:49:37', undefined],
  ['Sun, 06 Nov 1994 08:49:37 PST', undefined],
  ['06 Nov 1994', undefined],
  ['1994-11-06T08:49:37Z', undefined],
  ['784111777', undefined],
  ['0', undefined],
  ['', undefined],
])('%j', (text, time) => {
  expect(parseHttpDate(text, NOW)).toBe(time)
})
