// Parses and formats sizes ('64mb') and durations ('5m').

/** Redis's units: powers of 1024 with a `b`, powers of 1000 without (redis.conf, "Note on units"). */
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['k', 1e3],
  ['kb', 2 ** 10],
  ['m', 1e6],
  ['mb', 2 ** 20],
  ['g', 1e9],
  ['gb', 2 ** 30],
  ['t', 1e12],
  ['tb', 2 ** 40],
])

/** Milliseconds per unit. */
const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['us', 0.001],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
])

const SIZE = /^(\d+(?:\.\d+)?)([a-z]*)$/i
const DURATION = /^(?:\d+(?:\.\d+)?(?:us|ms|s|m|h|d|w))+$/
const DURATION_PART = /(\d+(?:\.\d+)?)(us|ms|s|m|h|d|w)/g

/** Parses `'64mb'` as bytes, rounded down; undefined: not a size, or above 2^53. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text.trim())
  if (!match) return undefined
  const unit = SIZE_UNITS.get(match[2].toLowerCase())
  if (unit === undefined) return undefined
  const bytes = Math.floor(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** The same, and `'5%'` is -5, as in Redis; percentages are not bounded. */
export function parseSizeOrPercent(text: string): number | undefined {
  const percent = /^(\d{1,15})%$/.exec(text)
  // Not -0.
  return percent ? 0 - Number(percent[1]) : parseSize(text)
}

/**
 * Parses `'5m'`, `'250ms'` or `'1h30m'` as milliseconds (`'500us'` is a fraction); undefined: not a duration. A number
 * without a unit is not a duration: its unit depends on the setting.
 */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim()
  if (!DURATION.test(trimmed)) return undefined
  let ms = 0
  for (const [, amount, unit] of trimmed.matchAll(DURATION_PART)) {
    ms += Number(amount) * DURATION_UNITS.get(unit)!
  }
  return ms <= Number.MAX_SAFE_INTEGER ? ms : undefined
}

/** The same, and a number without a unit is milliseconds: `'250'` is `'250ms'`. */
export function parseMilliseconds(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : parseDuration(text)
}

/** Formats bytes in the largest unit of which there is at least one, with at most two decimals: `'1.5gb'`. */
export function formatSize(bytes: number): string {
  for (const unit of ['tb', 'gb', 'mb', 'kb']) {
    const size = SIZE_UNITS.get(unit)!
    if (bytes >= size) return `${Number((bytes / size).toFixed(2))}${unit}`
  }
  return `${bytes}b`
}

/** A negative number is a percentage. */
export function formatSizeOrPercent(value: number): string {
  return value < 0 ? `${-value}%` : formatSize(value)
}

/** Formats milliseconds exactly, the largest unit first: `'1h30m'`; `'0ms'` for zero. */
export function formatDuration(ms: number): string {
  let text = ''
  let rest = Math.floor(ms)
  for (const unit of ['d', 'h', 'm', 's', 'ms']) {
    const length = DURATION_UNITS.get(unit)!
    const amount = Math.floor(rest / length)
    rest -= amount * length
    if (amount > 0) text += `${amount}${unit}`
  }
  const micros = Math.round((ms - Math.floor(ms)) * 1000)
  if (micros > 0) text += `${micros}us`
  return text === '' ? '0ms' : text
}
