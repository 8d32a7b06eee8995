// Results of the cluster benchmark as Markdown tables; without results, an empty table.

import {
  type ClusterResults,
  HOP_GOALS,
  type HopCell,
  type HotRead,
  type HotResults,
  type HotRow,
} from './figures.ts'
import { figure, NONE, perSecond, times, withGoal } from './format.ts'
import { table } from './reference.ts'

const COMMAND = 'npm run bench -- cluster'
const SIDES = ['erinys', 'twemproxy → redis'] as const
const HOP_HEAD = ['Forwarded', ...SIDES, 'throughput', 'entry CPU', 'owner CPU', 'bare relay', 'entry CPU']

export function clusterSection(results: ClusterResults | undefined): string {
  if (results === undefined) {
    const caption = `(\`${COMMAND}\`, then \`npm run docs\`: not measured yet.)`
    return `${table(HOP_HEAD, [HOP_HEAD.map(() => NONE)])}\n\n${caption}`
  }
  const { hop, hot } = results
  const { date, ...machine } = results.conditions
  const versions = (hop?.servers ?? []).map(({ name, version }) => `${name} ${version}`)
  const setup = [...versions, date, ...Object.values(machine)].join('; ')
  return [
    '**Forwarding.** A cell has the operations per second, and the CPU time per operation of the process that ' +
      'receives the request (entry) and of the one that owns the key (owner). Last, the CPU time of the entry beside ' +
      'a bare relay: a program for Node.js that passes on requests and replies and reads neither.',
    table(HOP_HEAD, hop?.cells.map(hopRow) ?? [HOP_HEAD.map(() => NONE)]),
    hop === undefined
      ? '(Not measured: twemproxy is not installed.)'
      : `(${hop.conditions}; medians of ${hop.rounds} rounds.)`,
    '**A hot key.** Nine of ten requests are for one key, and no request is sent to its owner. The last row of each load ' +
      'is the least that copies could cost: instead of that key, each node is asked for one that it owns itself.',
    hotTable(hot),
    `(${hot.conditions}; medians of ${hot.rounds} rounds.)`,
    `(\`${results.command}\`: ${setup}.)`,
  ].join('\n\n')
}

function hopRow(cell: HopCell): string[] {
  const { command, depth, ours, theirs, floor, throughputRatio, entryRatio, ownerRatio, floorRatio } = cell
  const goals = command === 'GET' ? HOP_GOALS[depth] : undefined
  const side = ({ opsPerSecond, entryMicros, ownerMicros }: HopCell['ours']): string =>
    `${perSecond(opsPerSecond)}, ${entryMicros.toFixed(2)} + ${ownerMicros.toFixed(2)} µs`
  return [
    `${command}, P = ${depth}`,
    side(ours),
    side(theirs),
    goals
      ? withGoal(times(throughputRatio), throughputRatio, { min: goals.throughput })
      : times(throughputRatio),
    goals ? withGoal(times(entryRatio), entryRatio, { max: goals.entry }) : times(entryRatio),
    times(ownerRatio),
    figure(floor?.entryMicros, 2, ' µs'),
    times(floorRatio),
  ]
}

const READ: Readonly<Record<HotRead, string>> = {
  copy: 'copied',
  owner: 'forwarded',
  own: 'of the node asked',
}

function hotTable({ rows }: HotResults): string {
  const head = [
    'Writes',
    'Hot key',
    'Throughput',
    '× without copies',
    'Owner CPU',
    'Entry CPU',
    'Requests forwarded',
  ]
  const timesWithout = ({ writes, opsPerSecond }: HotRow): string => {
    const without = rows.find((row) => row.writes === writes && row.read === 'owner')
    return times(without && opsPerSecond / without.opsPerSecond)
  }
  return table(
    head,
    rows.map((row) => [
      row.writes === 0 ? 'none' : `${row.writes} of 1,000`,
      READ[row.read],
      perSecond(row.opsPerSecond),
      timesWithout(row),
      figure(row.ownerMicros, 2, ' µs'),
      figure(row.entryMicros, 2, ' µs'),
      figure(row.forwarded * 100, 0, ' %'),
    ]),
  )
}
