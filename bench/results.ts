// Results of the server and memory benchmarks as Markdown tables; without results, empty tables.

import {
  type Cell,
  nodesOf,
  programsOf,
  SERVER_GOALS,
  type ServerResults,
  type ServerRow,
} from './figures.ts'
import { count, figure, NONE, perSecond, times, withGoal } from './format.ts'
import type { LatencyRow, MemoryResults, MemoryRow } from './memory.ts'
import { table } from './reference.ts'

const OURS = 'erinys'
const THEIRS = 'redis'

/** Throughput and CPU time per operation of each server for each load; then both relative to redis in the same run. */
export function serverSection(results: ServerResults | undefined): string {
  const depths = [1, 16, 64]
  const head = ['Load', 'Server', ...depths.map((depth) => `P = ${depth}`)]
  const caption = source('npm run bench -- server', results, results && `medians of ${results.rounds} rounds`)
  if (results === undefined) return `${table(head, [head.map(() => NONE)])}\n\n${caption}`
  const { cells, servers } = results
  const rowsOf = (
    shown: readonly ServerRow[],
    show: (cell: Cell | undefined, server: ServerRow) => string,
  ): string[][] =>
    [...groupBy(cells, ({ workload }) => workload)].flatMap(([workload, ofLoad]) =>
      shown
        .filter(({ name }) => ofLoad.some(({ server }) => server === name))
        .map((server) => [
          workload,
          server.name,
          ...depths.map((depth) =>
            show(
              ofLoad.find((cell) => cell.server === server.name && cell.depth === depth),
              server,
            ),
          ),
        ]),
    )
  const { oldest, newest } = nodesOf(servers)
  const ratios = (cell: Cell | undefined, server: ServerRow): string => {
    if (cell?.throughputRatio === undefined) return NONE
    const { workload, depth, throughputRatio, cpuRatio } = cell
    const goals =
      server === newest ? SERVER_GOALS.newest : server === oldest ? SERVER_GOALS.oldest : undefined
    const shown = times(throughputRatio)
    const min = goals?.[workload][depth]
    const throughput = min === undefined ? shown : withGoal(shown, throughputRatio, { min })
    return `${throughput}; ${times(cpuRatio)} CPU`
  }
  const compared = servers.filter(({ name }) => name !== THEIRS)
  return [
    '![Operations per second and CPU time per operation](../bench/results/server.svg)',
    table(head, rowsOf(servers, rate)),
    `Relative to ${THEIRS}, medians of the ratios within a round: throughput, and CPU time per operation.`,
    table(head, rowsOf(compared, ratios)),
    caption,
  ].join('\n\n')
}

/** Bytes per entry, pauses, latency with many entries, and resident memory at a full budget. */
export function memorySection(results: MemoryResults | undefined): string {
  const names = results?.servers.map(({ name }) => name) ?? [OURS, THEIRS]
  const head = ['Entries', 'Value', ...names.map((name) => `${name}, per entry`), `${OURS} / ${THEIRS}`]
  const pauses = names.map((name) => `${name}, longest PING meanwhile`)
  const whole = [...head, ...pauses]
  const caption = source('npm run bench -- memory', results)
  if (results === undefined) return `${table(whole, [whole.map(() => NONE)])}\n\n${caption}`
  const { rows, latency, budget, growth } = results
  const fillings = groupBy(rows, ({ entries, valueBytes }) => `${count(entries)} ${valueBytes} B`)
  const filled = [...fillings.values()].map((ofOne) => {
    const of = (name: string): MemoryRow | undefined => ofOne.find(({ server }) => server === name)
    const { entries, valueBytes } = ofOne[0]
    const bytes = names.map((name) => figure(of(name)?.bytesPerEntry, 1, ' B'))
    const pings = names.map((name) => figure(of(name)?.longestPing, 1, ' ms'))
    return [count(entries), `${valueBytes} B`, ...bytes, times(of(OURS)?.ratio), ...pings]
  })
  return [
    table(whole, filled),
    latencyTable(latency),
    `A group of ${count(budget.budgetBytes / 2 ** 20)} MiB that was filled over and over with values of changing size: ` +
      `${budget.ratio.toFixed(3)} × its budget resident. A store that grows to ${count(growth.entries)} entries ` +
      `and ${growth.gib.toFixed(2)} GiB: the longest single write took ${growth.longestPutMs.toFixed(2)} ms, ` +
      `${count(growth.over2ms)} took more than 2 ms.`,
    caption,
  ].join('\n\n')
}

function latencyTable(rows: readonly LatencyRow[]): string {
  return table(
    ['Under load', 'Entries', 'Operations', 'p50', 'p99', 'p99.9', 'longest'],
    rows.map(({ server, entries, opsPerSecond, p50, p99, p999, max }) => {
      const times = [p50, p99, p999, max].map((ms) => figure(ms, 2, ' ms'))
      return [server, count(entries), perSecond(opsPerSecond), ...times]
    }),
  )
}

/** The source of figures: the command, the versions, the machine, the day. */
function source(command: string, results: ServerResults | MemoryResults | undefined, more = ''): string {
  if (results === undefined) return `(\`${command}\`, then \`npm run docs\`: not measured yet.)`
  const versions = programsOf(results.servers)
  const where = Object.values(results.conditions).join('; ')
  return `(\`${results.command}\`: ${[versions, where, more].filter((part) => part !== '').join('; ')}.)`
}

function rate(cell: Cell | undefined): string {
  return cell === undefined ? NONE : `${perSecond(cell.opsPerSecond)}, ${cell.cpuMicros.toFixed(2)} µs`
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): ReadonlyMap<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}
