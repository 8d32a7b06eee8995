// LATENCY DOCTOR and LATENCY GRAPH: latency events as text.

import type { LatencyEvents, LatencySeries } from '../../telemetry/latency-events.ts'

/** Each row of the graph has three steps of height. */
const ROWS = 4
const STEPS = '_o#'
const RULE = '-'.repeat(80)

const ADVICE: ReadonlyMap<string, string> = new Map([
  ['command', 'Look at SLOWLOG GET, and avoid slow commands over many keys: KEYS, large MGET, FLUSHALL.'],
  [
    'fast-command',
    'Constant-time commands were slow: the machine is short of CPU or memory, or values are huge.',
  ],
  ['expire-cycle', 'Many entries expire at the same time: spread their TTLs (jitter).'],
  ['eviction-cycle', 'A budget was made much smaller: do so in steps.'],
  [
    'origin-load',
    'An origin loads slowly: SLOWLOG GET names the keys. Let reads be served stale meanwhile (staleWhileRevalidate, maxWait).',
  ],
  ['origin-store', 'An origin is slow to write: SLOWLOG GET names the keys.'],
])

export function diagnosis({ series, threshold }: LatencyEvents): string {
  if (threshold === 0) {
    return 'Latency monitoring is disabled. Use CONFIG SET latency-monitor-threshold <milliseconds> to enable it.\n'
  }
  if (series.size === 0) return `No event took ${threshold} ms or longer since the last reset.\n`
  const lines = [...series].map(([event, { samples, max }], i) => {
    const sum = samples.reduce((all, { ms }) => all + ms, 0)
    const average = Math.round(sum / samples.length)
    return `${i + 1}. ${event}: ${samples.length} latency spikes (average ${average}ms, worst ${max}ms).`
  })
  const advice = [...series.keys()].flatMap((event) => ADVICE.get(event) ?? [])
  return `${[...lines, '', 'Advice:', ...advice.map((line) => `- ${line}`)].join('\n')}\n`
}

/** Redis's form: a heading, a column per sample, its height the latency, and its age below. */
export function graph(event: string, { samples, max }: LatencySeries, now: number): string {
  const values = samples.map(({ ms }) => ms)
  const high = Math.max(...values)
  const low = Math.min(...values)
  const heading = `${event} - high ${high} ms, low ${low} ms (all time high ${max} ms)`
  const range = Math.max(1, high - low)
  const steps = values.map((ms) => 1 + Math.round(((ms - low) / range) * (ROWS * STEPS.length - 1)))
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const below = (ROWS - 1 - row) * STEPS.length
    return steps.map((height) => column(height - below)).join('')
  })
  const ages = samples.map(({ second }) => age(now - second))
  const longest = Math.max(...ages.map((text) => text.length))
  const labels = Array.from({ length: longest }, (_, i) => ages.map((text) => text[i] ?? ' ').join(''))
  return `${[heading, RULE, ...rows, '', ...labels].map((line) => line.trimEnd()).join('\n')}\n`
}

/** The character of a column in a row that it fills by `height` steps. */
function column(height: number): string {
  if (height <= 0) return ' '
  return height > STEPS.length ? '|' : STEPS[height - 1]
}

function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}
