// GROUP: lists, describes and flushes groups. A command of Erinys, not of Redis.

import type { Group } from '../../group/group.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import { CUT_OFF, wrongSubcommand } from '../spec/errors.ts'
import { type Fields, replyFields } from '../spec/fields.ts'
import { findGroup } from '../spec/selection.ts'
import { arg } from '../spec/shorthand.ts'

const GROUP_FIELDS: Fields<{ readonly group: Group; readonly index: number }> = {
  name: ({ group }) => group.name,
  /** The index for SELECT. */
  index: ({ index }) => index,
  /** Bytes: the budget; in use (index included); in use by the index; committed by the arena, free space included. */
  budget: ({ group }) => group.maxBytes,
  used: ({ group }) => group.store.usedBytes,
  'index-bytes': ({ group }) => group.store.indexBytes,
  'arena-bytes': ({ group }) => group.store.arenaBytes,
  /** Keys with a value, negative entries (the origin lacks the key), entries with a TTL. */
  keys: ({ group }) => group.store.size,
  absent: ({ group }) => group.store.absent,
  expiring: ({ group }) => group.store.expiring,
  /** Reads that found a value, and reads that did not. */
  hits: ({ group }) => group.hits,
  misses: ({ group }) => group.misses,
  /** Loads started; of them failed; misses that joined a running load; loads fenced by a write. */
  loads: ({ group }) => group.flights?.loads ?? 0,
  failures: ({ group }) => group.flights?.failures ?? 0,
  joined: ({ group }) => group.flights?.joined ?? 0,
  fenced: ({ group }) => group.flights?.fenced ?? 0,
  /** Running loads. */
  loading: ({ group }) => group.flights?.size ?? 0,
  /** Hits served stale while revalidating; misses served stale on error. */
  'stale-hits': ({ group }) => group.staleHits,
  rescued: ({ group }) => group.rescued,
  /** Loads in the background; loads that found the cached value unchanged (revalidated). */
  refreshes: ({ group }) => group.flights?.refreshes ?? 0,
  unchanged: ({ group }) => group.flights?.unchanged ?? 0,
  /** Running calls of the origin, and calls in the queue. */
  'origin-active': ({ group }) => group.governor?.active ?? 0,
  'origin-waiting': ({ group }) => group.governor?.waiting ?? 0,
  /** Calls retried; calls rejected by the full queue; calls rejected by the open circuit breaker. */
  retries: ({ group }) => group.governor?.retried ?? 0,
  shed: ({ group }) => group.governor?.shed ?? 0,
  refused: ({ group }) => group.governor?.refused ?? 0,
  /** The circuit breaker: 'closed', 'open', 'half-open' or 'none' (no origin); how often it has opened. */
  breaker: ({ group }) => group.governor?.state ?? 'none',
  'breaker-opened': ({ group }) => group.governor?.opened ?? 0,
  /**
   * Writes to the origin: done; failed attempts. Write-behind: rejected for good; pending keys; age of the oldest
   * pending one.
   */
  writes: ({ group }) => group.writes?.written ?? 0,
  'write-failures': ({ group }) => group.writes?.failures ?? 0,
  'writes-refused': ({ group }) => group.writes?.refused ?? 0,
  'writes-pending': ({ group }) => group.writes?.pending ?? 0,
  'write-lag-ms': ({ group }) => group.writes?.lagMs ?? 0,
  evicted: ({ group }) => group.store.evicted,
  expired: ({ group }) => group.store.expired,
  /** Entries found invalid because of a tag, or of a gap in the change notifications. */
  invalidated: ({ group }) => group.store.invalidated,
  /** The policy; times in ms, 0: none, no limit. `jitter` is the fraction by which TTLs are shortened at random. */
  'ttl-ms': ({ group }) => group.policy.ttlMs,
  jitter: ({ group }) => ({ double: group.policy.jitter }),
  'negative-ttl-ms': ({ group }) => group.policy.negativeTtlMs,
  'origin-timeout-ms': ({ group }) => group.policy.originTimeoutMs,
  'stale-while-revalidate-ms': ({ group }) => group.policy.freshness?.staleWhileRevalidateMs ?? 0,
  'stale-if-error-ms': ({ group }) => group.policy.freshness?.staleIfErrorMs ?? 0,
  /** The β of XFetch; 0: no refresh ahead. */
  'refresh-ahead': ({ group }) => ({ double: group.policy.freshness?.refreshAhead ?? 0 }),
  /** What a client's write does: 'around', 'through', 'behind' or 'refuse'. */
  write: ({ group }) => group.policy.writes?.mode ?? 'around',
  /** The kind of origin; null: none. */
  origin: ({ group }) => group.policy.origin?.kind ?? null,
}

export const groupCommands: readonly CommandSpec[] = [
  container({
    name: 'group',
    flags: [],
    categories: ['slow'],
    summary: 'A container for commands about groups.',
    since: '0.1.0',
    group: 'erinys',
    helpSince: '0.1.0',
    subcommands: [
      {
        name: 'flush',
        arity: -2,
        flags: ['write'],
        categories: ['keyspace', 'write', 'slow', 'dangerous'],
        wholeKeyspace: true,
        fanOut: 'ok',
        repeatable: true,
        summary: 'Removes all keys of a group, by default the selected one, from the caches of all nodes.',
        since: '0.1.0',
        group: 'erinys',
        complexity: 'O(1)',
        arguments: [arg('name', 'string', { optional: true })],
        run(c) {
          const group = c.args.count > 2 ? findGroup(c, 2) : c.group
          if (c.args.count > 3) c.reply.error(wrongSubcommand('GROUP', c.args.latin1(1)))
          else if (group === undefined) c.reply.error('ERR no such group')
          else {
            group.clear()
            if (c.host.cluster?.isCutOff) c.reply.error(CUT_OFF)
            else c.reply.ok()
          }
        },
      },
      {
        name: 'info',
        arity: 3,
        flags: ['loading', 'stale', 'fast'],
        categories: ['fast'],
        summary: 'Returns the contents, counters and policies of a group.',
        since: '0.1.0',
        group: 'erinys',
        complexity: 'O(1)',
        tips: ['nondeterministic_output'],
        arguments: [arg('name', 'string')],
        run(c) {
          const group = findGroup(c, 2)
          if (group === undefined) c.reply.error('ERR no such group')
          else replyFields(c.reply, GROUP_FIELDS, { group, index: c.host.groups.indexOf(group) })
        },
      },
      {
        name: 'list',
        arity: 2,
        flags: ['loading', 'stale', 'fast'],
        categories: ['fast'],
        summary: 'Returns the names of the groups in the order of their indexes.',
        since: '0.1.0',
        group: 'erinys',
        complexity: 'O(N) where N is the number of groups.',
        run(c) {
          const { groups } = c.host
          c.reply.array(groups.length)
          for (const group of groups) c.reply.bulkText(group.name)
        },
      },
    ],
  }),
]
