// SQLite for tests, with each available engine.

import { createRequire } from 'node:module'
import { betterSqlite, builtinSqlite, type SqliteEngine } from '../../src/origin/sql/sqlite-engine.ts'
import { describeIfFound, isRequired } from './executable.ts'

const load = createRequire(import.meta.url)

/** Undefined where better-sqlite3 is not installed, here or in a folder of NODE_PATH, or was built for another Node.js. */
const better = works(betterSqlite())
const builtin = builtinSqlite()

function works(engine: SqliteEngine | undefined): SqliteEngine | undefined {
  try {
    engine?.open(':memory:', false).close()
    return engine
  } catch {
    return undefined
  }
}

/** The connection of a test, apart from that of the origin. */
export interface TestDatabase {
  /** Runs statements. */
  exec(sql: string): void
  /** Runs one statement with its parameters. */
  run(sql: string, ...values: readonly (string | number | Uint8Array)[]): void
  /** Rows as arrays. */
  rows(sql: string): unknown[][]
  readonly inTransaction: boolean
  close(): void
}

/** Opens or creates a file. */
export type OpenDatabase = (path: string) => TestDatabase

interface Statement {
  run(...values: unknown[]): unknown
  raw(): void
  setReturnArrays(on: boolean): void
  all(): unknown[][]
}

interface Connection {
  exec(sql: string): void
  prepare(sql: string): Statement
  readonly inTransaction?: boolean
  readonly isTransaction?: boolean
  close(): void
}

const openDatabase: OpenDatabase = (path) => {
  const open = (): Connection => {
    if (builtin === undefined) return new (load('better-sqlite3'))(path)
    return new (load('node:sqlite').DatabaseSync)(path)
  }
  const connection = open()
  return {
    exec: (sql) => void connection.exec(sql),
    run: (sql, ...values) => void connection.prepare(sql).run(...values),
    rows(sql) {
      const statement = connection.prepare(sql)
      if (builtin === undefined) statement.raw()
      else statement.setReturnArrays(true)
      return statement
        .all()
        .map((row) => row.map((cell) => (cell instanceof Uint8Array ? Uint8Array.from(cell) : cell)))
    },
    get inTransaction() {
      return connection.inTransaction ?? connection.isTransaction ?? false
    },
    close: () => connection.close(),
  }
}

/** A `describe` whose tests need SQLite with any engine; without one they are skipped with a warning. */
export function describeWithSqlite(name: string, body: (open: OpenDatabase) => void): void {
  const found = builtin === undefined && better === undefined ? undefined : openDatabase
  describeIfFound(found, name, 'node:sqlite or better-sqlite3', 'sqlite', body)
}

/**
 * A `describe` for each engine that the origin may use on this Node.js. A missing one is skipped with a warning, or
 * fails where ERINYS_TEST_REQUIRE names it.
 */
export function describeEachSqlite(body: (engine: SqliteEngine, open: OpenDatabase) => void): void {
  for (const [name, engine, other] of [
    ['node:sqlite', builtin, better],
    ['better-sqlite3', better, builtin],
  ] as const) {
    if (engine === undefined && other !== undefined && !isRequired(name))
      console.warn(`SKIPPED: SQLite, ${name}: ${name} is not there`)
    else describeIfFound(engine, `SQLite, ${name}`, name, name, (found) => body(found, openDatabase))
  }
}
