// Results of the simulation of large clusters as Markdown tables; without results, an empty table.

import { SCALING_GOALS, type ScalingResults, type ScalingRow } from '../figures.ts'
import { bytes, count, figure, NONE, times, withGoal } from '../format.ts'
import { table } from '../reference.ts'

const COMMAND = 'npm run bench -- scaling'

export function scalingSection(results: ScalingResults | undefined): string {
  if (results === undefined)
    return `${slotsTable([])}\n\n(\`${COMMAND}\`, then \`npm run docs\`: not measured yet.)`
  const { rows, command, conditions } = results
  return [
    '**Many members,** simulated, without processes or connections. First the slots: the time to compute the slot ' +
      'table, the largest share of a member, the slots that a join moves, and the messages about that in the whole ' +
      'cluster.',
    slotsTable(rows),
    'Then the work that each node has with the others: connections, memory, and messages at the default ping ' +
      'interval, also while a tenth of the members is dead; the CPU time for detecting that this tenth died at once; ' +
      'and, in the last columns, a simultaneous start of all members, until all have the same view: simulated time, ' +
      'which passes while the node computes, its CPU time, and the bytes that it sends.',
    heartbeatTable(rows),
    `(\`${command}\`: ${Object.values(conditions).join('; ')}.)`,
  ].join('\n\n')
}

/** With the goal, for the largest cluster. */
function goal(members: number, shown: string, value: number, max: number): string {
  return members === SCALING_GOALS.members ? withGoal(shown, value, { max }) : shown
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
    'Start: agreed after',
    'CPU',
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
      goal(row.members, core(row.coreShare), row.coreShare * 100, SCALING_GOALS.core),
      `${bytes(row.messageBytesTenthDead * row.messagesPerSecond)}/s`,
      goal(
        row.members,
        core(row.coreShareTenthDead),
        row.coreShareTenthDead * 100,
        SCALING_GOALS.coreTenthDead,
      ),
      figure(row.deathSeconds, 2, ' s'),
      goal(
        row.members,
        row.startSeconds === undefined ? '> 1 min' : figure(row.startSeconds, 2, ' s'),
        row.startSeconds ?? Infinity,
        SCALING_GOALS.startSeconds,
      ),
      figure(row.startCpuSeconds, 2, ' s'),
      row.startBytes === undefined ? NONE : bytes(row.startBytes),
    ]),
  )
}
