// Results of the origins benchmark as Markdown tables; without results, an empty table.

import { count, figure, NONE, perSecond, times, withGoal } from '../format.ts'
import { table } from '../reference.ts'
import {
  type BatchResults,
  type HitCell,
  type OriginResults,
  type PathRow,
  type ReadSample,
  type StaleResults,
  type StampedeResults,
  TARGETS,
} from './figures.ts'

const COMMAND = 'npm run bench -- origins'
const HIT_HEAD = ['Hits', 'No origin', 'Origin and policies', 'throughput', 'CPU', 'p50', 'p99']

const WAYS: Readonly<Record<PathRow['path'], string>> = {
  database: 'PostgreSQL itself, one by one',
  'one by one': '`GET`, one by one',
  pipelined: '`GET`, in one pipeline',
  MGET: 'One `MGET`',
  'wide MGET': 'One `MGET`, with `batchMax` 1000',
  hit: 'Within the TTL',
  stale: 'After it',
}

export function originSection(results: OriginResults | undefined): string {
  if (results === undefined) {
    const caption = `(\`${COMMAND}\`, then \`npm run docs\`: not measured yet.)`
    return `${table(HIT_HEAD, [HIT_HEAD.map(() => NONE)])}\n\n${caption}`
  }
  const { hits, batch, stale, stampede, conditions, rounds, keys } = results
  return [
    '**Hits** in a group without an origin, and in one with ' +
      '`staleWhileRevalidate`, `staleIfError`, `refreshAhead` and `jitter`, on the same node: operations per second, ' +
      'and the CPU time of the node per operation.',
    table(HIT_HEAD, hits.map(hitRow)),
    `(${count(keys)} keys, values of 32 B, 50 connections; p50 and p99 are of a pipeline; medians of ${rounds} rounds.)`,
    `**${count(batch.keys)} cold keys,** the same keys in each row.`,
    batchTable(batch),
    `(p50 and p99 are of one answer. Loading the keys one by one takes ` +
      `${withGoal(times(batch.speedup), batch.speedup, { min: TARGETS.speedup })} as long as one \`MGET\`, and ` +
      `${times(batch.wideSpeedup)} as long as one query.)`,
    '**Stale** values, with `staleWhileRevalidate`.',
    staleTable(stale),
    `(${count(stale.keys)} keys, read by ${stale.clients} connections at the same time, with a pause after each read.)`,
    `**A stampede.** ${count(stampede.clients)} clients of ${stampede.nodes} nodes ask for one key at the same ` +
      `instant; the query takes ${figure(stampede.originMs, 0, ' ms')}. The times are the additional ones, from the ` +
      'first request on. The second row is a cached key: the time that so many requests and replies take by themselves.',
    stampedeTable(stampede),
    `(${stampede.repeats} keys; all have asked within ${figure(stampede.sentMs, 0, ' ms')}; everything shares the ` +
      'cores of the machine.)',
    `(\`${results.command}\`: ${Object.values(conditions).join('; ')}.)`,
  ].join('\n\n')
}

function hitRow({ depth, plain, fresh, throughputRatio, cpuRatio }: HitCell): string[] {
  const side = ({ opsPerSecond, cpuMicros }: ReadSample): string =>
    `${perSecond(opsPerSecond)}, ${figure(cpuMicros, 2, ' µs')}`
  const both = (field: 'p50' | 'p99'): string =>
    `${figure(plain[field], 2, '')}, ${figure(fresh[field], 2, ' ms')}`
  return [
    `GET, P = ${depth}`,
    side(plain),
    side(fresh),
    withGoal(times(throughputRatio), throughputRatio, { min: TARGETS.hit }),
    times(cpuRatio),
    both('p50'),
    both('p99'),
  ]
}

function batchTable({ rows }: BatchResults): string {
  return table(
    ['Loaded by', 'Keys', 'CPU per key', 'p50', 'p99', 'Queries'],
    rows.map(({ path, keysPerSecond, cpuMicros, p50, p99, queries }) => [
      WAYS[path],
      `${figure(keysPerSecond / 1000, 1, 'k/s')}`,
      figure(cpuMicros, 1, ' µs'),
      figure(p50, 2, ' ms'),
      figure(p99, 2, ' ms'),
      count(queries),
    ]),
  )
}

function staleTable({ rows }: StaleResults): string {
  return table(
    ['Read', 'p50', 'p99', 'CPU per read', 'Loads'],
    rows.map(({ path, p50, p99, cpuMicros, rows: loads }) => [
      WAYS[path],
      figure(p50, 2, ' ms'),
      figure(p99, 2, ' ms'),
      figure(cpuMicros, 1, ' µs'),
      count(loads),
    ]),
  )
}

function stampedeTable({ rows }: StampedeResults): string {
  return table(
    ['Key', 'p99', 'Worst p99', 'Last answer', 'CPU of the nodes', 'of the clients', 'Queries per key'],
    rows.map(({ key, p99, worstP99, max, nodesCpuMs, crowdCpuMs, queries }) => [
      key,
      key === 'cold'
        ? withGoal(figure(p99, 1, ' ms'), p99, { max: TARGETS.stampedeMs })
        : figure(p99, 1, ' ms'),
      figure(worstP99, 1, ' ms'),
      figure(max, 1, ' ms'),
      figure(nodesCpuMs, 1, ' ms'),
      figure(crowdCpuMs, 1, ' ms'),
      count(queries),
    ]),
  )
}
