// Whose latency is recorded: the commands, and the loads and writes of each group's origin.

import type { Histogram } from '../../telemetry/histogram.ts'
import type { Host } from '../spec/host.ts'

export interface TimedCalls {
  /** A command, or `origin-load|users`. */
  readonly name: string
  readonly calls: number
  /** `undefined`: nothing is recorded. */
  readonly histogram: Histogram | undefined
}

export function timedCalls({ telemetry, groups }: Host): readonly TimedCalls[] {
  const origins = groups.flatMap(({ name, originCalls: { loads, stores } }): TimedCalls[] => [
    { name: `origin-load|${name}`, calls: loads.count, histogram: loads },
    { name: `origin-store|${name}`, calls: stores.count, histogram: stores },
  ])
  return [...telemetry.commands, ...origins.filter(({ calls }) => calls > 0)]
}
