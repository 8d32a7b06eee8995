// Dates of HTTP headers (RFC 9110 §5.6.7): the three forms that a recipient must accept, all of them in GMT.

/*
 *   Sun, 06 Nov 1994 08:49:37 GMT    IMF-fixdate
 *   Sunday, 06-Nov-94 08:49:37 GMT   RFC 850: a year that seems more than 50 years ahead is one of the past
 *   Sun Nov  6 08:49:37 1994         asctime
 *
 * `Date.parse` reads the last one in the time zone of the machine, and accepts other forms than those of HTTP.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const TIME = String.raw`(?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2})`
/** Some servers name GMT otherwise, or give an offset. */
const ZONE = String.raw`(?:GMT|UTC?|Z|(?<offset>[+-]\d{4}))`
const DAY = '(?:mon|tue|wed|thu|fri|sat|sun)'
const LONG_DAY = '(?:mon|tues|wednes|thurs|fri|satur|sun)day'

const FORMS = [
  `${DAY}, (?<day>\\d{1,2}) (?<month>[a-z]{3}) (?<year>\\d{4}) ${TIME} ${ZONE}`,
  `(?:${LONG_DAY}|${DAY}), (?<day>\\d{1,2})-(?<month>[a-z]{3})-(?<year>\\d{4}|\\d{2}) ${TIME} ${ZONE}`,
  `${DAY} (?<month>[a-z]{3}) {1,2}(?<day>\\d{1,2}) ${TIME} (?<year>\\d{4})(?: GMT)?`,
].map((form) => new RegExp(`^${form}$`, 'i'))

/** Milliseconds since the epoch; undefined: no date. */
export function parseHttpDate(text: string, now: number): number | undefined {
  const trimmed = text.trim()
  for (const form of FORMS) {
    const { groups } = form.exec(trimmed) ?? {}
    if (groups !== undefined) return toTime(groups, now)
  }
  return undefined
}

function toTime(groups: Readonly<Record<string, string | undefined>>, now: number): number | undefined {
  const month = MONTHS.indexOf((groups.month ?? '').toLowerCase())
  const [day, hour, minute, second] = [groups.day, groups.hour, groups.minute, groups.second].map(Number)
  const isTime = hour < 24 && minute < 60 && second <= 60
  const year = fullYear(groups.year ?? '', now)
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  // The 31st of February would be one of March.
  const isDay = month >= 0 && date.getUTCMonth() === month && date.getUTCDate() === day
  return isDay && isTime ? date.setUTCHours(hour, minute, second) - offsetMs(groups.offset) : undefined
}

function fullYear(text: string, now: number): number {
  if (text.length === 4) return Number(text)
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + Number(text)
  return year > thisYear + 50 ? year - 100 : year
}

function offsetMs(offset = '+0000'): number {
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3))
  return (offset.startsWith('-') ? -minutes : minutes) * 60_000
}
