// Writes metrics as text: the format of Prometheus (0.0.4), and OpenMetrics (1.0.0).

/*
 * No library is used: libraries count themselves (`inc`, `observe`). Here the counters exist already, some in
 * histograms of another shape, and only have to be written: 100 groups are more than ten thousand lines.
 */

import type { Exemplar } from '../../telemetry/exemplars.ts'
import type { Metric, Observed, Samples } from './metric.ts'

export type MetricsFormat = 'prometheus' | 'openmetrics'

export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The format that a client prefers: OpenMetrics only if it names that, and no other text more (RFC 9110, 12.5.1). */
export function formatFor(accept = ''): MetricsFormat {
  const open = qualityOf('application/openmetrics-text', accept)
  return open > 0 && open >= qualityOf('text/plain', accept) ? 'openmetrics' : 'prometheus'
}

/** The greatest quality with which a media type is accepted; 0: it is not named. */
function qualityOf(type: string, accept: string): number {
  const qualities = accept
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(([name]) => name === type)
    .map(([, ...parameters]) => parameters.find((each) => each.startsWith('q='))?.slice(2) ?? '1')
  return Math.max(0, ...qualities.map((text) => Number(text) || 0))
}

/** The units that are a suffix of a name. */
const UNIT = /_(seconds|bytes)$/

/** A subject, and its labels as text: `group="users"`; empty: none. */
export interface LabelledSubject<Subject> {
  readonly subject: Subject
  readonly labels: string
}

export class MetricsText implements Samples {
  readonly #format: MetricsFormat
  readonly #lines: string[] = []
  /** The labels of the current subject. */
  #labels = ''
  #name = ''

  constructor(format: MetricsFormat) {
    this.#format = format
  }

  /** Writes a metric of all these subjects. */
  write<Subject>(metric: Metric<Subject>, subjects: readonly LabelledSubject<Subject>[]): void {
    const before = this.#lines.length
    this.#head(metric)
    const first = this.#lines.length
    this.#name = metric.name
    for (const { subject, labels } of subjects) {
      this.#labels = labels
      metric.read(subject, this)
    }
    // No subject has this metric now.
    if (this.#lines.length === first) this.#lines.length = before
  }

  add(value: number, labels = ''): void {
    this.#lines.push(`${this.#name}${braced(joined(this.#labels, labels))} ${number(value)}`)
  }

  histogram({ limits, counts, count, sum, exemplars }: Observed, labels = ''): void {
    const own = joined(this.#labels, labels)
    const name = this.#name
    const prefix = `${name}_bucket{${own === '' ? '' : `${own},`}le="`
    const shown = this.#format === 'openmetrics' ? exemplars : undefined
    const texts = limitTexts(limits, this.#format)
    for (let i = 0; i < limits.length; i++)
      this.#lines.push(prefix + texts[i] + number(counts[i]) + exemplarText(shown?.[i]))
    this.#lines.push(
      `${prefix}+Inf"} ${number(count)}${exemplarText(shown?.[limits.length])}`,
      `${name}_sum${braced(own)} ${number(sum)}`,
      `${name}_count${braced(own)} ${number(count)}`,
    )
  }

  /** The text so far. */
  end(): string {
    return `${this.#lines.join('\n')}\n${this.#format === 'openmetrics' ? '# EOF\n' : ''}`
  }

  #head({ name, type, help }: Metric<never>): void {
    if (this.#format === 'prometheus') {
      const shown = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
      this.#lines.push(`# HELP ${name} ${shown}`, `# TYPE ${name} ${type === 'info' ? 'gauge' : type}`)
      return
    }
    // The family's name is without the suffix of its samples.
    const family =
      type === 'counter' ? name.replace(/_total$/, '') : type === 'info' ? name.replace(/_info$/, '') : name
    this.#lines.push(`# TYPE ${family} ${type}`)
    const [, unit] = UNIT.exec(family) ?? []
    if (unit !== undefined) this.#lines.push(`# UNIT ${family} ${unit}`)
    this.#lines.push(
      `# HELP ${family} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}`,
    )
  }
}

/** Limits as text, by format: they are constant, and to write a fraction takes as long as the rest of its line. */
const LIMIT_TEXTS: Readonly<Record<MetricsFormat, WeakMap<readonly number[], readonly string[]>>> = {
  prometheus: new WeakMap(),
  openmetrics: new WeakMap(),
}

/** What stands between the name of a bucket's label and its count. */
function limitTexts(limits: readonly number[], format: MetricsFormat): readonly string[] {
  let texts = LIMIT_TEXTS[format].get(limits)
  if (texts === undefined) {
    // OpenMetrics writes limits as floating point numbers.
    const suffix = (limit: number) => (format === 'openmetrics' && Number.isInteger(limit) ? '.0' : '')
    texts = limits.map((limit) => `${limit}${suffix(limit)}"} `)
    LIMIT_TEXTS[format].set(limits, texts)
  }
  return texts
}

/** The exemplar after the count of a bucket (OpenMetrics 1.0.0, "Exemplars"). */
function exemplarText(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return ''
  const { traceId, spanId, micros, at } = exemplar
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${micros / 1e6} ${at / 1000}`
}

function joined(first: string, second: string): string {
  if (first === '') return second
  return second === '' ? first : `${first},${second}`
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function number(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
