// An origin that is a SQL database: one query for a key, and one for many keys at once.

import { systemTimers } from '../bytes/clock.ts'
import type { ChangeListener, LoadContext, Origin, OriginLog, OriginValue } from '../group/origin.ts'
import { showKey } from '../group/result.ts'
import { errorText } from './abortable.ts'
import type { KeyPattern } from './key-pattern.ts'
import type { Listening } from './listening.ts'
import { type Cell, cellText, cellValue, rowJson } from './sql/cell.ts'
import { type Checked, checkStatements, type Statements } from './sql/checks.ts'
import { type Driver, type DriverOptions, type Parameter, type Rows, StatementError } from './sql/driver.ts'

/** Which database, by the protocol of the URL. */
export const SQL_PROTOCOLS = ['postgres:', 'postgresql:', 'mysql:', 'mariadb:', 'sqlite:'] as const

export interface SqlOptions extends Omit<DriverOptions, 'onIdleError' | 'writes'>, Statements {
  /** Which keys there are, and what of them is the parameter; undefined: the whole key is. */
  readonly keys: KeyPattern | undefined
  /** Do not look at the database before the first load. */
  readonly lazy: boolean
  /** The channel of PostgreSQL that tells of changes. */
  readonly listen?: string
}

/**
 * `query` has one parameter, the key, and gives at most one row. `batchQuery` has one parameter, the set of keys; the
 * first column of each of its rows is the key that the row belongs to, and the others are those of `query`.
 */
export class SqlOrigin implements Origin {
  readonly kind = 'sql'
  readonly loadMany: Origin['loadMany']
  readonly store: Origin['store']
  readonly remove: Origin['remove']
  readonly listen: Origin['listen']
  readonly #options: SqlOptions
  #log: OriginLog = { warn: () => undefined }
  #listening: Listening | undefined
  #opening: Promise<Driver> | undefined
  #checking: Promise<Checked> | undefined

  constructor(options: SqlOptions) {
    this.#options = options
    const { writeQuery, removeQuery, listen } = options
    if (writeQuery !== undefined)
      this.store = (key, value, { signal }) => this.#change('write', key, [value], signal)
    if (removeQuery !== undefined) this.remove = (key, { signal }) => this.#change('remove', key, [], signal)
    if (listen !== undefined) this.listen = (listener) => this.#listen(listen, listener)
    if (options.batchQuery !== undefined) this.loadMany = (keys, context) => this.#loadMany(keys, context)
  }

  /** @throws StatementError for a query that the database refuses, Error for one whose columns do not fit */
  async start(log: OriginLog): Promise<void> {
    this.#log = log
    await this.#open()
    if (this.#options.lazy) return
    try {
      await this.#checked()
    } catch (error) {
      if (error instanceof StatementError) throw error
      log.warn({ err: error }, `the database does not answer, loads fail until it does: ${errorText(error)}`)
    }
  }

  async load(key: string, { signal }: LoadContext): Promise<OriginValue> {
    const parameter = this.#parameterOf(key)
    if (parameter === undefined) return null
    try {
      const { driver } = await this.#checked()
      return this.#only(await driver.one(parameter, signal))
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
    const { postgresListener } = await import('./sql/postgres-listener.ts')
    this.#listening = postgresListener({
      url,
      tls,
      channel,
      connectTimeout,
      timers: systemTimers,
      listener,
    })
    await this.#listening.start()
  }

  async #change(
    which: 'write' | 'remove',
    key: string,
    values: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<void> {
    const parameter = this.#parameterOf(key)
    if (parameter === undefined) throw new Error('there are no such keys')
    try {
      const { [which]: change } = await this.#checked()
      await change?.(parameter, values, signal)
    } catch (error) {
      throw worded(error)
    }
  }

  async #loadMany(keys: readonly string[], { signal }: LoadContext): Promise<(OriginValue | Error)[]> {
    const parameters = keys.map((key) => this.#parameterOf(key))
    /** By the text of a parameter, which several keys may have. */
    const asked = new Map<string, Parameter>()
    for (const parameter of parameters) if (parameter !== undefined) asked.set(String(parameter), parameter)
    if (asked.size === 0) return keys.map(() => null)
    const { driver } = await this.#checked().catch((error) => Promise.reject(worded(error)))
    const found = await this.#find(driver, [...asked.values()], signal)
    return parameters.map((parameter, i) =>
      parameter === undefined ? null : ofKey(found.get(String(parameter)), keys[i]),
    )
  }

  /** A key that the database refuses does not make the others fail: the batch is halved until it is alone. */
  async #find(
    driver: Driver,
    parameters: readonly Parameter[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, OriginValue | Error>> {
    let rows: Rows
    try {
      rows = await driver.many(parameters, signal)
    } catch (error) {
      if (!(error instanceof StatementError && error.ofParameter)) throw worded(error)
      if (parameters.length === 1) return new Map([[String(parameters[0]), worded(error)]])
      const half = parameters.length >> 1
      const parts = [parameters.slice(0, half), parameters.slice(half)]
      const found = await Promise.all(parts.map((part) => this.#find(driver, part, signal)))
      return new Map([...found[0], ...found[1]])
    }
    return this.#assign(driver, parameters, rows, signal)
  }

  async #assign(
    driver: Driver,
    parameters: readonly Parameter[],
    { columns, rows }: Rows,
    signal: AbortSignal,
  ): Promise<Map<string, OriginValue | Error>> {
    const found = new Map<string, OriginValue | Error>(
      parameters.map((parameter) => [String(parameter), undefined]),
    )
    const folded = new Set<string>()
    let strangers = false
    for (const row of rows) {
      const name = cellText(row[0])
      folded.add(fold(name))
      if (!found.has(name)) strangers = true
      else if (found.get(name) !== undefined) found.set(name, new SeveralRows())
      else found.set(name, this.#valueOf(columns, row, 1))
    }
    // A database may take texts for equal that are not ('Tom' and 'tom', 7 and 07): it is asked for each of those.
    const missing = parameters.filter((parameter) => {
      const name = String(parameter)
      return found.get(name) === undefined && (strangers || folded.has(fold(name)))
    })
    await Promise.all(
      missing.map(async (parameter) => {
        const one = await driver.one(parameter, signal).then((result) => this.#only(result), worded)
        found.set(String(parameter), one)
      }),
    )
    return found
  }

  #only({ columns, rows }: Rows): OriginValue {
    if (rows.length > 1) throw new SeveralRows()
    return rows.length === 0 ? null : this.#valueOf(columns, rows[0], 0)
  }

  #valueOf(columns: readonly string[], row: readonly Cell[], first: number): OriginValue {
    const { column } = this.#options
    if (column !== undefined) return cellValue(row[columns.indexOf(column, first)])
    return columns.length === first + 1 ? cellValue(row[first]) : rowJson(columns, row, first)
  }

  #parameterOf(key: string): Parameter | undefined {
    const { keys } = this.#options
    if (keys === undefined) return key
    const text = keys.match(key)?.[0]
    return text !== undefined && keys.types[0].startsWith('int') ? BigInt(text) : text
  }

  #open(): Promise<Driver> {
    const { writeQuery, removeQuery } = this.#options
    this.#opening ??= openDriver({
      ...this.#options,
      writes: writeQuery !== undefined || removeQuery !== undefined,
      onIdleError: (error) => this.#log.warn({ err: error }, `a connection has broken: ${errorText(error)}`),
    }).catch((error) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
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
    return checkStatements(driver, this.#options, AbortSignal.timeout(statementTimeout + connectTimeout))
  }
}

class SeveralRows extends Error {
  constructor() {
    super('the query gave more than one row')
  }
}

/** Says which key it was. */
function ofKey<Result>(result: Result, key: string): Result | Error {
  return result instanceof SeveralRows ? new Error(`${result.message} for ${showKey(key)}`) : result
}

/** The same for texts that some collation or type takes for equal. */
function fold(text: string): string {
  const letters = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
  return letters.trim().replace(/^0+(?=\d)/, '')
}

async function openDriver(options: DriverOptions): Promise<Driver> {
  const { protocol } = new URL(options.url)
  if (protocol === 'sqlite:') {
    const { openSqlite } = await import('./sql/sqlite.ts')
    return openSqlite(options.url.slice(protocol.length), options)
  }
  if (protocol === 'mysql:' || protocol === 'mariadb:') {
    const { openMysql } = await import('./sql/mysql.ts')
    return openMysql(options)
  }
  const { openPostgres } = await import('./sql/postgres.ts')
  return openPostgres(options)
}

/** An error with words, whatever it was. */
function worded(error: unknown): Error {
  if (error instanceof Error && error.message !== '') return error
  return new Error(errorText(error), { cause: error })
}
