// An origin that is a SQL database: one query for a key, and one for many keys at once.

import { systemTimers } from '../../bytes/clock.ts'
import {
  BadRequest,
  type ChangeListener,
  type LoadContext,
  type Origin,
  type OriginLog,
  type OriginValue,
  unknownKey,
} from '../../group/origin.ts'
import { showKey } from '../../group/result.ts'
import { RareWarning } from '../../telemetry/rare-warning.ts'
import { errorText } from '../abortable.ts'
import type { KeyPattern } from '../key-pattern.ts'
import type { Subscription } from '../subscription.ts'
import { Batch } from './batch.ts'
import { type Checked, checkStatements, type Statements } from './checks.ts'
import {
  type Driver,
  type DriverOptions,
  type IntegerRange,
  type Parameter,
  StatementError,
  worded,
} from './driver.ts'
import { ofKey, RowReader } from './row-reader.ts'
import { placeOf, protocolOf } from './url.ts'

/** Connections of a pool often break together: at most one line is logged in this time, ms. */
const BROKEN_INTERVAL_MS = 1000

/** The canonical spelling of an integer. */
const INTEGER = /^(?:0|-?[1-9]\d*)$/

/** More digits are not an integer of any database. */
const MAX_DIGITS = 20

const LOOSE =
  'query: which column is the key is not clear, so the database may find a row by several keys, such as 1 and 01: ' +
  'compare a column with the parameter (where id = ?), or give the keys a type (user:{id:int})'

const CHANGE_FORMS = 'a key, or JSON such as {"key": "user:1"}, {"tag": "red"} or {"all": true}'

/** A faulty trigger may notify at every change of a row: such warnings are rate-limited. */
const UNUSABLE_INTERVAL_MS = 60_000

export interface SqlOptions extends Omit<DriverOptions, 'onIdleError' | 'writes'>, Statements {
  /** The pattern of valid keys, whose capture is the parameter; undefined: the whole key is the parameter. */
  readonly keys: KeyPattern | undefined
  /** Do not check the statements before the first load. */
  readonly lazy: boolean
  /** PostgreSQL: the channel of change notifications. */
  readonly listen?: string
  /** A monotonic clock in milliseconds; by default the process's. */
  readonly now?: () => number
}

/**
 * `query` has one parameter, the key, and returns at most one row. `batchQuery` has one parameter, the set of keys;
 * the first column of its rows is the row's key, the others are those of `query`.
 */
export class SqlOrigin implements Origin {
  readonly kind = 'sql'
  readonly keyPattern: string | undefined
  readonly loadMany: Origin['loadMany']
  readonly store: Origin['store']
  readonly storeCollection: Origin['storeCollection']
  readonly remove: Origin['remove']
  readonly listen: Origin['listen']
  readonly #options: SqlOptions
  readonly #reader: RowReader
  readonly #broken: RareWarning
  readonly #unusable: RareWarning
  #log: OriginLog | undefined
  #listening: Subscription | undefined
  /** Whether a notification has named a key that matches the pattern. */
  #isNotified = false
  #opening: Promise<Driver> | undefined
  #checking: Promise<Checked> | undefined
  /** The integers that keys may be, by the type of their column. */
  #integers: IntegerRange | undefined

  constructor(options: SqlOptions) {
    this.#options = options
    this.keyPattern = options.keys?.source
    this.#reader = new RowReader(options.column, options.shape)
    this.#broken = new RareWarning(BROKEN_INTERVAL_MS, options.now)
    this.#unusable = new RareWarning(UNUSABLE_INTERVAL_MS, options.now)
    const { writeQuery, removeQuery, listen } = options
    if (writeQuery !== undefined) {
      const isOfHashes = options.shape === 'hash'
      this.store = (key, value, { signal }) => {
        if (isOfHashes) throw new BadRequest("the origin stores hashes only, by as: 'hash'")
        return this.#write(key, ({ write }, parameter) => write?.([parameter, value], signal))
      }
      if (isOfHashes)
        this.storeCollection = (key, value, { change, signal }) =>
          this.#write(key, ({ hashes }, parameter) => hashes?.write(parameter, value, change, signal))
    }
    if (removeQuery !== undefined)
      this.remove = (key, { signal }) =>
        this.#write(key, ({ remove }, parameter) => remove?.([parameter], signal))
    if (listen !== undefined) this.listen = (listener) => this.#listen(listen, listener)
    if (options.batchQuery !== undefined) this.loadMany = (keys, context) => this.#loadMany(keys, context)
  }

  /**
   * @throws StatementError for a query that the database rejects or whose columns do not fit, Error for credentials, a
   * database or a file that it rejects
   */
  async start(log: OriginLog): Promise<void> {
    this.#log = log
    const driver = await this.#open()
    if (this.#options.lazy) return
    try {
      await this.#checked()
    } catch (error) {
      if (error instanceof StatementError) throw error
      const { url } = this.#options
      // The errors of SQLite name the file.
      const reason = (protocolOf(url) === 'sqlite:' ? '' : `${placeOf(url)}: `) + errorText(error)
      if (driver.isLasting(error)) throw new Error(reason, { cause: error })
      log.warn({ err: error }, `the database does not answer, loads fail until it does: ${reason}`)
    }
  }

  knows(key: string): boolean {
    return this.#parameterOf(key) !== undefined
  }

  async load(key: string, { signal }: LoadContext): Promise<OriginValue> {
    if (!this.knows(key)) return null
    try {
      const { queries } = await this.#checked()
      const parameter = this.#parameterOf(key)
      return parameter === undefined ? null : this.#reader.only(await queries.one(parameter, signal))
    } catch (error) {
      throw worded(ofKey(error, key))
    }
  }

  async close(): Promise<void> {
    this.#listening?.close()
    const driver = await this.#opening?.catch(() => undefined)
    await driver?.close()
  }

  async #listen(channel: string, listener: ChangeListener): Promise<void> {
    const { url, tls, connectTimeout } = this.#options
    const { postgresListener } = await import('./postgres/listener.ts')
    this.#listening = postgresListener({
      url,
      tls,
      channel,
      connectTimeout,
      timers: systemTimers,
      listener,
      onUnusable: (payload) => this.#warnUnusable(channel, 'key or tag', payload, CHANGE_FORMS),
      onKeys: (keys, payload) => this.#noteKeys(channel, keys, payload),
    })
    await this.#listening.start()
  }

  /** Runs a statement that writes, for the parameter of a key. */
  async #write(
    key: string,
    run: (statements: Checked, parameter: Parameter) => Promise<unknown> | undefined,
  ): Promise<void> {
    if (!this.knows(key)) throw new BadRequest(unknownKey(this))
    try {
      const statements = await this.#checked()
      const parameter = this.#parameterOf(key)
      if (parameter === undefined) throw new BadRequest(unknownKey(this))
      await run(statements, parameter)
    } catch (error) {
      throw worded(error)
    }
  }

  async #loadMany(keys: readonly string[], { signal }: LoadContext): Promise<(OriginValue | Error)[]> {
    if (!keys.some((key) => this.knows(key))) return keys.map(() => null)
    const { queries } = await this.#checked().catch((error) => Promise.reject(worded(error)))
    const parameters = keys.map((key) => this.#parameterOf(key))
    /** By the text of the parameter, which several keys may share. */
    const asked = new Map<string, Parameter>()
    for (const parameter of parameters) if (parameter !== undefined) asked.set(String(parameter), parameter)
    if (asked.size === 0) return keys.map(() => null)
    const found = await new Batch(queries, this.#reader, signal).find([...asked.values()])
    return parameters.map((parameter, i) =>
      parameter === undefined ? null : ofKey(found.get(String(parameter)), keys[i]),
    )
  }

  #parameterOf(key: string): Parameter | undefined {
    const { keys } = this.#options
    const text = keys === undefined ? key : keys.match(key)?.[0]
    if (text === undefined || (this.#integers !== undefined && !isWithin(text, this.#integers)))
      return undefined
    return keys?.types[0].startsWith('int') ? BigInt(text) : text
  }

  #open(): Promise<Driver> {
    const { writeQuery, removeQuery } = this.#options
    this.#opening ??= openDriver({
      ...this.#options,
      writes: writeQuery !== undefined || removeQuery !== undefined,
      onIdleError: (error) => this.#warnBroken(error),
    }).catch((error) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  #warnBroken(error: Error): void {
    this.#broken.give(() => this.#log?.warn({ err: error }, `a connection was lost: ${errorText(error)}`))
  }

  /** Once one has named a key of this group, those that do not are of other groups with the same channel. */
  #noteKeys(channel: string, keys: readonly Buffer[], payload: string): void {
    const { keys: pattern } = this.#options
    if (pattern === undefined || this.#isNotified) return
    this.#isNotified = keys.some((key) => pattern.match(String(key)) !== undefined)
    if (!this.#isNotified)
      this.#warnUnusable(channel, 'key of this group', payload, `a key such as ${pattern.source}`)
  }

  #warnUnusable(channel: string, what: string, payload: string, wanted: string): void {
    this.#unusable.give((suppressed) =>
      this.#log?.warn(
        suppressed > 0 ? { channel, suppressed } : { channel },
        `a notification names no ${what}, so what has changed may be served stale: got ${showKey(payload)}, wants ${wanted}`,
      ),
    )
  }

  /** The driver, once the database has accepted the queries and statements. */
  #checked(): Promise<Checked> {
    this.#checking ??= this.#check().catch((error) => {
      this.#checking = undefined
      throw error
    })
    return this.#checking
  }

  async #check(): Promise<Checked> {
    const { statementTimeout, connectTimeout } = this.#options
    const driver = await this.#open()
    const isTyped = this.#options.keys !== undefined && this.#options.keys.types[0] !== 'text'
    const limit = AbortSignal.timeout(statementTimeout + connectTimeout)
    const style = /^postgres/.test(protocolOf(this.#options.url)) ? '$1' : '?'
    const checked = await checkStatements(driver, this.#options, isTyped, style, limit)
    this.#integers = checked.integers
    if (checked.isLoose) this.#log?.warn({}, LOOSE)
    return checked
  }
}

async function openDriver(options: DriverOptions): Promise<Driver> {
  const protocol = protocolOf(options.url)
  if (protocol === 'sqlite:') {
    const { openSqlite } = await import('./sqlite.ts')
    return openSqlite(options)
  }
  if (protocol === 'mysql:' || protocol === 'mariadb:') {
    const { openMysql } = await import('./mysql.ts')
    return openMysql(options)
  }
  const { openPostgres } = await import('./postgres/postgres.ts')
  return openPostgres(options)
}

/** Whether a text is the one spelling of an integer in a range. */
function isWithin(text: string, [least, greatest]: IntegerRange): boolean {
  if (text.length > MAX_DIGITS || !INTEGER.test(text)) return false
  const value = BigInt(text)
  return value >= least && value <= greatest
}
