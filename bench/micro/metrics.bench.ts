// A scrape of /metrics: how long it keeps the event loop busy.

import { Metrics } from '../../src/http/metrics/metrics.ts'
import { RuntimeStats } from '../../src/telemetry/runtime-stats.ts'
import { Harness } from '../../test/support/harness.ts'
import { type MeasureOptions, measure, type Row } from './measure.ts'

export const name = 'metrics'

const GROUPS = 100
/** The approximate number of lines of the text: an operation is one of them. */
const LINES = 6000
const SCRAPE = `scrape of ${GROUPS} groups, per line`

/** Maximum ns per operation: 5 ms for all. */
export const LIMITS: Readonly<Record<string, number>> = { [SCRAPE]: 5e6 / LINES }

export async function run(options: MeasureOptions): Promise<Row[]> {
  const origin = (key: string): string => key
  const governor = { concurrency: 8, queue: 8, retries: 0, backoffMs: 1, breakAfter: 5, breakMs: 1000 }
  const names = Array.from({ length: GROUPS }, (_, i) => `group${i}`)
  const harness = new Harness({
    groups: Object.fromEntries(names.map((group) => [group, { origin, governor, maxBytes: 2 ** 20 }])),
    cluster: { host: '10.0.0.1', port: 7000 },
  })
  await harness.joined
  for (const group of names) {
    await harness.call('SELECT', group)
    for (const key of ['a', 'b', 'a']) await harness.call('GET', key)
  }
  const runtime = new RuntimeStats({ timers: harness.clock, micros: () => performance.now() * 1000 })
  runtime.stop()
  const metrics = new Metrics(harness.host, runtime)
  return measure([{ name: SCRAPE, operations: LINES, run: () => void metrics.text('prometheus') }], options)
}
