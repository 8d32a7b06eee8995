// Clusters of several sizes, by simulation: no processes, no connections, the sources' own tables and messages.

import type { ScalingRow } from '../figures.ts'
import { joinFigures } from './join.ts'
import { memoryFigures } from './memory.ts'
import { tableFigures } from './table.ts'
import { talkFigures } from './talk.ts'

export const SIZES: readonly number[] = [3, 10, 50, 100, 200, 500, 1000]

export async function simulate(members: number, repeats: number): Promise<ScalingRow> {
  return {
    members,
    ...tableFigures(members, repeats),
    ...joinFigures(members),
    ...memoryFigures(members),
    ...(await talkFigures(members, repeats)),
  }
}
