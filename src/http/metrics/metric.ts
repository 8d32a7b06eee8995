// A metric as data: its name, type and meaning, and how its samples are read. docs/metrics.md and /metrics derive from
// it.

import type { Exemplar } from '../../telemetry/exemplars.ts'
import type { Histogram } from '../../telemetry/histogram.ts'
import { SIZE_LIMITS, type SizeCounts } from '../../telemetry/size-counts.ts'

/**
 * Names follow the conventions of Prometheus: base units as a suffix (`_seconds`, `_bytes`), and `_total` for counters.
 * An `info` metric is a gauge that is always 1, and whose labels tell something.
 */
type MetricType = 'counter' | 'gauge' | 'histogram' | 'info'

/** Takes the samples of one metric. */
export interface Samples {
  /** @param labels see `labelText`; they follow those of the subject */
  add(value: number, labels?: string): void
  histogram(observed: Observed, labels?: string): void
}

/** The counts of a histogram. */
export interface Observed {
  readonly limits: readonly number[]
  /** How many observations were at most each of the limits. */
  readonly counts: readonly number[]
  readonly count: number
  readonly sum: number
  /** Durations with a trace, by bucket; the last place is for durations above the last limit. */
  readonly exemplars?: readonly (Exemplar | undefined)[] | undefined
}

/** A metric of a subject: a group, a command, or the node. */
export interface Metric<Subject> {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  /** The labels that it adds to those of its subject. */
  readonly labels: readonly string[]
  read(subject: Subject, samples: Samples): void
}

/** `undefined`: the subject has no such figure. */
type Figure<Subject> = (subject: Subject) => number | undefined

export function counter<Subject>(name: string, help: string, of: Figure<Subject>): Metric<Subject> {
  return single(name, 'counter', help, of)
}

export function gauge<Subject>(name: string, help: string, of: Figure<Subject>): Metric<Subject> {
  return single(name, 'gauge', help, of)
}

/** A figure for each value of a label. */
export function byLabel<Subject>(
  type: 'counter' | 'gauge',
  name: string,
  label: string,
  help: string,
  of: (subject: Subject) => Iterable<readonly [value: string, figure: number]>,
): Metric<Subject> {
  return {
    name,
    type,
    help,
    labels: [label],
    read(subject, samples) {
      for (const [value, figure] of of(subject)) samples.add(figure, labelText(label, value))
    },
  }
}

export function info<Subject>(
  name: string,
  help: string,
  labels: readonly string[],
  of: (subject: Subject) => readonly string[],
): Metric<Subject> {
  return {
    name,
    type: 'info',
    help,
    labels,
    read(subject, samples) {
      const values = of(subject)
      samples.add(1, labels.map((label, i) => labelText(label, values[i])).join(','))
    },
  }
}

/** Durations of commands: a hit takes microseconds, a load seconds. In seconds. */
export const COMMAND_SECONDS: readonly number[] = [
  0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

/** Durations that are measured in whole milliseconds. In seconds. */
export const CALL_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

/** A histogram of durations. `undefined`: the subject has none. */
export function durations<Subject>(
  name: string,
  help: string,
  limits: readonly number[],
  of: (subject: Subject) => Histogram | undefined,
): Metric<Subject> {
  return durationsByLabel(name, undefined, help, limits, (subject) => {
    const histogram = of(subject)
    return histogram === undefined ? [] : [['', histogram]]
  })
}

/** A histogram of durations for each value of a label. */
export function durationsByLabel<Subject>(
  name: string,
  label: string | undefined,
  help: string,
  limits: readonly number[],
  of: (subject: Subject) => Iterable<readonly [value: string, histogram: Histogram]>,
): Metric<Subject> {
  const micros = limits.map((seconds) => seconds * 1e6)
  return {
    name,
    type: 'histogram',
    help,
    labels: label === undefined ? [] : [label],
    read(subject, samples) {
      for (const [value, histogram] of of(subject)) {
        const observed = {
          limits,
          counts: histogram.cumulative(micros),
          count: histogram.count,
          sum: histogram.sum / 1e6,
          exemplars: histogram.exemplars(micros),
        }
        samples.histogram(observed, label === undefined ? '' : labelText(label, value))
      }
    },
  }
}

/** A histogram of sizes. `undefined`: the subject has none. */
export function sizes<Subject>(
  name: string,
  help: string,
  of: (subject: Subject) => SizeCounts | undefined,
): Metric<Subject> {
  return {
    name,
    type: 'histogram',
    help,
    labels: [],
    read(subject, samples) {
      const sizes = of(subject)
      if (sizes === undefined) return
      const { count, sum } = sizes
      samples.histogram({ limits: SIZE_LIMITS, counts: sizes.cumulative(), count, sum })
    },
  }
}

/** `name="value"`, with the value escaped as both text formats want it. */
export function labelText(name: string, value: string): string {
  return `${name}="${escaped(value)}"`
}

/** As in the value of a label. */
function escaped(text: string): string {
  return /[\\"\n]/.test(text)
    ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : text
}

function single<Subject>(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  of: Figure<Subject>,
): Metric<Subject> {
  return {
    name,
    type,
    help,
    labels: [],
    read(subject, samples) {
      const value = of(subject)
      if (value !== undefined) samples.add(value)
    },
  }
}
