// Figures as short text of constant width.

const NONE = '–'

/** `null`, `undefined`: not known. */
type Figure = number | null | undefined

function isFigure(value: Figure): value is number {
  return Number.isFinite(value)
}

/** 1234567 → '1.23M'; below 1000 as it is. */
export function count(value: Figure): string {
  if (!isFigure(value)) return NONE
  return scaled(value, 1000, ['', 'k', 'M', 'G', 'T'])
}

/** Per second: below 10 with a decimal. */
export function rate(value: Figure): string {
  if (!isFigure(value)) return NONE
  if (value === 0) return '0'
  return value < 10 ? value.toFixed(1) : count(Math.round(value))
}

/** 1536 → '1.5 KB', in powers of 1024. */
export function bytes(value: Figure): string {
  if (!isFigure(value)) return NONE
  return scaled(value, 1024, [' B', ' KB', ' MB', ' GB', ' TB'])
}

/** 0.9876 → '98.8 %'. */
export function percent(value: Figure): string {
  if (!isFigure(value)) return NONE
  const hundredths = value * 100
  return `${hundredths >= 99.95 || hundredths === 0 ? hundredths.toFixed(0) : hundredths.toFixed(1)} %`
}

/** Seconds as a duration of the unit that fits: '12 ms', '1.5 s', '3 h'. */
export function seconds(value: Figure): string {
  if (!isFigure(value)) return NONE
  if (value === 0) return '0 ms'
  if (value < 0.001) return `${Math.round(value * 1e6)} µs`
  if (value < 0.01) return `${(value * 1000).toFixed(1)} ms`
  if (value < 1) return `${Math.round(value * 1000)} ms`
  if (value < 10) return `${value.toFixed(1)} s`
  if (value < 120) return `${Math.round(value)} s`
  if (value < 7200) return `${Math.round(value / 60)} min`
  if (value < 172_800) return `${Math.round(value / 3600)} h`
  return `${Math.round(value / 86_400)} d`
}

/** The same of milliseconds. */
export function millis(value: Figure): string {
  return isFigure(value) ? seconds(value / 1000) : NONE
}

/** How long ago a time was, both in ms. */
export function ago(at: number, now: number): string {
  const since = (now - at) / 1000
  return since < 1 ? 'now' : `${seconds(Math.floor(since))} ago`
}

/** The time of day of a time in ms. */
export function clock(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour12: false })
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let size = value
  let i = 0
  while (Math.abs(size) >= step && i < units.length - 1) {
    size /= step
    i++
  }
  const text =
    i === 0
      ? String(Math.round(size * 10) / 10)
      : size >= 100
        ? size.toFixed(0)
        : size.toFixed(size >= 10 ? 1 : 2)
  return `${text}${units[i]}`
}

/** The longest text of a message or question, in characters: keys may be 512 MB long. */
const MAX_SHORT = 200

/** A text that may be long, with its middle left out. */
export function short(text: string): string {
  return text.length <= MAX_SHORT ? text : `${text.slice(0, MAX_SHORT - 40)}…${text.slice(-39)}`
}
