// What the benchmark of origins measured, as the README's tables; without results, a table with nothing in it.

import { table } from '../reference.ts'
import { count, figure, NONE, perSecond, times } from '../shown.ts'
import {
  type BatchResults,
  type HitCell,
  MARKS,
  type OriginResults,
  type PathRow,
  type ReadSample,
  type StaleResults,
  type StampedeResults,
} from './figures.ts'

const COMMAND = 'npm run bench -- origins'
const HIT_HEAD = ['Hits', 'No origin', 'Origin and policies', 'throughput', 'CPU', 'p50', 'p99']

const WAYS: Readonly<Record<PathRow['path'], string>> = {
  database: 'PostgreSQL itself, one by one',
  'one by one': '`GET`, one by one',
  pipelined: '`GET`, in one pipeline',
  MGET: 'One `MGET`',
  'wide MGET': 'One `MGET`, with `batchMax` 1000',
  hit: 'Within the lifetime',
  stale: 'After it',
}

export function originSection(results: OriginResults | undefined): string {
  if (results === undefined) {
    const caption = `(\`${COMMAND}\`, then \`npm run readme\`: not measured yet.)`
    return `${table(HIT_HEAD, [HIT_HEAD.map(() => NONE)])}\n\n${caption}`
  }
  const { hits, batch, stale, stampede, conditions, rounds, keys } = results
  return [
    'Behind each figure that has one is what it is to reach. **Hits** of a group without an origin, and of one with ' +
      '`staleWhileRevalidate`, `staleIfError`, `refreshAhead` and `jitter`, on the same node: operations per second, ' +
      'and the CPU time of the node per operation.',
    table(HIT_HEAD, hits.map(hitRow)),
    `(${count(keys)} keys, values of 32 B, 50 connections; p50 and p99 are of a pipeline; medians of ${rounds} rounds.)`,
    `**${count(batch.keys)} cold keys,** the same in each way.`,
    batchTable(batch),
    `(p50 and p99 are of one answer. One by one the keys take ${times(batch.speedup)} as long as by one \`MGET\` ` +
      `(≥ ${MARKS.speedup}), and ${times(batch.wideSpeedup)} as long as by one query.)`,
    '**Stale** values, with `staleWhileRevalidate`.',
    staleTable(stale),
    `(${count(stale.keys)} keys, read by ${stale.clients} connections at the same time, with a pause after each read.)`,
    `**A stampede.** ${count(stampede.clients)} clients of ${stampede.nodes} nodes ask for one key at the same ` +
      `instant; the query takes ${figure(stampede.originMs, 0, ' ms')}. The times are those beyond it, from the ` +
      'first request on. Below, the same for a key that is held: what asking and answering so many takes.',
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
    `${times(throughputRatio)} (≥ ${MARKS.hit})`,
    times(cpuRatio),
    both('p50'),
    both('p99'),
  ]
}

function batchTable({ rows }: BatchResults): string {
  return table(
    ['Asked for', 'Keys', 'CPU per key', 'p50', 'p99', 'Queries'],
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
      figure(p99, 1, ' ms') + (key === 'cold' ? ` (≤ ${MARKS.stampedeMs})` : ''),
      figure(worstP99, 1, ' ms'),
      figure(max, 1, ' ms'),
      figure(nodesCpuMs, 1, ' ms'),
      figure(crowdCpuMs, 1, ' ms'),
      count(queries),
    ]),
  )
}
