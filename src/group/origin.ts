// The port to where the data lives: a group asks its origin for what it does not hold.

/**
 * What an origin gives for a key. `null` and `undefined`: the key does not exist. A string (stored as UTF-8) or
 * bytes become a string value; the bytes are taken as they are, so they must not change afterwards.
 */
export type OriginValue = string | Uint8Array | null | undefined

/** A value alone, or with what the origin says about it. */
export type OriginResult = OriginValue | Loaded

/**
 * What `loadMany` gives: a result for each key in the order of the keys, or by key (then one that is missing does
 * not exist). An `Error` in the place of a result is the error of that key alone.
 */
export type OriginResults = readonly (OriginResult | Error)[] | ReadonlyMap<string, OriginResult | Error>

/** What an origin can say about a value. Times in milliseconds. */
export interface LoadedFacts {
  /** The lifetime, also of an absence, instead of the group's; 0: whoever waits gets the value, it is not kept; Infinity: no end. */
  readonly ttl?: number
  /** Names under which it can be invalidated together with others. */
  readonly tags?: readonly string[]
  /** How long after its lifetime it may be served while it is loaded anew, or while that fails. */
  readonly staleWhileRevalidate?: number
  readonly staleIfError?: number
  /** What tells this version of the value from others; comes back as `LoadContext.validator` when it is loaded anew. */
  readonly validator?: string
}

/**
 * What tells instances of a class: a file of a configuration has a copy of this module of its own, whose classes are
 * not those of the node that it is given to.
 */
const LOADED = Symbol.for('erinys.Loaded')
const RETRY_LATER = Symbol.for('erinys.RetryLater')
const BAD_REQUEST = Symbol.for('erinys.BadRequest')
const NOT_TAKEN = Symbol.for('erinys.NotTaken')

/** A value with what the origin says about it; made by `loaded` and `unchanged`. */
export class Loaded {
  readonly [LOADED] = true
  readonly value: OriginValue
  readonly facts: LoadedFacts
  /** The origin found the version that the group holds to be current, and gives no value. */
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
 * A value with what the origin says about it.
 *
 * ```ts
 * origin: async (id) => loaded(await lookup(id), { ttl: 30_000 })
 * ```
 *
 * @throws TypeError when a fact is not what it should be
 */
export function loaded(value: OriginValue, facts: LoadedFacts = {}): Loaded {
  return new Loaded(value, checked(facts), false)
}

/**
 * Says that the value whose validator came with the context is still current. What the facts leave out is as the group's
 * policy says: what an origin has said before is its own to remember, in the validator say.
 * @throws TypeError when a fact is not what it should be
 */
export function unchanged(facts: LoadedFacts = {}): Loaded {
  return new Loaded(null, checked(facts), true)
}

export interface LoadContext {
  /** The name of the group that asks. */
  readonly group: string
  /** Aborted when the answer is no longer wanted: the load timed out, or the node closes. */
  readonly signal: AbortSignal
  /** Of the version that the group holds, when it asks for the key anew: the origin may answer `unchanged()`. */
  readonly validator?: string
}

export interface StoreContext extends LoadContext {
  /** The lifetime that the client gave the value, in ms; undefined: none. */
  readonly ttl?: number
}

/** Where an origin tells what its operator should know. */
export interface OriginLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** Told what has changed at the source, in whose words: keys are those of the cache. */
export interface ChangeListener {
  /** The name of the group that listens. */
  readonly group: string
  key(key: Buffer): void
  tag(tag: Buffer): void
  /** Everything may have changed. */
  all(): void
  /** Word is heard from now on: of changes before, it may have been lost. */
  gap(): void
  /** No word is heard until the next `gap`. */
  lost(error: unknown): void
}

export interface Origin {
  /** Names the implementation: 'function', 'file', … */
  readonly kind: string
  /** Loads one key, given as UTF-8 text. Throwing or rejecting is an error for every waiter and is not cached: see `BadRequest` and `RetryLater`. */
  load(key: string, context: LoadContext): Promise<OriginResult> | OriginResult
  /** Loads several different keys at once, each as `load` would. Throwing or rejecting is an error for all of them. */
  loadMany?(keys: readonly string[], context: LoadContext): Promise<OriginResults> | OriginResults
  /** Whether the source is to be asked for a key at all, which must not be asked here; by default for any. */
  knows?(key: string): boolean
  /** Whether a load may be repeated; true. */
  readonly isIdempotent?: boolean
  /** Keeps a value under a key, for groups that write through or behind. What is written again changes nothing more. */
  store?(key: string, value: Buffer, context: StoreContext): Promise<void> | void
  /** Removes a key, which need not exist. */
  remove?(key: string, context: LoadContext): Promise<void> | void
  /**
   * Called once, before the first load. What it throws keeps the node from starting: what is wrong with the
   * configuration. What may pass (the source cannot be reached) is a warning.
   */
  start?(log: OriginLog): Promise<void> | void
  /** Hears of changes at the source from now on, until `close`; called at most once, after `start`. */
  listen?(listener: ChangeListener): Promise<void> | void
  /** Releases what the origin holds; called once, when the node closes. */
  close?(): Promise<void> | void
}

/** The source is there and asks not to be asked for a while. */
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
 * The source has answered, and would answer the same to this key or value again: no sign that it is unwell, and not worth
 * another try.
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

/** Marks the error of a source that has done nothing of what it was asked, for certain, but may another time. */
export function notApplied<Failure extends Error>(error: Failure): Failure {
  return Object.assign(error, { [NOT_TAKEN]: true })
}

/** Whether the source has done nothing of what failed so: it says that, or no connection to it was made. */
export function isNotApplied(error: unknown, depth = DEEPEST_CAUSE): boolean {
  if (depth === 0 || !(error instanceof Error)) return false
  const { code = '', syscall } = error as NodeJS.ErrnoException
  if (isMarked(error, NOT_TAKEN) || syscall === 'connect' || UNCONNECTED.has(code)) return true
  // One for each address of a host, say.
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.errors.every((each) => isNotApplied(each, depth - 1))
  return isNotApplied(error.cause, depth - 1)
}

/** What only the making of a connection fails with; a host or network that cannot be reached may break one, too. */
const UNCONNECTED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])

/** Causes may go in a circle. */
const DEEPEST_CAUSE = 8

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
