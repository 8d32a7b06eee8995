// Simulated clusters of several sizes: the real slot table and messages, without processes and connections.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ScalingResults, ScalingRow } from '../figures.ts'
import { conditions } from '../servers.ts'
import { heartbeatFigures } from './heartbeats.ts'
import { joinFigures } from './join.ts'
import { memoryFigures } from './memory.ts'
import { tableFigures } from './slot-table.ts'

const SIZES: readonly number[] = [3, 10, 50, 100, 200, 500, 1000]

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url))

/** Runs the benchmark and prints its results; unless it is a smoke test, saves them in bench/results. */
export async function benchScaling({ smoke }: { readonly smoke: boolean }): Promise<void> {
  const rows: ScalingRow[] = []
  for (const members of smoke ? [3, 20] : SIZES) rows.push(await simulate(members, smoke ? 1 : 5))
  printScaling(rows)
  if (smoke) return
  const { date, cpu, node } = conditions()
  const results: ScalingResults = {
    command: 'npm run bench -- scaling',
    conditions: { date, cpu, node },
    rows,
  }
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}scaling.json`, `${JSON.stringify(results, null, 2)}\n`)
}

/** Code is compiled while heartbeats are exchanged: only then is what they cost what they cost in a node that runs for long. */
const WARM_ROUNDS = 6

async function simulate(members: number, repeats: number): Promise<ScalingRow> {
  return {
    members,
    ...tableFigures(members, repeats),
    ...joinFigures(members),
    ...memoryFigures(members),
    ...(await heartbeatFigures(members, WARM_ROUNDS * repeats)),
  }
}

function printScaling(rows: readonly ScalingRow[]): void {
  console.log('large clusters, simulated')
  console.table(
    rows.map((row) => ({
      members: row.members,
      'table ms': round(row.buildMs),
      'worst load': round(row.worstLoad),
      moved: Math.round(row.moved),
      'moved ×': round(row.movedRatio),
      'slot messages': row.slotMessages,
      'slot KB': Math.round(row.slotMessageBytes / 1000),
      connections: row.connections,
      'table KB': Math.round(row.tableBytes / 1000),
      'peers KB': Math.round(row.peerBytes / 1000),
      'msg/s': row.messagesPerSecond,
      'msg B': Math.round(row.messageBytes),
      '… 1/10 dead': Math.round(row.messageBytesTenthDead),
      'core %': round(row.coreShare * 100),
      '… dead': round(row.coreShareTenthDead * 100),
      'death s': round(row.deathSeconds),
      'start s': row.startSeconds === undefined ? '> 60' : round(row.startSeconds),
      'start CPU s': row.startCpuSeconds === undefined ? '' : round(row.startCpuSeconds),
      'start MB': row.startBytes === undefined ? '' : round(row.startBytes / 1e6),
    })),
  )
}

function round(x: number): number {
  return Number(x.toFixed(2))
}
