// Results of the benchmark of data types as Markdown tables; without results, an empty table.

import { programsOf } from '../figures.ts'
import { count, figure, NONE, perSecond, times, withGoal } from '../format.ts'
import { table } from '../reference.ts'
import { type CollectionRow, type CommandRow, TYPE_GOALS, type TypeResults } from './figures.ts'

const COMMAND = 'npm run bench -- types'
const WHOLE = ['COPY', 'RENAME', 'DUMP and RESTORE', 'DEL'] as const
const MEMORY_HEAD = ['Collections', 'erinys, each', 'redis, each', 'erinys / redis']

export function typeSection(results: TypeResults | undefined): string {
  if (results === undefined) {
    const caption = `(\`${COMMAND}\`, then \`npm run docs\`: not measured yet.)`
    return `${table(MEMORY_HEAD, [MEMORY_HEAD.map(() => NONE)])}\n\n${caption}`
  }
  const { collections, commands, rounds } = results
  const source = [programsOf(results.servers), ...Object.values(results.conditions)].join('; ')
  return [
    '**Memory:** growth of resident memory per collection, or per element of a single large one.',
    table(MEMORY_HEAD, collections.map(memoryRow)),
    '**A whole collection** in one command, milliseconds: erinys / redis.',
    table(
      ['Collection', ...WHOLE.map((name) => `\`${name.replace(' and ', '` and `')}\``)],
      collections.flatMap(wholeRow),
    ),
    `**Commands,** 50 connections, medians of ${rounds} rounds: operations per second, and throughput relative to redis.`,
    table(['Command', 'P = 1', 'relative', 'P = 16', 'relative', 'CPU at P = 16'], commandRows(commands)),
    `(\`${results.command}\`: ${source}.)`,
  ].join('\n\n')
}

function memoryRow({ what, count: number, own, theirs }: CollectionRow): string[] {
  const ratio = theirs && own.bytesEach / theirs.bytesEach
  const goal = ratio === undefined ? NONE : withGoal(times(ratio), ratio, { max: TYPE_GOALS.memory })
  return [
    `${count(number)} ${what}`,
    figure(own.bytesEach, 1, ' B'),
    figure(theirs?.bytesEach, 1, ' B'),
    goal,
  ]
}

function wholeRow({ what, count: number, own, theirs }: CollectionRow): string[][] {
  if (own.wholeMs === undefined) return []
  const { wholeMs } = own
  const cells = WHOLE.map(
    (name) => `${figure(wholeMs[name], 1, '')} / ${figure(theirs?.wholeMs?.[name], 1, '')}`,
  )
  return [[`${count(number)} ${what}`, ...cells]]
}

function commandRows(rows: readonly CommandRow[]): string[][] {
  const names = [...new Set(rows.map(({ command }) => command))]
  return names.map((name) => {
    const at = (depth: number): CommandRow | undefined =>
      rows.find((row) => row.command === name && row.depth === depth)
    const relative = (row: CommandRow | undefined): string => {
      if (row?.throughputRatio === undefined) return NONE
      const { depth, throughputRatio } = row
      return withGoal(times(throughputRatio), throughputRatio, { min: TYPE_GOALS.throughput[depth] })
    }
    const rate = (row: CommandRow | undefined): string =>
      row === undefined ? NONE : perSecond(row.own.opsPerSecond)
    const [one, sixteen] = [at(1), at(16)]
    return [name, rate(one), relative(one), rate(sixteen), relative(sixteen), times(sixteen?.cpuRatio)]
  })
}
