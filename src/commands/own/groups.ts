// GROUP tells of groups: a command of Erinys's own.

import type { Group } from '../../group/group.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import { CUT_OFF, wrongSubcommand } from '../spec/errors.ts'
import { type Fields, replyFields } from '../spec/fields.ts'
import { findGroup } from '../spec/selection.ts'
import { arg } from '../spec/shorthand.ts'

const GROUP_FIELDS: Fields<{ readonly group: Group; readonly index: number }> = {
  name: ({ group }) => group.name,
  /** What SELECT takes. */
  index: ({ index }) => index,
  /** Bytes: the most that may be used; used (index included); of the index; committed by the arena, holes included. */
  budget: ({ group }) => group.maxBytes,
  used: ({ group }) => group.store.usedBytes,
  'index-bytes': ({ group }) => group.store.indexBytes,
  'arena-bytes': ({ group }) => group.store.arenaBytes,
  /** Keys that hold a value, keys known to be absent from the origin, entries with a deadline. */
  keys: ({ group }) => group.store.size,
  absent: ({ group }) => group.store.absent,
  expiring: ({ group }) => group.store.expiring,
  /** Reads that found a value, and that did not. */
  hits: ({ group }) => group.hits,
  misses: ({ group }) => group.misses,
  /** Loads started, and of them failed; misses that joined one under way; loads that a write made void. */
  loads: ({ group }) => group.flights?.loads ?? 0,
  failures: ({ group }) => group.flights?.failures ?? 0,
  joined: ({ group }) => group.flights?.joined ?? 0,
  fenced: ({ group }) => group.flights?.fenced ?? 0,
  /** Loads under way. */
  loading: ({ group }) => group.flights?.size ?? 0,
  /** Of the hits, those after the lifetime of what they found; of the misses, those given it because the load failed. */
  'stale-hits': ({ group }) => group.staleHits,
  rescued: ({ group }) => group.rescued,
  /** Of the loads, those in the background, and those that found what was held unchanged. */
  refreshes: ({ group }) => group.flights?.refreshes ?? 0,
  unchanged: ({ group }) => group.flights?.unchanged ?? 0,
  /** Calls of the origin under way, and those that wait for their turn. */
  'origin-active': ({ group }) => group.governor?.active ?? 0,
  'origin-waiting': ({ group }) => group.governor?.waiting ?? 0,
  /** Calls tried again; refused since too many waited; since the breaker was open. */
  retries: ({ group }) => group.governor?.retried ?? 0,
  shed: ({ group }) => group.governor?.shed ?? 0,
  refused: ({ group }) => group.governor?.refused ?? 0,
  /** 'closed', 'open' or 'half-open', 'none' where there is none; how often it has opened. */
  breaker: ({ group }) => group.governor?.state ?? 'none',
  'breaker-opened': ({ group }) => group.governor?.opened ?? 0,
  /**
   * Writes that the origin took; tries of them that failed; behind, those that it refused for good, and keys that wait to
   * be written, the first one for so long.
   */
  writes: ({ group }) => group.writes?.written ?? 0,
  'write-failures': ({ group }) => group.writes?.failures ?? 0,
  'writes-refused': ({ group }) => group.writes?.refused ?? 0,
  'writes-pending': ({ group }) => group.writes?.pending ?? 0,
  'write-lag-ms': ({ group }) => group.writes?.lagMs ?? 0,
  evicted: ({ group }) => group.store.evicted,
  expired: ({ group }) => group.store.expired,
  /** Entries found to be invalid by a tag, or since word from the origin was lost. */
  invalidated: ({ group }) => group.store.invalidated,
  /** The policy; times in ms, 0: none, no limit. `jitter` is the fraction by which lifetimes are shortened at random. */
  'ttl-ms': ({ group }) => group.policy.ttlMs,
  jitter: ({ group }) => ({ double: group.policy.jitter }),
  'negative-ttl-ms': ({ group }) => group.policy.negativeTtlMs,
  'origin-timeout-ms': ({ group }) => group.policy.originTimeoutMs,
  'stale-while-revalidate-ms': ({ group }) => group.policy.freshness?.staleWhileRevalidateMs ?? 0,
  'stale-if-error-ms': ({ group }) => group.policy.freshness?.staleIfErrorMs ?? 0,
  /** The β of XFetch; 0: nothing is loaded ahead. */
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
        span: 'ok',
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
        summary: 'Returns what a group holds, has done and is configured to do.',
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
