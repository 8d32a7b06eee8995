// The groups of a configuration: their fields, and the policies that these become.

import { z } from 'zod'
import { formatDuration } from '../bytes/units.ts'
import { noFreshness } from '../group/freshness.ts'
import { defaultGovernor } from '../group/governor/governor.ts'
import type { Origin } from '../group/origin.ts'
import type { GroupPolicy } from '../group/policy.ts'
import { defaultWrites, WRITE_MODES, type WriteMode } from '../group/writes/writes.ts'
import { FileOrigin } from '../origin/file.ts'
import { functionOrigin, type Loader, type LoadFunction } from '../origin/function.ts'
import { SqlOrigin } from '../origin/sql/sql.ts'
import {
  EVICTION_COSTS,
  EVICTION_NAMES,
  type EvictionCost,
  type EvictionName,
} from '../store/eviction/policies.ts'
import { identified } from './origins/identity.ts'
import type { OriginConfig } from './origins/kinds.ts'
import { originSchema } from './origins/schema.ts'
import {
  duration,
  fields,
  fractionTo,
  isObject,
  oneOf,
  reader,
  show,
  size,
  whole,
  within,
} from './readers.ts'

/** The fields of a group. Sizes: bytes or `'64mb'`; durations: ms or `'5m'`. */
export interface GroupConfig {
  /** The budget in bytes for keys, values and their index. Default: `maxmemory`. */
  readonly maxBytes?: number | string
  /** TTL of loaded values, and of values written without a TTL. Default: 0, no TTL. */
  readonly ttl?: number | string
  /** Each TTL is shortened at random by up to this fraction, so that entries do not expire together. Default: 0.1. */
  readonly jitter?: number | string
  /** Negative caching: how long a key that the origin lacks is cached as absent; 0: not at all. Default: '5s'. */
  readonly negativeTtl?: number | string
  /** Timeout of a load; 0: no limit. Default: '10s'. */
  readonly originTimeout?: number | string
  /**
   * How long a command waits for a load; then it gets a stale value or an error, and the load goes on.
   * Default: 0, until the load ends.
   */
  readonly maxWait?: number | string
  /** How long after its expiry a value is served stale while it is reloaded in the background. Default: 0. */
  readonly staleWhileRevalidate?: number | string
  /** How long after its expiry a value is served stale when the reload fails. Default: 0. */
  readonly staleIfError?: number | string
  /**
   * Refresh ahead of expiry, the β of XFetch: with 1 a reload begins about one load time before the expiry, with 2
   * about two. Default: 0, no refresh ahead.
   */
  readonly refreshAhead?: number | string
  /** Maximum number of concurrent calls of the origin; 0: no limit. Default: 256. */
  readonly originConcurrency?: number
  /** Queue limit: maximum number of calls that wait for a running one to end; others are rejected. Default: 10000. */
  readonly originQueue?: number
  /** Maximum number of retries of a failed load. Default: 0. */
  readonly originRetries?: number
  /** Maximum backoff before the first retry; doubled for each further one. Default: '50ms'. */
  readonly originBackoff?: number | string
  /** Consecutive failures that open the circuit breaker, which rejects calls; 0: no breaker. Default: 20. */
  readonly breakAfter?: number
  /** How long the circuit breaker stays open at most; doubled each time the trial call fails too. Default: '1s'. */
  readonly breakFor?: number | string
  /** Maximum number of keys in one batched load. Default: 100. */
  readonly batchMax?: number
  /** How long a batch collects keys before it is sent. Default: 0, until the end of the event-loop turn. */
  readonly batchWindow?: number | string
  /**
   * What a client's write does. `around`, the default: it changes the cache only; `through`: it is written to the
   * origin first; `behind`: it is written to the origin later; `refuse`: it is rejected.
   */
  readonly write?: WriteMode
  /**
   * In a cluster, on a node that does not reach a majority of the members: it continues to serve (`serve`, the default), or it
   * answers `CLUSTERDOWN` to writes, and to reads if the group has no origin (`refuse`).
   */
  readonly onPartition?: 'serve' | 'refuse'
  /**
   * Which entry is evicted when the budget is full. `lru`, the default: the least recently used one; `s3-fifo`: a new entry
   * that was not read again, then the oldest one without a recent read; `w-tinylfu`: of a new and an old entry, the one
   * whose key was accessed less often; `auto`: the choice of whichever of the three has the most hits on a sample.
   */
  readonly eviction?: EvictionName
  /** `load-time`: entries whose last load took more time per byte stay longer. Default: `none`. */
  readonly evictionCost?: EvictionCost
  /** Write-behind queue limit: maximum number of keys with pending writes. Default: 10000. */
  readonly writeQueue?: number
  /** The media type of the group's strings over HTTP, such as `'text/html; charset=utf-8'`. Default: bytes of no known type. */
  readonly contentType?: string
  /** Loads missing keys: `sql(…)`, `http(…)`, `redis(…)`, a function, an object with `load`, or one with a `kind`. */
  readonly origin?: LoadFunction | Loader | OriginConfig
}

/** A group policy; without `maxBytes` the budget is `maxmemory`. */
export type WrittenGroup = Omit<GroupPolicy, 'maxBytes'> & { readonly maxBytes: number | undefined }

/** The policies of a group: all but its name, budget, origin and media type. */
export type Policies = Required<Omit<GroupPolicy, 'name' | 'maxBytes' | 'origin' | 'contentType'>>

/** The defaults. */
export const defaultPolicies: Policies = {
  ttlMs: 0,
  jitter: 0.1,
  negativeTtlMs: 5000,
  originTimeoutMs: 10_000,
  maxWaitMs: 0,
  freshness: noFreshness,
  governor: defaultGovernor,
  batch: { max: 100, windowMs: 0 },
  writes: defaultWrites,
  onPartition: 'serve',
  eviction: 'lru',
  evictionCost: 'none',
}

const MAX_BATCHED = 10_000
const MAX_CALLS = 1_000_000
const MAX_RETRIES = 10
const MAX_EAGER = 100
const DEMO_BYTES = 64 * 2 ** 20

/**
 * An object from group names to groups; relative paths start at `directory`. Not a `z.record`, which skips the name
 * `__proto__`. The order of the names is the order of the indexes.
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
        "got an object with a prototype, wants a plain one (a group named __proto__ is written ['__proto__'])",
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

/** The groups of a node without configured groups: one with an origin, one without. */
export function demoGroups(): readonly WrittenGroup[] {
  const scores = new Map([
    ['Tom', '630'],
    ['Jack', '589'],
    ['Sam', '567'],
  ])
  const origin = identified(functionOrigin({ kind: 'demo', load: (key) => scores.get(key) }), {}, {})
  return [
    { name: 'scores', maxBytes: DEMO_BYTES, origin, ...defaultPolicies },
    { name: 'cache', maxBytes: undefined, origin: undefined, ...defaultPolicies },
  ]
}

/** RFC 9110, section 8.3.1. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;\s*[\w!#$&^.+-]+=([\w!#$&^.+-]+|"[^"\\\r\n]*"))*$/

const mediaType = reader<string, string>("a media type such as 'text/html; charset=utf-8'", (value) =>
  typeof value === 'string' && MEDIA_TYPE.test(value) ? value : undefined,
)

function groupSchema(directory: string): z.ZodType<Omit<WrittenGroup, 'name'>> {
  const schema = fields({
    maxBytes: size('1kb').optional(),
    ttl: duration(0).optional(),
    jitter: fractionTo(1).optional(),
    negativeTtl: duration(0).optional(),
    originTimeout: duration(0, 'timed').optional(),
    maxWait: duration(0, 'timed').optional(),
    staleWhileRevalidate: duration(0, 'timed').optional(),
    staleIfError: duration(0, 'timed').optional(),
    refreshAhead: fractionTo(MAX_EAGER, 'a number').optional(),
    originConcurrency: whole(0, MAX_CALLS).optional(),
    originQueue: whole(0, MAX_CALLS).optional(),
    originRetries: whole(0, MAX_RETRIES).optional(),
    originBackoff: duration(1, 60_000).optional(),
    breakAfter: whole(0, MAX_CALLS).optional(),
    breakFor: duration(1, 3_600_000).optional(),
    batchMax: whole(1, MAX_BATCHED).optional(),
    batchWindow: duration(0, 'timed').optional(),
    write: oneOf(...WRITE_MODES).optional(),
    writeQueue: whole(1, MAX_CALLS).optional(),
    onPartition: oneOf('serve', 'refuse').optional(),
    eviction: oneOf(...EVICTION_NAMES).optional(),
    evictionCost: oneOf(...EVICTION_COSTS).optional(),
    contentType: mediaType.optional(),
    origin: originSchema(directory).optional(),
  })
  return schema.transform((written, context) => {
    const policies = {
      ttlMs: written.ttl ?? defaultPolicies.ttlMs,
      jitter: written.jitter ?? defaultPolicies.jitter,
      negativeTtlMs: written.negativeTtl ?? defaultPolicies.negativeTtlMs,
      originTimeoutMs: written.originTimeout ?? defaultPolicies.originTimeoutMs,
      maxWaitMs: written.maxWait ?? defaultPolicies.maxWaitMs,
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
      eviction: written.eviction ?? defaultPolicies.eviction,
      evictionCost: written.evictionCost ?? defaultPolicies.evictionCost,
    }
    for (const [field, message] of contradictions(policies, written.origin))
      context.addIssue({ code: 'custom', message, path: [field] })
    const { maxBytes, origin, contentType } = written
    return { maxBytes, origin, ...(contentType !== undefined && { contentType }), ...policies }
  })
}

/** Fields of a group that contradict each other, with the reason. */
function contradictions(
  { ttlMs, originTimeoutMs, maxWaitMs, freshness, batch, writes, evictionCost }: Policies,
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
  if (evictionCost !== 'none' && origin === undefined)
    refuse('evictionCost', evictionCost, 'there is no origin to load from')
  if (maxWaitMs > 0) {
    const wait = formatDuration(maxWaitMs)
    if (origin === undefined) refuse('maxWait', wait, 'there is no origin to wait for')
    else if (originTimeoutMs > 0 && maxWaitMs >= originTimeoutMs)
      refuse(
        'maxWait',
        wait,
        `a load fails after originTimeout, ${formatDuration(originTimeoutMs)}: give less, or more to originTimeout`,
      )
  }
  if (batch.windowMs > 0) {
    const window = formatDuration(batch.windowMs)
    if (origin?.loadMany === undefined)
      refuse('batchWindow', window, 'the origin loads one key at a time (batchQuery, batchUrl or loadMany)')
    else if (batch.max === 1)
      refuse('batchWindow', window, 'batchMax is 1: there is no other key to wait for')
    if (originTimeoutMs > 0 && batch.windowMs >= originTimeoutMs)
      refuse('batchWindow', window, `a load fails after originTimeout, ${formatDuration(originTimeoutMs)}`)
    else if (maxWaitMs > 0 && batch.windowMs >= maxWaitMs)
      refuse(
        'batchWindow',
        window,
        `commands wait for a load for maxWait at most, ${formatDuration(maxWaitMs)}`,
      )
  }
  const storesNothing =
    origin?.store === undefined || origin.remove === undefined || origin.isReadOnly === true
  if ((writes.mode === 'through' || writes.mode === 'behind') && storesNothing)
    refuse(
      'write',
      writes.mode,
      'the origin cannot store and remove (SQL: set writeQuery and removeQuery, as a string or hash; HTTP: leave out as; a function: add store and remove)',
    )
  return found
}

/** The reason why no value of a group is ever reloaded; `undefined`: values may be reloaded. */
function endlessness(ttlMs: number, origin: Origin | undefined): string | undefined {
  if (origin === undefined) return 'there is no origin to load from'
  // Origins of other kinds may give values a TTL.
  const saysNothing = origin instanceof SqlOrigin || origin instanceof FileOrigin
  return ttlMs === 0 && saysNothing ? 'no value ever expires: the group has no ttl' : undefined
}

/** The fields without `undefined` ones. */
function defined<Fields extends object>(
  fields: Fields,
): { [Name in keyof Fields]?: NonNullable<Fields[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<{
    [Name in keyof Fields]: NonNullable<Fields[Name]>
  }>
}

/** SELECT takes names and indexes, so a name of digits must be the group's own index. */
function nameProblem(name: string, index: number): string | undefined {
  if (name === '') return 'a group needs a name'
  if (/[\s\p{Cc}]/u.test(name)) return 'the name of a group has no spaces and no control characters'
  if (!/^\d+$/.test(name) || name === String(index)) return undefined
  return `SELECT takes names and indexes, so a name of digits must be the group's index, which is ${index} here (names of digits come first)`
}

/** Whether an object has no prototype but `Object.prototype`, maybe that of another realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
