// The README's table of measured figures: one row for each claim, with the comparison measured in the same run.

import { type ClusterResults, nodesOf, type ServerResults } from './figures.ts'
import { count, figure, NONE, perSecond } from './format.ts'
import type { MemoryResults } from './memory.ts'
import type { OriginResults } from './origins/figures.ts'
import { table } from './reference.ts'

interface Measured {
  readonly conditions: Readonly<Record<string, string>>
}

export interface AllResults {
  readonly server: ServerResults | undefined
  readonly memory: MemoryResults | undefined
  readonly cluster: ClusterResults | undefined
  readonly origins: OriginResults | undefined
}

export function summarySection({ server, memory, cluster, origins }: AllResults): string {
  const rows = [
    ...[1, 16, 64].map((depth) => serverRow(server, depth)),
    ...[1, 16].map((depth) => hopRow(cluster, depth)),
    memoryRow(memory),
    ...stampedeRows(origins),
  ]
  const measured = {
    'GET from memory': server,
    forwarded: cluster,
    'memory per entry': memory,
    misses: origins,
  }
  return `${table(['Measured', 'Erinys', 'Compared with'], rows)}\n\n(${captionOf(measured)}.)`
}

/** When and where: once, if it is the same for all figures. */
function captionOf(measured: Readonly<Record<string, Measured | undefined>>): string {
  const byConditions = new Map<string, string[]>()
  for (const [what, results] of Object.entries(measured)) {
    const { date, cpu, node } = results?.conditions ?? {}
    const where = results === undefined ? 'not measured yet' : [date, cpu, node].join('; ')
    byConditions.set(where, [...(byConditions.get(where) ?? []), what])
  }
  const [first, ...others] = [...byConditions]
  if (others.length === 0) return first[0]
  return [...byConditions].map(([where, whats]) => `${whats.join(', ')}: ${where}`).join('. ')
}

function serverRow(results: ServerResults | undefined, depth: number): string[] {
  const rate = (name: string): string => {
    const cell = results?.cells.find(
      ({ server, workload, depth: own }) => server === name && workload === 'GET' && own === depth,
    )
    return cell === undefined ? NONE : perSecond(cell.opsPerSecond)
  }
  const { oldest, newest } = nodesOf(results?.servers ?? [])
  // With one Node.js, the line below the table names it.
  const labelled = [oldest, newest].flatMap((row) =>
    row?.node === undefined ? [] : [`Node ${row.node.version.split('.')[0]}: ${rate(row.name)}`],
  )
  const ours = newest === undefined ? rate(oldest?.name ?? '') : labelled.join(', ')
  return [`GET from memory, ${pipeline(depth)}`, ours, `Redis: ${rate('redis')}`]
}

function hopRow(results: ClusterResults | undefined, depth: number): string[] {
  const cell = results?.hop?.cells.find(({ command, depth: own }) => command === 'GET' && own === depth)
  const [ours, theirs] = [cell?.ours, cell?.theirs].map((side) =>
    side === undefined ? NONE : perSecond(side.opsPerSecond),
  )
  return [`GET forwarded to its owner, ${pipeline(depth)}`, ours, `twemproxy and Redis: ${theirs}`]
}

function memoryRow(results: MemoryResults | undefined): string[] {
  const entries = 10_000_000
  const bytes = (name: string): string => {
    const row = results?.rows.find(
      ({ server, entries: own, valueBytes }) => server === name && own === entries && valueBytes === 32,
    )
    return figure(row?.bytesPerEntry, 0, ' B')
  }
  return [`Memory per entry, ${count(entries)} values of 32 B`, bytes('erinys'), `Redis: ${bytes('redis')}`]
}

function stampedeRows(results: OriginResults | undefined): string[][] {
  const cold = results?.stampede.rows.find(({ key }) => key === 'cold')
  if (results === undefined || cold === undefined) return []
  const { clients, nodes } = results.stampede
  const queries = `${count(cold.queries)} ${cold.queries === 1 ? 'query' : 'queries'}`
  return [[`${count(clients)} clients of ${nodes} nodes miss one key at once`, queries, NONE]]
}

function pipeline(depth: number): string {
  return depth === 1 ? 'no pipelining' : `pipelines of ${depth}`
}
