// Erinys's own commands: GROUP tells of groups, EXPLAIN of what would happen to a read of a key.

import { keySlot } from '../bytes/crc16.ts'
import type { Flight } from '../group/flights.ts'
import type { Group } from '../group/group.ts'
import type { ReplyWriter } from '../resp/reply.ts'
import { NULL_REF, type Ref } from '../store/arena.ts'
import { ValueType } from '../store/record.ts'
import type { CommandSpec } from './command.ts'
import { container } from './container.ts'
import type { Context } from './context.ts'
import { findGroup } from './selection.ts'
import { arg, KEY, oneKey } from './spec.ts'
import { typeName } from './value.ts'

/** What a field's value becomes: text a bulk string, null what cannot be told. Integers are whole, others are doubles. */
type FieldValue = string | number | { readonly double: number } | null

/** Fields by name, in the order of the reply: clients find them by name, so fields may be added anywhere. */
type Fields<T> = Readonly<Record<string, (subject: T) => FieldValue>>

/** What EXPLAIN explains. */
interface Reading {
  readonly c: Context
  /** The record, of a remembered absence too. */
  readonly ref: Ref
  /** The load under way that a miss would join. */
  readonly flight: Flight | undefined
  /** The name of the node that owns the key; `undefined`: this one. */
  readonly owner: string | undefined
  /** Whether this node holds a copy for the owner. */
  readonly isCopied: boolean
}

const EXPLAIN_FIELDS: Fields<Reading> = {
  group: ({ c }) => c.group.name,
  slot: ({ c }) => keySlot(c.args.buf, c.args.start[1], c.args.end[1]),
  /** The owner's address, or 'self'. */
  owner: ({ owner }) => owner ?? 'self',
  /**
   * Where a read would be served from now: 'memory'; 'absence' (nil, for the origin lacks the key); 'flight' (joins
   * the load under way); 'origin' (starts a load); 'copy' (of what another node owns); 'peer' (asks the owner);
   * 'nowhere' (nil, for there is no origin).
   */
  source: sourceOf,
  /** As TYPE tells it. */
  type: ({ c, ref }) => (ref === NULL_REF ? 'none' : typeName(c.store.records.type(ref))),
  /** Milliseconds since the origin gave the value or said that there is none; null: it did not. */
  'age-ms': ({ c, ref }) => {
    const loadedAt = ref === NULL_REF ? 0 : c.store.records.loadedAt(ref)
    return loadedAt === 0 ? null : Math.max(0, c.instant.now - loadedAt)
  },
  /** As PTTL tells it: -1 without a deadline, -2 when nothing is held. Of an absence: for how long it is remembered. */
  'ttl-ms': ({ c, ref }) => {
    if (ref === NULL_REF) return -2
    const deadline = c.store.records.deadline(ref)
    return deadline === 0 ? -1 : Math.min(deadline - c.instant.now, Number.MAX_SAFE_INTEGER)
  },
  /** What the entry occupies; null when nothing is held. */
  bytes: ({ c, ref }) => (ref === NULL_REF ? null : c.store.bytesOf(ref)),
  /** How long the origin took for what is held; null: it did not come from there. */
  'load-ms': ({ c, ref }) => {
    const { records } = c.store
    return ref === NULL_REF || records.loadedAt(ref) === 0 ? null : records.loadMs(ref)
  },
  /** 'loading' or 'none'. */
  flight: ({ flight }) => (flight === undefined ? 'none' : 'loading'),
  /** For how long it has been loading. */
  'flight-ms': ({ c, flight }) =>
    flight === undefined ? null : Math.max(0, c.instant.now - flight.startedAt),
  /** How many commands wait for the load. */
  waiters: ({ flight }) => flight?.waiters.length ?? 0,
}

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
  evicted: ({ group }) => group.store.evicted,
  expired: ({ group }) => group.store.expired,
  /** The policy; times in ms, 0: none, no limit. `jitter` is the fraction by which lifetimes are shortened at random. */
  'ttl-ms': ({ group }) => group.policy.ttlMs,
  jitter: ({ group }) => ({ double: group.policy.jitter }),
  'negative-ttl-ms': ({ group }) => group.policy.negativeTtlMs,
  'origin-timeout-ms': ({ group }) => group.policy.originTimeoutMs,
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
  {
    name: 'explain',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['keyspace', 'read', 'fast'],
    keys: oneKey('RO'),
    stays: true,
    summary: 'Returns where a read of a key would be served from, and what is known of its entry.',
    since: '0.1.0',
    group: 'erinys',
    complexity: 'O(1)',
    tips: ['nondeterministic_output'],
    arguments: [KEY],
    run(c) {
      const { args, host, store } = c
      const start = args.start[1]
      const end = args.end[1]
      replyFields(c.reply, EXPLAIN_FIELDS, {
        c,
        ref: store.peek(args.buf, start, end),
        flight: c.group.flights?.get(args.copy(1)),
        owner: host.cluster?.ownerOf(args.buf, start, end),
        isCopied: c.group.copies?.holds(args.buf, start, end) ?? false,
      })
    },
  },
]

function sourceOf({ c, ref, flight, owner, isCopied }: Reading): string {
  if (owner !== undefined) return isCopied ? 'copy' : 'peer'
  if (ref !== NULL_REF) return c.store.records.type(ref) === ValueType.ABSENT ? 'absence' : 'memory'
  if (flight !== undefined) return 'flight'
  return c.group.flights === undefined ? 'nowhere' : 'origin'
}

function replyFields<T>(reply: ReplyWriter, fields: Fields<T>, subject: T): void {
  const entries = Object.entries(fields)
  reply.map(entries.length)
  for (const [name, read] of entries) {
    reply.bulkText(name)
    const value = read(subject)
    if (value === null) reply.null()
    else if (typeof value === 'string') reply.bulkText(value)
    else if (typeof value === 'number') reply.integer(value)
    else reply.double(value.double)
  }
}
