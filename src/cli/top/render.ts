// The screen of `erinys top`: pure text, from two samples of each node.

import type { GroupSample, HotKeySample, NodeSample, SlowSample } from './sample.ts'

/** The last two samples of a node; `undefined`: it has not answered (yet). */
export interface Watched {
  readonly address: string
  readonly before: NodeSample | undefined
  readonly now: NodeSample | undefined
  /** Why it does not answer. */
  readonly problem: string | undefined
}

export interface ScreenOptions {
  readonly columns: number
  /** The most lines; `undefined`: as many as there are. */
  readonly rows: number | undefined
  /** The time of day. */
  readonly time: Date
  readonly hasColor: boolean
}

const HOT_KEYS = 8
const SLOW_ENTRIES = 5

/** A column of a table: its title, and whether it has numbers. */
type Column = readonly [title: string, isNumber?: boolean]

export function screenOf(nodes: readonly Watched[], options: ScreenOptions): string[] {
  const { columns, rows, time } = options
  const bold = (text: string): string => (options.hasColor ? `\x1b[1m${text}\x1b[0m` : text)
  const living = nodes.filter(({ now }) => now !== undefined)
  const version = living[0]?.now?.info.erinys_version ?? ''
  const title = `erinys ${version} · ${nodes.length === 1 ? nodes[0].address : `${nodes.length} nodes`}`
  const clock = time.toTimeString().slice(0, 8)
  const sections: [heading: Column[], lines: string[][]][] = [
    [NODE_COLUMNS, nodes.map(nodeLine)],
    [GROUP_COLUMNS, groupLines(living)],
    [HOT_COLUMNS, hotKeysOf(nodes).map(hotLine)],
    [SLOW_COLUMNS, slowOf(nodes).map(slowLine)],
  ]
  const lines = [spread(title, clock, columns)]
  for (const [heading, cells] of sections) {
    if (cells.length === 0) continue
    const [first, ...rest] = tableOf(heading, cells)
    lines.push('', bold(cut(first, columns)), ...rest.map((line) => cut(line, columns)))
  }
  return rows === undefined ? lines : lines.slice(0, rows)
}

const NODE_COLUMNS: Column[] = [
  ['NODE'],
  ['STATE'],
  ['CLIENTS', true],
  ['CMD/S', true],
  ['READS/S', true],
  ['HITS', true],
  ['LOADS/S', true],
  ['CPU', true],
  ['MEMORY', true],
  ['RSS', true],
  ['SLOTS', true],
  ['UP', true],
]

function nodeLine({ address, before, now, problem }: Watched): string[] {
  if (now === undefined) return [address, problem ?? 'asking…', ...Array(NODE_COLUMNS.length - 2).fill('')]
  const { info, groups } = now
  const used = sum(groups, 'bytes')
  const budget = sum(groups, 'max_bytes')
  return [
    address,
    problem ??
      (info.cluster_state === 'fail'
        ? 'not ready'
        : info.cluster_problem === 'none' || info.cluster_problem === undefined
          ? 'ok'
          : 'problem'),
    info.connected_clients ?? '',
    perSecond(before, now, ({ info }) => Number(info.total_commands_processed)),
    ...readCells(before, now, undefined),
    percentText(rateOf(before, now, ({ info }) => Number(info.used_cpu_sys) + Number(info.used_cpu_user))),
    `${bytesText(used)}/${bytesText(budget)}`,
    bytesText(Number(info.used_memory_rss)),
    info.cluster_slots_owned ?? '',
    durationText(Number(info.uptime_in_seconds)),
  ]
}

const GROUP_COLUMNS: Column[] = [
  ['GROUP'],
  ['BREAKER'],
  ['READS/S', true],
  ['HITS', true],
  ['LOADS/S', true],
  ['FAILED/S', true],
  ['P50', true],
  ['P99', true],
  ['RUN', true],
  ['QUEUE', true],
  ['KEYS', true],
  ['MEMORY', true],
]

/** Groups have the same names on all nodes: their figures are added up. */
function groupLines(nodes: readonly Watched[]): string[][] {
  const names = [...new Set(nodes.flatMap(({ now }) => now?.groups.map(({ name }) => name) ?? []))]
  return names.map((name) => {
    const each = nodes.flatMap(({ now }) => now?.groups.filter((group) => group.name === name) ?? [])
    const both = nodes.map(({ before, now }) => [before, now] as const)
    const [reads, spared, loads] = readCellsOf(both, name)
    const failed = total(both, name, ['load_failures'])
    return [
      name,
      worstBreaker(each),
      reads,
      spared,
      loads,
      failed === undefined ? '' : rateText(failed),
      `${Math.max(...each.map(({ figures }) => figures.load_p50_ms))} ms`,
      `${Math.max(...each.map(({ figures }) => figures.load_p99_ms))} ms`,
      String(sum(each, 'origin_active')),
      String(sum(each, 'origin_waiting')),
      countText(sum(each, 'keys')),
      `${bytesText(sum(each, 'bytes'))}/${bytesText(sum(each, 'max_bytes'))}`,
    ]
  })
}

const HOT_COLUMNS: Column[] = [['HOT KEY'], ['GROUP'], ['/S', true], ['SHARE', true], ['NODE']]

function hotKeysOf(nodes: readonly Watched[]): HotKeySample[] {
  // Any node of a cluster answers for all: the first answer is enough.
  const found = nodes.find(({ now }) => now !== undefined)?.now?.hotKeys ?? []
  return [...found].sort((a, b) => b.rate - a.rate).slice(0, HOT_KEYS)
}

function hotLine({ group, key, rate, percent, node }: HotKeySample): string[] {
  return [shown(key), group, countText(rate), `${percent} %`, node]
}

const SLOW_COLUMNS: Column[] = [['SLOW'], ['TOOK', true], ['NODE'], ['COMMAND']]

function slowOf(nodes: readonly Watched[]): (SlowSample & { readonly node: string })[] {
  return nodes
    .flatMap(({ address, now }) => now?.slow.map((entry) => ({ ...entry, node: address })) ?? [])
    .sort((a, b) => b.second - a.second)
    .slice(0, SLOW_ENTRIES)
}

function slowLine({ second, micros, command, node }: SlowSample & { readonly node: string }): string[] {
  const time = new Date(second * 1000).toTimeString().slice(0, 8)
  return [time, micros < 10_000 ? `${micros} µs` : `${Math.round(micros / 1000)} ms`, node, shown(command)]
}

type Pair = readonly [before: NodeSample | undefined, now: NodeSample | undefined]

function readCells(before: NodeSample | undefined, now: NodeSample, group: string | undefined): string[] {
  return readCellsOf([[before, now]], group)
}

/** Reads, the part of them that needed no load, and loads. */
function readCellsOf(pairs: readonly Pair[], group: string | undefined): string[] {
  const reads = total(pairs, group, ['hits', 'negative_hits', 'misses'])
  const spared = total(pairs, group, ['hits', 'negative_hits'])
  const loads = total(pairs, group, ['loads'])
  return [
    reads === undefined ? '' : rateText(reads),
    reads === undefined || spared === undefined || reads === 0 ? '' : percentText(spared / reads),
    loads === undefined ? '' : rateText(loads),
  ]
}

/** The sum of the rates of these fields; `undefined`: no node has answered twice. */
function total(
  pairs: readonly Pair[],
  group: string | undefined,
  fields: readonly string[],
): number | undefined {
  const count = ({ groups }: NodeSample): number =>
    groups
      .filter(({ name }) => group === undefined || name === group)
      .reduce((all, { figures }) => all + fields.reduce((part, field) => part + (figures[field] ?? 0), 0), 0)
  const rates = pairs.flatMap(([before, now]) => (now === undefined ? [] : [rateOf(before, now, count)]))
  const known = rates.filter((rate) => rate !== undefined)
  return known.length === 0 ? undefined : known.reduce((all, rate) => all + rate, 0)
}

/** A counter that was reset counts from 0. */
function rateOf(
  before: NodeSample | undefined,
  now: NodeSample,
  of: (sample: NodeSample) => number,
): number | undefined {
  if (before === undefined || now.at <= before.at) return undefined
  const increase = of(now) - of(before)
  return ((increase < 0 ? of(now) : increase) * 1000) / (now.at - before.at)
}

function perSecond(
  before: NodeSample | undefined,
  now: NodeSample,
  of: (sample: NodeSample) => number,
): string {
  const rate = rateOf(before, now, of)
  return rate === undefined ? '' : rateText(rate)
}

function worstBreaker(groups: readonly GroupSample[]): string {
  const states = groups.map(({ breaker }) => breaker)
  return ['open', 'half-open', 'closed', 'none'].find((state) => states.includes(state)) ?? ''
}

function sum(groups: readonly GroupSample[], field: string): number {
  return groups.reduce((all, { figures }) => all + (figures[field] ?? 0), 0)
}

/** Columns as wide as their widest cell; the last one may be cut. */
function tableOf(heading: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = heading.map(([title], i) => Math.max(title.length, ...rows.map((row) => row[i].length)))
  return [heading.map(([title]) => title), ...rows].map((row) =>
    row
      .map((cell, i) => (heading[i][1] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  )
}

function spread(left: string, right: string, columns: number): string {
  return `${left}${' '.repeat(Math.max(2, columns - left.length - right.length))}${right}`
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`
}

/** Control characters would move the cursor of the terminal. */
function shown(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 79)}…` : text
  return short.replace(/\p{C}/gu, '?')
}

function countText(value: number): string {
  if (value < 10_000) return String(Math.round(value))
  return value < 1e6 ? `${(value / 1000).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`
}

function rateText(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : countText(value)
}

function percentText(value: number | undefined): string {
  return value === undefined ? '' : `${(value * 100).toFixed(value >= 0.9995 ? 0 : 1)} %`
}

function bytesText(value: number): string {
  let size = value
  for (const unit of ['B', 'K', 'M', 'G']) {
    if (size < 1024) return `${unit === 'B' || size >= 100 ? Math.round(size) : size.toFixed(1)}${unit}`
    size /= 1024
  }
  return `${size.toFixed(1)}T`
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}
