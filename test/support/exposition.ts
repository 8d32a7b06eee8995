// A strict parser of the text formats of metrics, with the checks of `promtool check metrics`.

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly exemplar?: Exemplar
}

interface Exemplar {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly at: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly unit: string | undefined
  readonly samples: readonly Sample[]
}

export type Format = 'prometheus' | 'openmetrics'

type Draft = { -readonly [Field in keyof Family]: Family[Field] } & { samples: Sample[] }

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/
const VALUE = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/
/** Suffixes of names that are not base units. */
const OTHER_UNITS = /_(ms|milliseconds|millis|micros|microseconds|us|minutes|kilobytes|kb|mb|percent)(_|$)/

/** @throws Error naming the first line, or the metric, that is wrong */
export function parseExposition(text: string, format: Format): Map<string, Family> {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error('the last line has no end')
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('no # EOF at the end')
  const families = new Map<string, Draft>()
  const series = new Set<string>()
  let current: Draft | undefined
  const familyOf = (name: string, line: string): Draft => {
    if (current?.name === name) return current
    if (families.has(name)) throw new Error(`the lines of ${name} are not together: ${line}`)
    current = { name, type: '', help: '', unit: undefined, samples: [] }
    families.set(name, current)
    return current
  }
  for (const line of lines) {
    const comment = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line)
    if (comment !== null) {
      const [, kind, name, rest] = comment
      const family = familyOf(name, line)
      if (family.samples.length > 0) throw new Error(`after samples: ${line}`)
      const field = kind.toLowerCase() as 'help' | 'type' | 'unit'
      if (family[field]) throw new Error(`twice: ${line}`)
      family[field] = rest
    } else {
      const sample = sampleOf(line, format)
      if (current === undefined || !isOf(current, sample.name, format))
        throw new Error(`a sample without a head: ${line}`)
      const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`
      if (series.has(key)) throw new Error(`twice: ${line}`)
      series.add(key)
      current.samples.push(sample)
    }
  }
  for (const family of families.values()) check(family, format)
  return families
}

/** OpenMetrics: behind the value of a bucket. At most 128 characters of names and values of labels. */
const EXEMPLAR = /^(.*) # (\{.*\} \S+) (\d+(?:\.\d+)?)$/

function sampleOf(whole: string, format: Format): Sample {
  const [, own, text, at] = EXEMPLAR.exec(whole) ?? []
  if (own === undefined) return plainSampleOf(whole)
  const wrong = (why: string): Error => new Error(`${why}: ${whole}`)
  const sample = plainSampleOf(own)
  if (format !== 'openmetrics' || !sample.name.endsWith('_bucket')) throw wrong('an exemplar')
  const { labels, value } = plainSampleOf(`exemplar${text}`)
  if (Object.entries(labels).flat().join('').length > 128) throw wrong('an exemplar that is too long')
  if (value > Number(sample.labels.le?.replace('Inf', 'Infinity')))
    throw wrong('an exemplar of another bucket')
  return { ...sample, exemplar: { labels, value, at: Number(at) } }
}

function plainSampleOf(line: string): Sample {
  const wrong = (why: string): Error => new Error(`${why}: ${line}`)
  const [name] = NAME.exec(line) ?? []
  if (name === undefined) throw wrong('no name')
  let rest = line.slice(name.length)
  const labels: Record<string, string> = {}
  if (rest.startsWith('{')) {
    rest = rest.slice(1)
    while (!rest.startsWith('}')) {
      const [label] = LABEL.exec(rest) ?? []
      if (label === undefined || Object.hasOwn(labels, label)) throw wrong('a label')
      const value = /^="((?:[^"\\\n]|\\[\\"n])*)"/.exec(rest.slice(label.length))
      if (value === null) throw wrong(`the value of ${label}`)
      labels[label] = value[1].replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
      rest = rest.slice(label.length + value[0].length)
      if (rest.startsWith(',')) rest = rest.slice(1)
      else if (!rest.startsWith('}')) throw wrong(`after ${label}`)
    }
    rest = rest.slice(1)
  }
  const value = rest.slice(1)
  if (rest[0] !== ' ' || !VALUE.test(value)) throw wrong('the value')
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) }
}

/** Whether a sample of this name belongs to a family. */
function isOf({ name, type }: Draft, sample: string, format: Format): boolean {
  const suffix = sample.startsWith(name) ? sample.slice(name.length) : undefined
  if (type === 'histogram') return suffix === '_bucket' || suffix === '_sum' || suffix === '_count'
  if (format === 'openmetrics' && type === 'counter') return suffix === '_total'
  if (format === 'openmetrics' && type === 'info') return suffix === '_info'
  return suffix === ''
}

function check(family: Draft, format: Format): void {
  const { name, type, help, unit, samples } = family
  const wrong = (why: string): Error => new Error(`${name}: ${why}`)
  if (help === '') throw wrong('no HELP')
  const types = ['counter', 'gauge', 'histogram', ...(format === 'openmetrics' ? ['info'] : [])]
  if (!types.includes(type)) throw wrong(`type ${type}`)
  if (samples.length === 0) throw wrong('no samples')
  if (OTHER_UNITS.test(name)) throw wrong('not a base unit')
  if (format === 'prometheus' && (type === 'counter') !== name.endsWith('_total')) throw wrong('_total')
  if (format === 'openmetrics' && name.endsWith('_total')) throw wrong('_total in the name of a family')
  if (unit !== undefined && !name.endsWith(`_${unit}`)) throw wrong(`unit ${unit}`)
  if (type !== 'histogram') {
    if (samples.some(({ labels }) => 'le' in labels)) throw wrong('le')
    if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) throw wrong('a negative counter')
    return
  }
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const { le, ...labels } = sample.labels
    if ((le !== undefined) !== sample.name.endsWith('_bucket')) throw wrong('le')
    const key = JSON.stringify(labels)
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const group of groups.values()) {
    const buckets = group.filter(({ name }) => name.endsWith('_bucket'))
    const total = (suffix: string): number | undefined =>
      group.find((sample) => sample.name === `${name}${suffix}`)?.value
    for (const [i, { labels, value }] of buckets.entries()) {
      const limit = (le: string): number => Number(le.replace('Inf', 'Infinity'))
      if (i > 0 && limit(labels.le) <= limit(buckets[i - 1].labels.le)) throw wrong('limits do not ascend')
      if (i > 0 && value < buckets[i - 1].value) throw wrong('buckets are not cumulative')
    }
    if (buckets.at(-1)?.labels.le !== '+Inf') throw wrong('no +Inf')
    if (total('_count') !== buckets.at(-1)?.value) throw wrong('_count')
    if (!(total('_sum')! >= 0)) throw wrong('_sum')
  }
}

/** The value of a series, by its name and some of its labels. */
export function sampled(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  for (const { samples } of families.values())
    for (const sample of samples)
      if (
        sample.name === name &&
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
      )
        return sample.value
  return undefined
}
