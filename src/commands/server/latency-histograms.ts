// The latency histograms: of the commands, and of the loads and writes of each group's origin.

import type { Histogram } from '../../telemetry/histogram.ts'
import type { Host } from '../spec/host.ts'

export interface TimedCalls {
  /** A command, or `origin-load|users`. */
  readonly name: string
  readonly calls: number
  readonly histogram: Histogram
}

/** Those of which a latency is recorded. */
export function timedCalls({ telemetry, groups }: Host): readonly TimedCalls[] {
  const commands = telemetry.commands.flatMap(({ name, calls, histogram }): TimedCalls[] =>
    histogram === undefined ? [] : [{ name, calls, histogram }],
  )
  const origins = groups.flatMap(({ name, originCalls: { loads, stores } }): TimedCalls[] => [
    { name: `origin-load|${name}`, calls: loads.count, histogram: loads },
    { name: `origin-store|${name}`, calls: stores.count, histogram: stores },
  ])
  return [...commands, ...origins.filter(({ calls }) => calls > 0)]
}
