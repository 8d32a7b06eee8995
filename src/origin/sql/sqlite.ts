// SQLite for the SQL origin, by `better-sqlite3`: statements run on the node's own thread, so they should be short.

import { setTimeout as wait } from 'node:timers/promises'
import type { Database, Statement } from 'better-sqlite3'
import { abortable } from '../abortable.ts'
import { type Cell, Literal, numberCell } from './cell.ts'
import {
  type Change,
  type Driver,
  type DriverOptions,
  importPackage,
  type Parameter,
  type Rows,
  StatementError,
  textOrBytes,
} from './driver.ts'

/** How long a statement waits before it looks whether a writer has let go of the file, in ms. */
const BUSY_INTERVAL = 10

type SqliteError = Error & { readonly code?: string }

/** @param path of a file, which is opened when it is needed, for reading only unless it is written to */
export async function openSqlite(path: string, options: DriverOptions): Promise<Driver> {
  const { default: open } = await importPackage('better-sqlite3', () => import('better-sqlite3'))
  const readonly = !options.writes
  return new SqliteDriver(() => new open(path, { readonly, fileMustExist: true, timeout: 0 }), options)
}

class SqliteDriver implements Driver {
  readonly #open: () => Database
  readonly #options: DriverOptions
  readonly #statements = new Map<string, Statement>()
  #database: Database | undefined

  constructor(open: () => Database, options: DriverOptions) {
    this.#open = open
    this.#options = options
  }

  one(parameter: Parameter | null, signal: AbortSignal): Promise<Rows> {
    const { query } = this.#options
    return this.#patiently(signal, (database) => this.#all(database, query, parameter), query)
  }

  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows> {
    const json = parameters?.map((item) => (typeof item === 'bigint' ? item : JSON.stringify(item))).join(',')
    const parameter = json === undefined ? null : `[${json}]`
    const { batchQuery = '' } = this.#options
    return this.#patiently(signal, (database) => this.#all(database, batchQuery, parameter), batchQuery)
  }

  async prepare(sql: string, parameters: number, signal: AbortSignal): Promise<Change> {
    const [statement, isNumbered] = await this.#patiently(signal, (database) => {
      const nulls = new Array<null>(parameters).fill(null)
      try {
        // A statement keeps what it is bound to: this one is only for looking.
        database.prepare(sql).bind(...nulls)
        return [database.prepare(sql), false] as const
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        if (!/\?\d/.test(sql)) throw error
        database.prepare(sql).bind(numbered(nulls))
        return [database.prepare(sql), true] as const
      }
    })
    return async (key, values, until) => {
      const given = [key, ...values.map(textOrBytes)]
      const bound = isNumbered ? [numbered(given)] : given
      const run = (): unknown => (statement.reader ? statement.all(...bound) : statement.run(...bound))
      await this.#patiently(until, run, sql)
    }
  }

  async close(): Promise<void> {
    this.#statements.clear()
    this.#database?.close()
  }

  /**
   * Does something again until nobody else writes, for as long as a statement may take.
   * @param sql the statement that is run, if one is
   */
  async #patiently<Result>(
    signal: AbortSignal,
    run: (database: Database) => Result,
    sql?: string,
  ): Promise<Result> {
    const until = performance.now() + this.#options.statementTimeout
    for (;;) {
      signal.throwIfAborted()
      // A file that cannot be opened says nothing about the statement.
      this.#database ??= this.#open()
      try {
        return run(this.#database)
      } catch (error) {
        const { message } = error as Error
        if (isOfValue(error)) throw new StatementError(message, true, error)
        if (isOfStatement(error)) throw new StatementError(message, this.#compiles(sql), error)
        if (!isBusy(error) || performance.now() >= until) throw error
      }
      await abortable(wait(BUSY_INTERVAL), signal)
    }
  }

  /** Then what is wrong is what it was run with (text that is no JSON, say): SQLite has one code for both. */
  #compiles(sql: string | undefined): boolean {
    if (sql === undefined || this.#database === undefined) return false
    try {
      return this.#database.prepare(sql).source === sql
    } catch {
      return false
    }
  }

  #all(database: Database, sql: string, parameter: Parameter | null): Rows {
    const statement = this.#reading(database, sql)
    const rows = statement.all(parameter) as unknown[][]
    return {
      columns: statement.columns().map(({ name }) => name),
      rows: rows.map((row) => row.map(readCell)),
    }
  }

  #reading(database: Database, sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = database.prepare(sql)
      if (!statement.reader) throw new StatementError('the query gives no rows', false, undefined)
      statement.safeIntegers().raw()
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

/** By the numbers of `?1`, `?2`, which better-sqlite3 takes for names. */
function numbered(values: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(values.map((value, i) => [i + 1, value]))
}

function isBusy(error: unknown): boolean {
  const { code = '' } = error as SqliteError
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')
}

/** A constraint, a type, a length. */
function isOfValue(error: unknown): boolean {
  const { code = '' } = error as SqliteError
  return code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_MISMATCH' || code === 'SQLITE_TOOBIG'
}

/** Syntax, unknown tables and columns; a number of parameters that is not one. */
function isOfStatement(error: unknown): boolean {
  const { code } = error as SqliteError
  return code === 'SQLITE_ERROR' || error instanceof RangeError || error instanceof TypeError
}

/** With safe integers a number is a REAL. */
function readCell(value: unknown): Cell {
  if (value === null || typeof value === 'string') return value
  if (typeof value === 'bigint') return new Literal(value.toString())
  return typeof value === 'number' ? numberCell(String(value)) : (value as Buffer)
}
