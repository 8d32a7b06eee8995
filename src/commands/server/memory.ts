// MEMORY: memory used by keys, groups and the process.

import { formatSize } from '../../bytes/units.ts'
import type { Group } from '../../group/group.ts'
import { NULL_REF } from '../../store/arena.ts'
import { readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import { helpCommand, runSubcommand } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { KEY, option } from '../spec/shorthand.ts'
import { clientBytes, memoryFigures, ratio } from './memory-figures.ts'

const HELP = [
  'DOCTOR',
  '    Return memory problems reports.',
  'MALLOC-STATS',
  '    Return internal statistics report from the memory allocator.',
  'PURGE',
  '    Attempt to purge dirty pages for reclamation by the allocator.',
  'STATS',
  '    Return information about the memory usage of the server.',
  'USAGE <key> [SAMPLES <count>]',
  '    Return memory in bytes used by <key> and its value. Nested values are',
  '    sampled up to <count> times (default: 5, 0 means sample all).',
]

/** Fields of MEMORY STATS, without the groups. */
const STATS_FIELDS = 27

const DIAGNOSIS = {
  flags: [],
  categories: ['slow'],
  since: '4.0.0',
  group: 'server',
} as const
const ALL_SHARDS = ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special']

export const memoryCommands: readonly CommandSpec[] = [
  {
    name: 'memory',
    arity: -2,
    ...DIAGNOSIS,
    summary: 'A container for memory diagnostics commands.',
    complexity: 'Depends on subcommand.',
    run: runSubcommand,
    subcommands: [
      {
        name: 'doctor',
        arity: 2,
        ...DIAGNOSIS,
        summary: 'Outputs a memory problems report.',
        complexity: 'O(1)',
        tips: ALL_SHARDS,
        run: (c) => c.reply.verbatim('txt', diagnose(c.host.groups)),
      },
      helpCommand('memory', '4.0.0', HELP, { group: 'server', categories: ['slow'] }),
      {
        name: 'malloc-stats',
        arity: 2,
        ...DIAGNOSIS,
        summary: 'Returns the allocator statistics.',
        complexity: 'O(N) where N is the number of databases.',
        tips: ALL_SHARDS,
        run: (c) => c.reply.verbatim('txt', allocatorReport(c.host.groups)),
      },
      {
        name: 'purge',
        arity: 2,
        ...DIAGNOSIS,
        summary: 'Asks the allocator to release memory.',
        complexity: 'O(1)',
        tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
        // A segment of an arena is freed as soon as it is empty: there is nothing to purge.
        run: (c) => c.reply.ok(),
      },
      {
        name: 'stats',
        arity: 2,
        ...DIAGNOSIS,
        summary: 'Returns details about memory usage.',
        complexity: 'O(N) where N is the number of databases.',
        tips: ALL_SHARDS,
        run: replyStats,
      },
      {
        name: 'usage',
        arity: -3,
        ...DIAGNOSIS,
        flags: ['readonly'],
        categories: ['read', 'slow'],
        keys: [{ first: 2, last: 2, step: 1, flags: ['RO'] }],
        summary: 'Estimates the memory usage of a key.',
        complexity: 'O(1)',
        arguments: [KEY, option('SAMPLES', 'count', 'integer', { optional: true })],
        run: replyUsage,
      },
    ],
  },
]

/** The exact bytes of a key: its record and its index slot. SAMPLES is validated and has no effect. */
function replyUsage(c: Context): void {
  const { args, reply } = c
  for (let i = 3; i < args.count; i += 2) {
    if (!args.is(i, 'SAMPLES') || i + 1 === args.count) {
      reply.error(SYNTAX_ERROR)
      return
    }
    const samples = readInteger(c, i + 1)
    if (Number.isNaN(samples)) return
    if (samples < 0) {
      reply.error(SYNTAX_ERROR)
      return
    }
  }
  const ref = c.peek(2)
  if (ref === NULL_REF) reply.null()
  else reply.integer(c.store.bytesOf(ref))
}

/** Redis's fields in Redis's order, with the figures of INFO; a map for each group. */
function replyStats(c: Context): void {
  const { reply } = c
  const { groups } = c.host
  const { used, peak, overhead, dataset, resident, allocated, active } = memoryFigures(c.host)
  const keys = groups.reduce((sum, { store }) => sum + store.size, 0)
  const integer = (name: string, value: number): void => {
    reply.bulkText(name)
    reply.integer(value)
  }
  const double = (name: string, value: number): void => {
    reply.bulkText(name)
    reply.double(value)
  }
  reply.map(STATS_FIELDS + groups.length)
  integer('peak.allocated', peak)
  integer('total.allocated', used)
  integer('startup.allocated', 0)
  integer('replication.backlog', 0)
  integer('clients.slaves', 0)
  integer('clients.normal', clientBytes(c.host))
  integer('cluster.links', 0)
  integer('aof.buffer', 0)
  integer('lua.caches', 0)
  integer('functions.caches', 0)
  for (const [index, { store }] of groups.entries()) {
    reply.bulkText(`db.${index}`)
    reply.map(3)
    integer('overhead.hashtable.main', store.indexBytes)
    // Deadlines are stored in the records.
    integer('overhead.hashtable.expires', 0)
    integer('used', store.usedBytes)
  }
  integer('overhead.total', overhead)
  integer('keys.count', keys)
  integer('keys.bytes-per-key', Math.floor(ratio(used, keys)))
  integer('dataset.bytes', dataset)
  double('dataset.percentage', ratio(100 * dataset, used))
  double('peak.percentage', ratio(100 * used, peak))
  integer('allocator.allocated', allocated)
  integer('allocator.active', active)
  integer('allocator.resident', resident)
  double('allocator-fragmentation.ratio', ratio(active, allocated))
  integer('allocator-fragmentation.bytes', active - allocated)
  double('allocator-rss.ratio', ratio(resident, active))
  integer('allocator-rss.bytes', resident - active)
  double('rss-overhead.ratio', 1)
  integer('rss-overhead.bytes', 0)
  double('fragmentation', ratio(resident, allocated))
  integer('fragmentation.bytes', resident - allocated)
}

function allocatorReport(groups: readonly Group[]): string {
  const lines = groups.map(({ name, store }) => {
    const live = store.usedBytes - store.indexBytes
    return `${name}: ${live} bytes live of ${store.arenaBytes} committed, index ${store.indexBytes}`
  })
  return `${lines.join('\n')}\n`
}

/** A line for each group that has evicted entries. */
function diagnose(groups: readonly Group[]): string {
  const lines: string[] = []
  for (const { name, store, maxBytes, hits, misses, negativeHits } of groups) {
    const { evicted, usedBytes, size } = store
    if (evicted === 0) continue
    const reads = hits + negativeHits + misses
    const share = ratio(100 * hits, reads)
    lines.push(
      `${name} has evicted ${evicted} entries to stay within its budget of ${formatSize(maxBytes)}: it holds ` +
        `${size} in ${formatSize(usedBytes)}, and ${share.toFixed(1)} % of its reads are hits. A larger budget ` +
        'would keep more.',
    )
  }
  return lines.length === 0 ? 'No group has had to evict anything: every budget suffices.' : lines.join('\n')
}
