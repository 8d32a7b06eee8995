// Results of the cluster benchmark as Markdown tables; without results, an empty table.

import { type ClusterResults, HOP_GOALS, type HopCell, type HotResults, type ScalingRow } from './figures.ts'
import { bytes, count, figure, NONE, perSecond, times, withGoal } from './format.ts'
import { table } from './reference.ts'

const COMMAND = 'npm run bench -- cluster'
const SIDES = ['erinys', 'twemproxy → redis'] as const
const HOP_HEAD = ['Forwarded', ...SIDES, 'throughput', 'entry CPU', 'owner CPU', 'bare relay', 'entry CPU']

export function clusterSection(results: ClusterResults | undefined): string {
  if (results === undefined) {
    const caption = `(\`${COMMAND}\`, then \`npm run docs\`: not measured yet.)`
    return `${table(HOP_HEAD, [HOP_HEAD.map(() => NONE)])}\n\n${caption}`
  }
  const { hop, hot, scaling } = results
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
    '**A hot key.** Nine of ten requests are for one key, and no request is sent to its owner.',
    hotTable(hot),
    `(${hot.conditions}; medians of ${hot.rounds} rounds.)`,
    '**Many members,** simulated, without processes or connections. First the slots: the time to compute the slot ' +
      'table, the largest share of a member, the slots that a join moves, and the messages about that in the whole ' +
      'cluster.',
    slotsTable(scaling),
    'Then the work that each node has with the others: connections, memory, and messages at the default ping ' +
      'interval, also while a tenth of the members is dead; the CPU time for detecting that this tenth died at once; ' +
      'and, in the last two columns, a simultaneous start of all members, until a node knows the others.',
    heartbeatTable(scaling),
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

function hotTable({ rows }: HotResults): string {
  const head = ['Writes', 'Copies', 'Throughput', 'Owner CPU', 'Entry CPU', 'Requests forwarded']
  return table(
    head,
    rows.map(({ writes, copies, opsPerSecond, ownerMicros, entryMicros, forwarded }) => [
      writes === 0 ? 'none' : `${writes} of 1,000`,
      copies ? 'yes' : 'no',
      perSecond(opsPerSecond),
      figure(ownerMicros, 2, ' µs'),
      figure(entryMicros, 2, ' µs'),
      figure(forwarded * 100, 0, ' %'),
    ]),
  )
}

function slotsTable(rows: readonly ScalingRow[]): string {
  const head = ['Members', 'Slot table', 'Largest share', 'Moved by a join', '× ideal', 'Messages', 'Bytes']
  return table(
    head,
    rows.map((row) => [
      count(row.members),
      figure(row.buildMs, 1, ' ms'),
      times(row.worstLoad),
      count(Math.round(row.moved)),
      times(row.movedRatio),
      count(row.slotMessages),
      bytes(row.slotMessageBytes),
    ]),
  )
}

function heartbeatTable(rows: readonly ScalingRow[]): string {
  const head = [
    'Members',
    'Connections',
    'Memory',
    'Messages sent',
    'Bytes sent',
    'CPU',
    'Bytes with a tenth dead',
    'CPU',
    'Detection: CPU',
    'Start: CPU',
    'Bytes sent',
  ]
  const core = (share: number): string => figure(share * 100, share < 0.1 ? 1 : 0, ' % of a core')
  return table(
    head,
    rows.map((row) => [
      count(row.members),
      count(row.connections),
      bytes(row.tableBytes + row.peerBytes),
      `${count(row.messagesPerSecond)}/s`,
      `${bytes(row.messageBytes * row.messagesPerSecond)}/s`,
      core(row.coreShare),
      `${bytes(row.messageBytesTenthDead * row.messagesPerSecond)}/s`,
      core(row.coreShareTenthDead),
      figure(row.deathSeconds, 2, ' s'),
      row.startSeconds === undefined
        ? '> 1 min'
        : figure(row.startSeconds, row.startSeconds < 10 ? 2 : 0, ' s'),
      row.startBytes === undefined ? NONE : bytes(row.startBytes),
    ]),
  )
}
