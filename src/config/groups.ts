// The groups of a configuration: what a person may write, and the policies it becomes.

import { z } from 'zod'
import { formatDuration } from '../bytes/units.ts'
import { noFreshness } from '../group/freshness.ts'
import { defaultGovernor } from '../group/governor.ts'
import type { Origin } from '../group/origin.ts'
import type { GroupPolicy } from '../group/policy.ts'
import { defaultWrites, WRITE_MODES, type WriteMode } from '../group/writes/writes.ts'
import { FileOrigin } from '../origin/file.ts'
import { functionOrigin, type Loader, type LoadFunction } from '../origin/function.ts'
import { SqlOrigin } from '../origin/sql/sql.ts'
import type { OriginConfig } from './origins/kinds.ts'
import { originSchema } from './origins/schema.ts'
import { duration, fields, fraction, isObject, reader, show, size, whole, within } from './readers.ts'

/** A group as a person writes it. Sizes: bytes or `'64mb'`; durations: ms or `'5m'`. */
export interface GroupConfig {
  /** The budget; by default `maxmemory`. */
  readonly maxBytes?: number | string
  /** TTL of loaded values, and of writes that give none; 0, the default: no TTL. */
  readonly ttl?: number | string
  /** Random reduction of `ttl`, as a fraction of it, so that entries do not expire together; 0.1. */
  readonly jitter?: number
  /** Negative caching: how long a key that the origin does not have is cached as absent; 0: not; '5s'. */
  readonly negativeTtl?: number | string
  /** Timeout of a load; 0: no limit; '10s'. */
  readonly originTimeout?: number | string
  /** How long after its expiry a value is served stale while it is reloaded in the background; 0, the default: not. */
  readonly staleWhileRevalidate?: number | string
  /** How long after its expiry a value is served stale when the reload fails; 0, the default: not. */
  readonly staleIfError?: number | string
  /**
   * Early refresh before expiry, the β of XFetch: with 1 a reload begins about one load time before the expiry, more is
   * earlier; 0, the default: no early refresh.
   */
  readonly refreshAhead?: number
  /** Concurrent calls of the origin at most; 0: no limit; 256. */
  readonly originConcurrency?: number
  /** Queue limit: calls that may wait for a free place; further ones are rejected at once; 10000. */
  readonly originQueue?: number
  /** Retries of a failed load; 0. */
  readonly originRetries?: number
  /** Longest pause before the first retry; it doubles with each further one; '50ms'. */
  readonly originBackoff?: number | string
  /** Circuit breaker: consecutive failures after which calls are rejected for a while; 0: no breaker; 20. */
  readonly breakAfter?: number
  /** Longest first pause of the circuit breaker; it doubles each time the next call fails too; '1s'. */
  readonly breakFor?: number | string
  /** Keys in one batched load at most; 100. */
  readonly batchMax?: number
  /** How long a batch collects keys before it is sent; 0, the default: until the end of the event loop's turn. */
  readonly batchWindow?: number | string
  /**
   * What a client's write does: it changes the cache only (`around`, the default), is written to the origin first
   * (`through`) or later (`behind`), or is refused (`refuse`).
   */
  readonly write?: WriteMode
  /**
   * In a cluster, on a node that does not reach a majority of the members: it serves on (`serve`, the default), or it
   * answers `CLUSTERDOWN` to writes, and to reads if the group has no origin (`refuse`).
   */
  readonly onPartition?: 'serve' | 'refuse'
  /** Write-behind: keys that may wait to be written to the origin; 10000. */
  readonly writeQueue?: number
  /** Loads missing keys: a function, an object with `load`, or an origin named by its kind. */
  readonly origin?: LoadFunction | Loader | OriginConfig
}

/** A group policy; without `maxBytes` the budget is `maxmemory`. */
export type WrittenGroup = Omit<GroupPolicy, 'maxBytes'> & { readonly maxBytes: number | undefined }

/** The policies of a group: all but its name, budget and origin. */
export type Policies = Required<Omit<GroupPolicy, 'name' | 'maxBytes' | 'origin'>>

/** The defaults. */
export const defaultPolicies: Policies = {
  ttlMs: 0,
  jitter: 0.1,
  negativeTtlMs: 5000,
  originTimeoutMs: 10_000,
  freshness: noFreshness,
  governor: defaultGovernor,
  batch: { max: 100, windowMs: 0 },
  writes: defaultWrites,
  onPartition: 'serve',
}

const PARTITION_MODES = ['serve', 'refuse'] as const
const MOST_BATCHED = 10_000
const MOST_CALLS = 1_000_000
const MOST_RETRIES = 10
const MOST_EAGER = 100
const DEMO_BYTES = 64 * 2 ** 20

/**
 * Reads an object of groups; relative paths start at `directory`. The names are walked by hand: `__proto__` is
 * one like any other, and their order is the order of indexes.
 */
export function groupsSchema(directory: string): z.ZodType<readonly WrittenGroup[]> {
  const schema = groupSchema(directory)
  return z.unknown().transform((value, context): readonly WrittenGroup[] => {
    const refuse = (message: string, ...path: string[]): void =>
      context.addIssue({ code: 'custom', message, path })
    if (!isObject(value)) {
      refuse(`got ${show(value)}, wants an object of groups`)
      return z.NEVER
    }
    if (!isPlain(value)) {
      refuse(
        "got an object that inherits, wants a plain one (a group named __proto__ is written ['__proto__'])",
      )
      return z.NEVER
    }
    const names = Object.keys(value)
    if (names.length === 0) refuse('got no group, wants at least one')
    return names.map((name, index) => {
      const wrong = nameProblem(name, index)
      if (wrong !== undefined) refuse(wrong, name)
      return { name, ...within(context, schema.safeParse(value[name]), name) }
    })
  })
}

/** The groups of a node that was told of none: something to GET, and something to SET. */
export function demoGroups(): readonly WrittenGroup[] {
  const scores = new Map([
    ['Tom', '630'],
    ['Jack', '589'],
    ['Sam', '567'],
  ])
  const origin = functionOrigin({ kind: 'demo', load: (key) => scores.get(key) })
  return [
    { name: 'scores', maxBytes: DEMO_BYTES, origin, ...defaultPolicies },
    { name: 'cache', maxBytes: undefined, origin: undefined, ...defaultPolicies },
  ]
}

const eagerness = reader<number, number>(`a number from 0 to ${MOST_EAGER}`, (value) =>
  typeof value === 'number' && value >= 0 && value <= MOST_EAGER ? value : undefined,
)

function groupSchema(directory: string): z.ZodType<Omit<WrittenGroup, 'name'>> {
  const schema = fields({
    maxBytes: size('1kb').optional(),
    ttl: duration(0).optional(),
    jitter: fraction.optional(),
    negativeTtl: duration(0).optional(),
    originTimeout: duration(0, 'timed').optional(),
    staleWhileRevalidate: duration(0, 'timed').optional(),
    staleIfError: duration(0, 'timed').optional(),
    refreshAhead: eagerness.optional(),
    originConcurrency: whole(0, MOST_CALLS).optional(),
    originQueue: whole(0, MOST_CALLS).optional(),
    originRetries: whole(0, MOST_RETRIES).optional(),
    originBackoff: duration(1, 60_000).optional(),
    breakAfter: whole(0, MOST_CALLS).optional(),
    breakFor: duration(1, 3_600_000).optional(),
    batchMax: whole(1, MOST_BATCHED).optional(),
    batchWindow: duration(0, 'timed').optional(),
    write: z
      .enum(WRITE_MODES, {
        error: ({ input }) => `got ${show(input)}, wants one of ${WRITE_MODES.join(', ')}`,
      })
      .optional(),
    writeQueue: whole(1, MOST_CALLS).optional(),
    onPartition: z
      .enum(PARTITION_MODES, {
        error: ({ input }) => `got ${show(input)}, wants one of ${PARTITION_MODES.join(', ')}`,
      })
      .optional(),
    origin: originSchema(directory).optional(),
  })
  return schema.transform((written, context) => {
    const policies = {
      ttlMs: written.ttl ?? defaultPolicies.ttlMs,
      jitter: written.jitter ?? defaultPolicies.jitter,
      negativeTtlMs: written.negativeTtl ?? defaultPolicies.negativeTtlMs,
      originTimeoutMs: written.originTimeout ?? defaultPolicies.originTimeoutMs,
      freshness: {
        ...defaultPolicies.freshness,
        ...defined({
          staleWhileRevalidateMs: written.staleWhileRevalidate,
          staleIfErrorMs: written.staleIfError,
          refreshAhead: written.refreshAhead,
        }),
      },
      governor: {
        ...defaultPolicies.governor,
        ...defined({
          concurrency: written.originConcurrency === 0 ? Infinity : written.originConcurrency,
          queue: written.originQueue,
          retries: written.originRetries,
          backoffMs: written.originBackoff,
          breakAfter: written.breakAfter,
          breakMs: written.breakFor,
        }),
      },
      batch: {
        ...defaultPolicies.batch,
        ...defined({ max: written.batchMax, windowMs: written.batchWindow }),
      },
      writes: {
        ...defaultPolicies.writes,
        ...defined({ mode: written.write, queue: written.writeQueue }),
      },
      onPartition: written.onPartition ?? defaultPolicies.onPartition,
    }
    for (const [field, message] of contradictions(policies, written.origin))
      context.addIssue({ code: 'custom', message, path: [field] })
    return { maxBytes: written.maxBytes, origin: written.origin, ...policies }
  })
}

/** What a group is told to do, each by itself possible, and together with the rest it is not. */
function contradictions(
  { ttlMs, originTimeoutMs, freshness, batch, writes }: Policies,
  origin: Origin | undefined,
): (readonly [field: keyof GroupConfig, message: string])[] {
  const found: (readonly [field: keyof GroupConfig, message: string])[] = []
  const refuse = (field: keyof GroupConfig, got: string, but: string): void => {
    found.push([field, `got ${got}, but ${but}`])
  }
  const { staleWhileRevalidateMs, staleIfErrorMs, refreshAhead } = freshness
  const endless = endlessness(ttlMs, origin)
  if (endless !== undefined) {
    if (staleWhileRevalidateMs > 0)
      refuse('staleWhileRevalidate', formatDuration(staleWhileRevalidateMs), endless)
    if (staleIfErrorMs > 0) refuse('staleIfError', formatDuration(staleIfErrorMs), endless)
    if (refreshAhead > 0) refuse('refreshAhead', String(refreshAhead), endless)
  }
  if (batch.windowMs > 0) {
    const window = formatDuration(batch.windowMs)
    if (origin?.loadMany === undefined)
      refuse('batchWindow', window, 'the origin loads one key at a time (batchQuery, batchUrl or loadMany)')
    else if (batch.max === 1)
      refuse('batchWindow', window, 'batchMax is 1: there is no other key to wait for')
    if (originTimeoutMs > 0 && batch.windowMs >= originTimeoutMs)
      refuse('batchWindow', window, `a load fails after originTimeout, ${formatDuration(originTimeoutMs)}`)
  }
  const storesNothing = origin?.store === undefined || origin.remove === undefined
  if ((writes.mode === 'through' || writes.mode === 'behind') && storesNothing)
    refuse(
      'write',
      writes.mode,
      'the origin has no way to store and remove (SQL: writeQuery and removeQuery; a function: store and remove)',
    )
  return found
}

/** Why no value of a group is ever loaded anew before or after its end; undefined: some may be. */
function endlessness(ttlMs: number, origin: Origin | undefined): string | undefined {
  if (origin === undefined) return 'there is no origin to load from'
  // The others may say themselves how long a value lives.
  const saysNothing = origin instanceof SqlOrigin || origin instanceof FileOrigin
  return ttlMs === 0 && saysNothing ? 'nothing ever ends: the group has no ttl' : undefined
}

/** Only the fields that have a value. */
function defined<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<{
    [Name in keyof Fields]: NonNullable<Fields[Name]>
  }>
}

/** SELECT takes names and indexes, so a name that reads as an index must be its own. */
function nameProblem(name: string, index: number): string | undefined {
  if (name === '') return 'a group needs a name'
  if (/[\s\p{Cc}]/u.test(name)) return 'the name of a group has no spaces and no control characters'
  if (!/^\d+$/.test(name) || name === String(index)) return undefined
  return `SELECT takes names and indexes, so a name of digits must be the group's index, which is ${index} here (names of digits come first)`
}

/** Whether an object inherits nothing but what every object does, also if another realm made it. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
