// Simulated clusters of several sizes: the real slot table and messages, without processes and connections.

import type { ScalingRow } from '../figures.ts'
import { heartbeatFigures } from './heartbeats.ts'
import { joinFigures } from './join.ts'
import { memoryFigures } from './memory.ts'
import { tableFigures } from './slot-table.ts'

export const SIZES: readonly number[] = [3, 10, 50, 100, 200, 500, 1000]

export async function simulate(members: number, repeats: number): Promise<ScalingRow> {
  return {
    members,
    ...tableFigures(members, repeats),
    ...joinFigures(members),
    ...memoryFigures(members),
    ...(await heartbeatFigures(members, repeats)),
  }
}
