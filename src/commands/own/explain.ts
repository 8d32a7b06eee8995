// EXPLAIN: what a read of a key would do, and the state of its entry; any node of a cluster answers for any key.

import { keySlot } from '../../bytes/crc16.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { Flight } from '../../group/flights/flight.ts'
import { tagsOf } from '../../group/tags.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { deferReply } from '../spec/client.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { type Fields, type FieldValue, replyFields, replyValues } from '../spec/fields.ts'
import { KEY, oneKey } from '../spec/shorthand.ts'
import { typeName } from '../spec/value.ts'

/** A read of the key in argument `i` on this node, as its owner. */
interface Reading {
  readonly c: Context
  readonly i: number
  /** The record, which may be a negative entry. */
  readonly ref: Ref
  /** The running load that a miss would join. */
  readonly flight: Flight | undefined
}

const FIELDS: Fields<Reading> = {
  group: ({ c }) => c.group.name,
  slot: ({ c, i }) => keySlot(c.args.buf, c.args.start[i], c.args.end[i]),
  /** The owner's name, or 'self'. */
  owner: () => 'self',
  /**
   * What would answer a read now: 'memory'; 'absence' (a negative entry: nil); 'flight' (joins the running load);
   * 'origin' (starts a load); 'nowhere' (nil: the group has no origin). For a key that another node owns: 'peer'
   * (forwarded to the owner); 'copy' (a hot copy on this node); 'moved' (the client is redirected).
   */
  source: sourceOf,
  /**
   * 'fresh'; 'stale' (past its TTL, or a change notification may have been missed: served while revalidating, on
   * error, or not at all, as the group says); 'absent' (a negative entry); 'none' (not cached).
   */
  state: ({ c, ref }) => {
    if (ref === NULL_REF) return 'none'
    if (c.store.records.type(ref) === ValueType.ABSENT) return 'absent'
    return c.store.records.isStale(ref, c.instant.ms) ? 'stale' : 'fresh'
  },
  /** As in the reply of TYPE. */
  type: ({ c, ref }) => (ref === NULL_REF ? 'none' : typeName(c.store.records.type(ref))),
  /** Milliseconds since the entry was loaded; null: it was not loaded. */
  'age-ms': ({ c, ref }) => {
    const loadedAt = ref === NULL_REF ? 0 : c.store.records.loadedAt(ref)
    return loadedAt === 0 ? null : Math.max(0, c.instant.now - loadedAt)
  },
  /** As PTTL: -1 without a TTL, -2 when not cached or stale. For a negative entry, its own TTL. */
  'ttl-ms': ({ c, ref }) => {
    if (ref === NULL_REF || c.store.records.isStale(ref, c.instant.ms)) return -2
    const deadline = c.store.records.deadline(ref)
    return deadline === 0 ? -1 : Math.min(deadline - c.instant.now, Number.MAX_SAFE_INTEGER)
  },
  /** Bytes that the entry occupies; null: not cached. */
  bytes: ({ c, ref }) => (ref === NULL_REF ? null : c.store.bytesOf(ref)),
  /** How long the load took; null: it was not loaded. */
  'load-ms': ({ c, ref }) => {
    const { records } = c.store
    return ref === NULL_REF || records.loadedAt(ref) === 0 ? null : records.loadMs(ref)
  },
  /** Expected milliseconds until a read refreshes it ahead of its expiry; null: never. */
  'next-refresh-ms': ({ c, i, ref }) => {
    if (ref === NULL_REF || c.group.flights === undefined || c.store.records.deadline(ref) === 0) return null
    return Math.min(c.group.nextRefresh(ref, c.args.copy(i)), Number.MAX_SAFE_INTEGER)
  },
  /** The number of its tags (only hashes of tags are stored). */
  tags: ({ c, ref }) => (ref === NULL_REF ? 0 : tagsOf(c.store, ref).length),
  /** 'loading' or 'none'. */
  flight: ({ flight }) => (flight === undefined ? 'none' : 'loading'),
  /** Milliseconds since that load started. */
  'flight-ms': ({ c, flight }) =>
    flight === undefined ? null : Math.max(0, c.instant.now - flight.startedAt),
  /** How many commands wait for the load. */
  waiters: ({ flight }) => flight?.waiters.length ?? 0,
}

export const explainCommands: readonly CommandSpec[] = [
  {
    name: 'explain',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['keyspace', 'read', 'fast'],
    keys: oneKey('RO'),
    isLocal: true,
    summary: 'Returns what would answer a read of a key, and the state of its entry.',
    since: '0.1.0',
    group: 'erinys',
    complexity: 'O(1)',
    tips: ['nondeterministic_output'],
    arguments: [KEY],
    run(c) {
      const { args, host } = c
      const { cluster } = host
      const owner = cluster?.ownerOf(args.buf, args.start[1], args.end[1])
      if (cluster === undefined || owner === undefined) explainHere(c, 1)
      else explainThere(c, cluster, owner)
    },
  },
]

/** Describes the key in argument `i` as this node has it. */
export function explainHere(c: Context, i: number): void {
  const { args, store, group } = c
  const ref = store.peek(args.buf, args.start[i], args.end[i])
  replyFields(c.reply, FIELDS, { c, i, ref, flight: group.flights?.get(args.copy(i)) })
}

/** Describes a key that another node owns; `owner-source` is what the owner would do. */
function explainThere(c: Context, cluster: Cluster, owner: string): void {
  const { args, client, group, reply } = c
  const [start, end] = [args.start[1], args.end[1]]
  const slot = keySlot(args.buf, start, end)
  const isCopied = group.copies?.holds(args.buf, start, end) ?? false
  const source = cluster.redirects ? 'moved' : isCopied ? 'copy' : 'peer'
  const { protocol } = client
  const complete = deferReply(client)
  const answer = (fields: ReadonlyMap<string, FieldValue>): void => {
    const known = new Map<string, FieldValue>([
      ...fields,
      ...Object.entries({
        group: group.name,
        slot,
        owner,
        source,
        'owner-source': fields.get('source') ?? null,
      }),
    ])
    reply.protocol = protocol
    const names = [...Object.keys(FIELDS), 'owner-source']
    replyValues(
      reply,
      names.map((name) => [name, known.get(name) ?? null]),
    )
    complete(reply.take())
  }
  cluster.askPeer(owner, group, ['PEER', 'EXPLAIN', args.copy(1)]).then(
    (fields) => answer(fieldsOf(fields)),
    // The owner cannot be reached: nothing is known.
    () => answer(new Map()),
  )
}

/** The fields of a map, as RESP2 has it. */
function fieldsOf(map: unknown): Map<string, FieldValue> {
  const fields = new Map<string, FieldValue>()
  if (!Array.isArray(map)) return fields
  for (let i = 0; i + 1 < map.length; i += 2) {
    const value: unknown = map[i + 1]
    fields.set(String(map[i]), Buffer.isBuffer(value) ? value.toString() : (value as FieldValue))
  }
  return fields
}

function sourceOf({ c, i, ref, flight }: Reading): string {
  const { args } = c
  if (ref !== NULL_REF && !c.group.wouldLoad(args.buf, args.start[i], args.end[i]))
    return c.store.records.type(ref) === ValueType.ABSENT ? 'absence' : 'memory'
  if (flight !== undefined) return 'flight'
  return c.group.flights === undefined ? 'nowhere' : 'origin'
}
