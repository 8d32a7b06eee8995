// The interface of origins: a group loads keys that are not cached from its origin.

import type { Collection } from '../store/value.ts'

/** An element of a collection. Numbers and booleans become text, strings UTF-8. */
export type OriginElement = string | Uint8Array | number | bigint | boolean

/**
 * A collection that an origin returns: a Map or a plain object is a hash, in which fields that are null or undefined are
 * left out; an array is a list, a Set a set. An empty one is no value: Redis has no empty collections.
 */
export type OriginCollection =
  | ReadonlyMap<string | Uint8Array, OriginElement | null | undefined>
  | { readonly [field: string]: OriginElement | null | undefined }
  | readonly OriginElement[]
  | ReadonlySet<OriginElement>
  | SortedSet

/**
 * What an origin returns for a key. `null` and `undefined`: the key does not exist. A string (stored as UTF-8) or
 * bytes become a string value; the bytes are not copied, so they must not change afterwards. The Redis origin
 * returns collections in the format of DUMP.
 */
export type OriginValue = string | Uint8Array | OriginCollection | Collection | null | undefined

/** A value alone, or with facts about it (TTL, tags, validator…). */
export type OriginResult = OriginValue | Loaded

/**
 * What `loadMany` returns: a result for each key in the order of the keys, or by key (then a missing key does not
 * exist). An `Error` in the place of a result is the error of that key alone.
 */
export type OriginResults = readonly (OriginResult | Error)[] | ReadonlyMap<string, OriginResult | Error>

/** Facts about a value. Times in milliseconds. */
export interface LoadedFacts {
  /**
   * The TTL, also of an absence, instead of the group's; 0: for the waiters only; Infinity: no expiry. With 0
   * it is kept only if it has a stale window, or a validator for the next load.
   */
  readonly ttl?: number
  /** Tags by which it can be invalidated together with others. */
  readonly tags?: readonly string[]
  /** How long after its TTL it may be served while it is reloaded, or when that fails. */
  readonly staleWhileRevalidate?: number
  readonly staleIfError?: number
  /** Identifies this version of the value; passed as `LoadContext.validator` when it is reloaded. */
  readonly validator?: string
}

/**
 * Brands for `instanceof`: a configuration file may load its own copy of this module, whose classes differ from the
 * node's.
 */
const SORTED_SET = Symbol.for('erinys.SortedSet')
const LOADED = Symbol.for('erinys.Loaded')
const RETRY_LATER = Symbol.for('erinys.RetryLater')
const BAD_REQUEST = Symbol.for('erinys.BadRequest')
const NOT_TAKEN = Symbol.for('erinys.NotTaken')

/** The members and scores of a sorted set; made by `sortedSet`. */
export class SortedSet {
  readonly [SORTED_SET] = true
  readonly entries: Iterable<readonly [member: OriginElement, score: number]>

  constructor(entries: Iterable<readonly [member: OriginElement, score: number]>) {
    this.entries = entries
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return isMarked(value, SORTED_SET)
  }
}

/**
 * A sorted set as the result of an origin. If a member occurs twice, the last score counts.
 *
 * ```ts
 * origin: async (game) => sortedSet((await scores(game)).map(({ player, points }) => [player, points]))
 * ```
 */
export function sortedSet(entries: Iterable<readonly [member: OriginElement, score: number]>): SortedSet {
  return new SortedSet(entries)
}

/** A value with facts about it; made by `loaded` and `unchanged`. */
export class Loaded {
  readonly [LOADED] = true
  readonly value: OriginValue
  readonly facts: LoadedFacts
  /** The cached version is current; there is no value. */
  readonly unchanged: boolean

  constructor(value: OriginValue, facts: LoadedFacts, unchanged: boolean) {
    this.value = value
    this.facts = facts
    this.unchanged = unchanged
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return isMarked(value, LOADED)
  }
}

/**
 * A value with facts about it.
 *
 *  ```ts
 * origin: async (id) => loaded(await lookup(id), { ttl: 30_000 })
 * ```
 *
 * @throws TypeError for an invalid fact
 */
export function loaded(value: OriginValue, facts: LoadedFacts = {}): Loaded {
  return new Loaded(value, checked(facts), false)
}

/**
 * Confirms that the version of `LoadContext.validator` is still current. Omitted facts are as the group's policy says,
 * not as in earlier results: an origin may encode them in the validator.
 * @throws TypeError for an invalid fact
 */
export function unchanged(facts: LoadedFacts = {}): Loaded {
  return new Loaded(null, checked(facts), true)
}

export interface LoadContext {
  /** The name of the group that asks. */
  readonly group: string
  /** Aborted when the result is no longer needed: the load timed out, or the node closes. */
  readonly signal: AbortSignal
  /** The validator of the cached version when the key is reloaded: the origin may return `unchanged()`. */
  readonly validator?: string
}

export interface StoreContext extends LoadContext {
  /** The TTL that the client gave, in ms; undefined: none. */
  readonly ttl?: number
  /**
   * What the write changes in a hash, a set or a sorted set. Undefined for other values, and where a value of another
   * type is replaced.
   */
  readonly change?: StoreChange
}

/**
 * A collection that is stored: a hash, a list, a set or a sorted set, whose fields and members are text. The members
 * of the sorted set are in its order.
 */
export type StoredCollection =
  | ReadonlyMap<string, Buffer>
  | readonly Buffer[]
  | ReadonlySet<string>
  | SortedSet

/** What a write changes. Of several writes that are stored together, what all of them change. */
export type StoreChange =
  /** Fields of a hash, with their new values. */
  | { readonly set: ReadonlyMap<string, Buffer>; readonly removed: readonly string[] }
  /** Members of a set. */
  | { readonly added: readonly string[]; readonly removed: readonly string[] }
  /** Members of a sorted set that are new or have a new score. */
  | { readonly scores: ReadonlyMap<string, number>; readonly removed: readonly string[] }

/** The log for messages to the operator. */
export interface OriginLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Receives change notifications from the source. Keys are those of the cache. */
export interface ChangeListener {
  /** The name of the group that listens. */
  readonly group: string
  key(key: Buffer): void
  tag(tag: Buffer): void
  /** Everything may have changed. */
  all(): void
  /** Notifications are received from now on; earlier ones may have been missed. */
  gap(): void
  /** Notifications are interrupted until the next `gap`. */
  lost(error: unknown): void
}

export interface Origin {
  /** Names the implementation: 'function', 'file', … */
  readonly kind: string
  /** Loads one key, given as text. An exception is an error for all waiters and is not cached; see `BadRequest` and `RetryLater`. */
  load(key: string, context: LoadContext): Promise<OriginResult> | OriginResult
  /** Loads several different keys at once. An exception is an error for all of them. */
  loadMany?(keys: readonly string[], context: LoadContext): Promise<OriginResults> | OriginResults
  /** What its keys look like, for errors: `user:{id}`. */
  readonly keyPattern?: string | undefined
  /** Whether such a key may exist, decided without asking the source; default: any key may. */
  knows?(key: string): boolean
  /** Whether a load may be retried; default true. */
  readonly isIdempotent?: boolean
  /** Whether it cannot be written although it has `store`: its values are collections, and it stores strings only. */
  readonly isReadOnly?: boolean
  /** Writes a value, for write-through and write-behind groups. Must be idempotent. */
  store?(key: string, value: Buffer, context: StoreContext): Promise<void> | void
  /** Writes a collection, likewise; without it, writes of collections are refused. */
  storeCollection?(key: string, value: StoredCollection, context: StoreContext): Promise<void> | void
  /** Removes a key, which need not exist. */
  remove?(key: string, context: LoadContext): Promise<void> | void
  /**
   * Called once, before the first load. An exception stops the node from starting: throw for configuration errors, warn
   * for temporary ones (the source cannot be reached).
   */
  start?(log: OriginLog): Promise<void> | void
  /** Subscribes to changes at the source until `close`; called at most once, after `start`. */
  listen?(listener: ChangeListener): Promise<void> | void
  /** Releases resources; called once, when the node closes. */
  close?(): Promise<void> | void
}

/** The error for a write of a key that the origin cannot have. */
export function unknownKey({ keyPattern }: Pick<Origin, 'keyPattern'>): string {
  const others = 'or select a group whose `write` is `around` for other keys'
  return keyPattern === undefined
    ? `the origin cannot have this key: write a key that it can have, ${others}`
    : `the key does not match the origin's pattern ${keyPattern}: write a key that does, ${others}`
}

/** The source asks for a pause: opens the circuit breaker for `retryAfter` ms. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater'
  readonly [RETRY_LATER] = true
  /** Milliseconds. */
  readonly retryAfter: number

  constructor(message: string, retryAfter: number) {
    super(message)
    this.retryAfter = retryAfter
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isMarked(value, RETRY_LATER)
  }
}

/**
 * A permanent error of this key or value: not retried, and not a failure for the circuit breaker.
 */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
  readonly [BAD_REQUEST] = true

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isBadRequest(value)
  }
}

export function isBadRequest(error: unknown): error is BadRequest {
  return isMarked(error, BAD_REQUEST)
}

/** Marks the error of a write that has certainly not been applied and may be retried. */
export function notApplied<Failure extends Error>(error: Failure): Failure {
  return Object.assign(error, { [NOT_TAKEN]: true })
}

/** Whether a failed write has certainly not been applied: the source said so, or no connection was made. */
export function isNotApplied(error: unknown, depth = MAX_CAUSE_DEPTH): boolean {
  if (depth === 0 || !(error instanceof Error)) return false
  const { code = '', syscall } = error as NodeJS.ErrnoException
  if (isMarked(error, NOT_TAKEN) || syscall === 'connect' || UNCONNECTED.has(code)) return true
  // For example, one error per address of a host.
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.every((each) => isNotApplied(each, depth - 1))
  return isNotApplied(error.cause, depth - 1)
}

/** Error codes of failed connection attempts; EHOSTUNREACH and ENETUNREACH may also break an open connection. */
const UNCONNECTED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])

/** How many nested causes of an error are examined: they may be circular. */
const MAX_CAUSE_DEPTH = 8

function isMarked(value: unknown, mark: symbol): boolean {
  return typeof value === 'object' && value !== null && mark in value
}

function checked(facts: LoadedFacts): LoadedFacts {
  for (const name of ['ttl', 'staleWhileRevalidate', 'staleIfError'] as const) {
    const ms = facts[name]
    if (ms !== undefined && !(typeof ms === 'number' && ms >= 0))
      throw new TypeError(`got a ${name} of ${String(ms)}, wants milliseconds, at least 0`)
  }
  const { tags, validator } = facts
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')))
    throw new TypeError('got tags that are not a list of texts')
  if (validator !== undefined && typeof validator !== 'string')
    throw new TypeError('got a validator that is not text')
  return facts
}
