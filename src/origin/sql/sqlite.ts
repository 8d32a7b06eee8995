// SQLite for the SQL origin. Statements run on the node's own thread, so they should be short.

import { setTimeout as wait } from 'node:timers/promises'
import { abortable } from '../abortable.ts'
import { type Cell, Literal, numberCell } from './cell.ts'
import {
  type Change,
  checkParameters,
  type Driver,
  type DriverOptions,
  type IntegerRange,
  type Parameter,
  type Rows,
  StatementError,
  signed,
  textOrBytes,
} from './driver.ts'
import {
  type SqliteDatabase,
  type SqliteEngine,
  type SqliteStatement,
  type SqliteValue,
  sqliteEngine,
} from './sqlite-engine.ts'
import { scanSql } from './sqlite-scan.ts'
import { sqliteFile } from './url.ts'

/** An INTEGER has up to 64 bits. */
const INTEGERS = signed(64)

/** Pause between attempts while another connection holds the lock, ms. */
const BUSY_INTERVAL = 10

/** The file is opened at first use, for reading only unless the origin writes or its URL says `mode=rw`. */
export async function openSqlite(options: DriverOptions): Promise<Driver> {
  return new SqliteDriver(options, options.sqlite ?? sqliteEngine())
}

class SqliteDriver implements Driver {
  readonly #path: string
  readonly #isReadonly: boolean
  readonly #options: DriverOptions
  readonly #engine: SqliteEngine
  readonly #statements = new Map<string, SqliteStatement>()
  #database: SqliteDatabase | undefined

  constructor(options: DriverOptions, engine: SqliteEngine) {
    const { path, params } = sqliteFile(options.url)
    this.#path = path
    this.#isReadonly = params.get('mode') === 'ro' || !(options.writes || params.has('mode'))
    this.#options = options
    this.#engine = engine
  }

  one(parameter: Parameter | null, signal: AbortSignal, sql?: string): Promise<Rows> {
    return this.#read(sql ?? this.#options.query, parameter, signal)
  }

  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows> {
    const json = parameters?.map((item) => (typeof item === 'bigint' ? item : JSON.stringify(item))).join(',')
    const { batchQuery = '' } = this.#options
    return this.#read(batchQuery, json === undefined ? null : `[${json}]`, signal)
  }

  async prepare(sql: string, parameters: number, signal: AbortSignal): Promise<Change> {
    await this.#retry(sql, signal, (database) => this.#statement(database, sql, parameters))
    return async (values, until) => {
      const bound = values.map(textOrBytes)
      return this.#retry(sql, until, (database) => {
        this.#statement(database, sql, parameters).all(bound)
        const [[changes]] = this.#statement(database, 'select changes()', 0).all([])
        return Number(changes)
      })
    }
  }

  /** Errors that are not about a statement are permanent, except for a lock that another connection holds. */
  isLasting(error: unknown): boolean {
    return error instanceof Error && error.cause !== undefined && this.#engine.faultOf(error.cause) !== 'busy'
  }

  async close(): Promise<void> {
    this.#statements.clear()
    this.#database?.close()
  }

  #read(sql: string, parameter: SqliteValue, signal: AbortSignal): Promise<Rows> {
    return this.#retry(sql, signal, (database) => {
      const statement = this.#statement(database, sql, 1)
      if (!statement.givesRows) throw new StatementError('the query gives no rows', false, undefined)
      const rows = statement.all([parameter]).map((row) => row.map(readCell))
      const integersOf = (column: number): IntegerRange | undefined =>
        /int/i.test(statement.types()[column] ?? '') ? INTEGERS : undefined
      return { columns: statement.columns(), rows, integersOf }
    })
  }

  /** @throws StatementError, or the engine's error */
  #statement(database: SqliteDatabase, sql: string, parameters: number): SqliteStatement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      checkText(sql)
      statement = database.prepare(sql)
      checkParameters(scanSql(sql).parameters, parameters)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /**
   * Runs a statement, again and again while another connection holds the lock, for as long as a statement may take.
   * @throws StatementError for a fault of the statement or of its values, else Error that names the file
   */
  async #retry<Result>(
    sql: string,
    signal: AbortSignal,
    run: (database: SqliteDatabase) => Result,
  ): Promise<Result> {
    const until = performance.now() + this.#options.statementTimeout
    for (;;) {
      signal.throwIfAborted()
      this.#database ??= this.#open()
      try {
        return run(this.#database)
      } catch (error) {
        if (error instanceof StatementError) throw error
        const { message } = error as Error
        const fault = this.#engine.faultOf(error)
        if (fault === 'value') throw new StatementError(message, true, error)
        if (fault === 'sql') throw new StatementError(message, this.#compiles(this.#database, sql), error)
        if (fault === 'other' || performance.now() >= until) throw this.#ofFile(error)
      }
      await abortable(wait(BUSY_INTERVAL), signal)
    }
  }

  #open(): SqliteDatabase {
    try {
      return this.#engine.open(this.#path, this.#isReadonly)
    } catch (error) {
      throw this.#ofFile(error)
    }
  }

  #ofFile(error: unknown): Error {
    return new Error(`${this.#path}: ${(error as Error).message}`, { cause: error })
  }

  /** A statement that compiles was refused for its values (text that is not JSON): SQLite has one code for both. */
  #compiles(database: SqliteDatabase, sql: string): boolean {
    try {
      database.prepare(sql)
      return true
    } catch {
      return false
    }
  }
}

/** @throws StatementError for what not every engine refuses */
function checkText(sql: string): void {
  const { statements, isMixed } = scanSql(sql)
  if (statements === 'one' && !isMixed) return
  throw new StatementError(
    isMixed
      ? 'write all its parameters as ?, or all as ?1, ?2'
      : `wants one statement, got ${statements === 'none' ? 'none' : 'more than one'}`,
    false,
    undefined,
  )
}

/** An INTEGER is a bigint, so a number is a REAL. */
function readCell(value: unknown): Cell {
  if (value === null || typeof value === 'string') return value
  if (typeof value === 'bigint') return new Literal(value.toString())
  return typeof value === 'number' ? numberCell(String(value)) : (value as Uint8Array)
}
