// The cluster benchmark: forwarding compared with twemproxy, a hot key with and without copies.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ClusterResults, HOP_GOALS, type HopResults, type HotResults } from './figures.ts'
import { measureHop } from './hop.ts'
import { measureHot } from './hot.ts'
import { build, conditions, findProgram } from './servers.ts'

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url))

/** Runs the benchmark and prints its results; unless it is a smoke test, saves them in bench/results. */
export async function benchCluster({ smoke }: { readonly smoke: boolean }): Promise<void> {
  build()
  const hop = await measureHop(smoke)
  if (hop !== undefined) printHop(hop)
  const hot = await measureHot(smoke)
  printHot(hot)
  if (smoke) return
  const { date, cpu, node } = conditions()
  const measured = { conditions: { date, cpu, node }, ...(hop && { hop }), hot }
  const results: ClusterResults = { command: 'npm run bench -- cluster', ...measured }
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}cluster.json`, `${JSON.stringify(results, null, 2)}\n`)
  if (findProgram('taskset') === undefined)
    console.error('cluster: taskset is not installed, so processes were not pinned to cores')
}

function printHop({ cells, servers, conditions: where }: HopResults): void {
  console.log(`forwarding: ${servers.map(({ name, version }) => `${name} ${version}`).join(', ')}; ${where}`)
  console.table(
    cells.map((cell) => {
      const { command, depth, ours, theirs, floor, throughputRatio, entryRatio, ownerRatio, floorRatio } =
        cell
      const goals = command === 'GET' ? HOP_GOALS[depth] : undefined
      return {
        load: `${command} P=${depth}`,
        'k ops/s': Math.round(ours.opsPerSecond / 1000),
        theirs: Math.round(theirs.opsPerSecond / 1000),
        '×': round(throughputRatio),
        'goal ≥': goals?.throughput,
        'entry µs': round(ours.entryMicros),
        'their entry': round(theirs.entryMicros),
        'entry ×': round(entryRatio),
        'goal ≤': goals?.entry,
        'floor µs': floor && round(floor.entryMicros),
        'floor ×': floorRatio && round(floorRatio),
        'owner µs': round(ours.ownerMicros),
        'owner ×': round(ownerRatio),
      }
    }),
  )
}

function printHot({ rows, conditions: where }: HotResults): void {
  console.log(`a hot key: ${where}`)
  console.table(
    rows.map(({ read, writes, opsPerSecond, ownerMicros, entryMicros, forwarded }) => ({
      'read from': read,
      'writes ‰': writes,
      'k ops/s': Math.round(opsPerSecond / 1000),
      'owner µs/op': round(ownerMicros),
      'entries µs/op': round(entryMicros),
      forwarded: round(forwarded),
    })),
  )
}

function round(x: number): number {
  return Number(x.toFixed(2))
}
