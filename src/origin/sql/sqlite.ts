// SQLite for the SQL origin, by `better-sqlite3`: statements run on the node's own thread, so they should be short.

import { setTimeout as wait } from 'node:timers/promises'
import type { Database, Statement } from 'better-sqlite3'
import { abortable } from '../abortable.ts'
import { type Cell, Literal, numberCell } from './cell.ts'
import {
  type Driver,
  type DriverOptions,
  importPackage,
  type Parameter,
  type Rows,
  StatementError,
} from './driver.ts'

/** How long a statement waits before it looks whether a writer has let go of the file, in ms. */
const BUSY_INTERVAL = 10

type SqliteError = Error & { readonly code?: string }

/** @param path of a file, which is opened when it is needed, for reading only */
export async function openSqlite(path: string, options: DriverOptions): Promise<Driver> {
  const { default: open } = await importPackage('better-sqlite3', () => import('better-sqlite3'))
  return new SqliteDriver(() => new open(path, { readonly: true, fileMustExist: true, timeout: 0 }), options)
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
    return this.#run(this.#options.query, parameter, signal)
  }

  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows> {
    const json = parameters?.map((item) => (typeof item === 'bigint' ? item : JSON.stringify(item))).join(',')
    return this.#run(this.#options.batchQuery ?? '', json === undefined ? null : `[${json}]`, signal)
  }

  async close(): Promise<void> {
    this.#statements.clear()
    this.#database?.close()
  }

  async #run(sql: string, parameter: Parameter | null, signal: AbortSignal): Promise<Rows> {
    const until = performance.now() + this.#options.statementTimeout
    for (;;) {
      signal.throwIfAborted()
      try {
        return this.#all(sql, parameter)
      } catch (error) {
        if (!isBusy(error) || performance.now() >= until) throw error
      }
      await abortable(wait(BUSY_INTERVAL), signal)
    }
  }

  #all(sql: string, parameter: Parameter | null): Rows {
    this.#database ??= this.#open()
    try {
      const statement = this.#prepare(this.#database, sql)
      const rows = statement.all(parameter) as unknown[][]
      return {
        columns: statement.columns().map(({ name }) => name),
        rows: rows.map((row) => row.map(readCell)),
      }
    } catch (error) {
      throw isOfStatement(error) ? new StatementError((error as Error).message, false, error) : error
    }
  }

  #prepare(database: Database, sql: string): Statement {
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

function isBusy(error: unknown): boolean {
  const { code = '' } = error as SqliteError
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')
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
