// Results of the eviction benchmark as Markdown; without results, an empty table.

import { count, figure, NONE } from '../format.ts'
import { table } from '../reference.ts'
import type { EvictionResults, EvictionRow } from './figures.ts'
import { RESIDENT_VALUE_BYTES } from './resident.ts'

const HEAD = ['Trace', 'Capacity', 'lru', 'optimum']

export function evictionSection(results: EvictionResults | undefined): string {
  if (results === undefined) {
    const caption = '(`npm run bench -- eviction`, then `npm run docs`: not measured yet.)'
    return `${table(HEAD, [HEAD.map(() => NONE)])}\n\n${caption}`
  }
  const { rows, cpuNanos, costs, resident, command, conditions } = results
  const own = Object.keys(cpuNanos)
  const reference = Object.keys(rows[0]?.reference ?? {})
  const head = ['Trace', 'Capacity', ...own, ...reference.map((name) => `*${name}*`), 'optimum']
  return [
    '![Hit ratios of the eviction policies](../bench/results/eviction.svg)',
    table(
      head,
      rows.map((row) => [
        row.trace,
        capacity(row),
        ...own.map((name) => percent(row.own[name])),
        ...reference.map((name) => percent(row.reference[name])),
        percent(row.optimum),
      ]),
    ),
    `CPU time per access, over all rows: ${own.map((name) => `${name} ${Math.round(cpuNanos[name])} ns`).join(', ')}.`,
    ...costSection(costs, own),
    ...residentSection(resident, own),
    `(\`${command}\`: ${Object.values(conditions).join('; ')}.)`,
  ].join('\n\n')
}

function capacity({ distinct, share, isSized }: EvictionRow): string {
  const part = `${100 * share} %`
  return isSized ? `${part} of the bytes` : `${part} (${count(Math.max(1, Math.floor(distinct * share)))})`
}

function costSection(costs: EvictionResults['costs'], own: readonly string[]): string[] {
  if (costs === undefined) return []
  return [
    "Load time that is saved, as a share of that without a cache: plain → with `evictionCost: 'load-time'`. Sizes and load times are made, and vary by a factor of e in a standard deviation.",
    table(
      ['Trace', 'Load times', 'Capacity', ...own],
      costs.map(({ trace, kind, share, plain, loadTime }) => [
        trace,
        kind,
        `${100 * share} % of the bytes`,
        ...own.map((name) => `${savedPart(plain[name])} → ${savedPart(loadTime[name])}`),
      ]),
    ),
  ]
}

function residentSection(resident: EvictionResults['resident'], own: readonly string[]): string[] {
  if (resident === undefined) return []
  return [
    `Resident memory per entry, with a key of 16 and a value of ${RESIDENT_VALUE_BYTES} bytes, and of it what the policy counts beside the entries:`,
    table(
      ['', ...own],
      [
        ['Entries in the same budget', ...own.map((name) => count(resident[name].entries))],
        ['Resident bytes', ...own.map((name) => figure(resident[name].bytesPerEntry, 1, ''))],
        ['Of the policy', ...own.map((name) => figure(resident[name].ownPerEntry, 1, ''))],
      ],
    ),
  ]
}

function savedPart(share: number): string {
  return figure(100 * share, 1, ' %')
}

function percent(hits: number | undefined): string {
  return figure(hits === undefined ? undefined : 100 * hits, 2, ' %')
}
