// The two packages that can open a SQLite file, behind one interface: `node:sqlite`, else `better-sqlite3`.

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { scanSql } from './sqlite-scan.ts'

/** The parameters of a statement. */
export type SqliteValue = string | bigint | Uint8Array | null

export interface SqliteStatement {
  readonly givesRows: boolean
  /** Names as of the last run: a change of the schema may change them. */
  columns(): readonly string[]
  /** The declared types of the columns; null for an expression. */
  types(): readonly (string | null)[]
  /** Runs the statement to its end. An INTEGER is a bigint, a REAL a number, a BLOB bytes. */
  all(values: readonly SqliteValue[]): readonly (readonly unknown[])[]
}

export interface SqliteDatabase {
  /** Several statements in one text are not an error everywhere: `scanSql` finds them. */
  prepare(sql: string): SqliteStatement
  close(): void
}

export interface SqliteEngine {
  readonly name: string
  /** Opens a file that exists. No call waits for a lock: it fails with `busy`. */
  open(path: string, readonly: boolean): SqliteDatabase
  /** What an error is about. */
  faultOf(error: unknown): SqliteFault
}

/**
 * `busy`: another connection holds a lock; `value`: a constraint, type or length refuses a value; `sql`: SQLITE_ERROR,
 * which is syntax, an unknown name, or a function that refuses its argument; `other`: the file, the system.
 */
type SqliteFault = 'busy' | 'value' | 'sql' | 'other'

/** Primary result codes (https://sqlite.org/rescode.html). */
const FAULTS: Readonly<Record<string, SqliteFault>> = {
  SQLITE_ERROR: 'sql',
  SQLITE_BUSY: 'busy',
  SQLITE_LOCKED: 'busy',
  SQLITE_TOOBIG: 'value',
  SQLITE_CONSTRAINT: 'value',
  SQLITE_MISMATCH: 'value',
}
const CODES: Readonly<Record<number, keyof typeof FAULTS>> = {
  1: 'SQLITE_ERROR',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
}

const load = createRequire(import.meta.url)

/** @throws Error that says what to install */
export function sqliteEngine(): SqliteEngine {
  const engine = builtinSqlite() ?? betterSqlite()
  if (engine !== undefined) return engine
  throw new Error(
    'SQLite wants Node.js 22.16 or later, which has it built in, or the package better-sqlite3: ' +
      'npm install better-sqlite3@12',
  )
}

// node:sqlite. The types that the project is checked with are those of Node.js 20, which has none for it.

interface BuiltinStatement {
  columns(): readonly { readonly name: string; readonly type: string | null }[]
  setReadBigInts(enabled: boolean): void
  setReturnArrays(enabled: boolean): void
  all(...values: unknown[]): unknown[][]
}

interface BuiltinDatabase {
  prepare(sql: string): BuiltinStatement
  close(): void
}

interface Builtin {
  readonly DatabaseSync: new (location: URL, options: { readonly readOnly: boolean }) => BuiltinDatabase
  readonly StatementSync: { readonly prototype: object }
}

/** Undefined where Node.js has none, or one that cannot name the columns of a statement (before 22.16). */
export function builtinSqlite(): SqliteEngine | undefined {
  const found = loadBuiltin()
  if (found === undefined || !('setReturnArrays' in found.StatementSync.prototype)) return undefined
  return {
    name: 'node:sqlite',
    open(path, readonly) {
      // `mode` keeps SQLite from making a file that is not there.
      const location = pathToFileURL(path)
      location.search = readonly ? 'mode=ro' : 'mode=rw'
      const database = new found.DatabaseSync(location, { readOnly: readonly })
      return {
        prepare(sql) {
          const statement = database.prepare(sql)
          statement.setReadBigInts(true)
          statement.setReturnArrays(true)
          return {
            givesRows: statement.columns().length > 0,
            columns: () => statement.columns().map(({ name }) => name),
            types: () => statement.columns().map(({ type }) => type),
            all: (values) => statement.all(...boundTo(sql, values)),
          }
        },
        close: () => database.close(),
      }
    },
    faultOf(error) {
      const { errcode } = error as { readonly errcode?: number }
      // The lowest byte of an extended code is the primary one.
      return FAULTS[CODES[Number(errcode) & 0xff]] ?? 'other'
    },
  }
}

/** Loads it without the warning, in some versions, that it is experimental. */
function loadBuiltin(): Builtin | undefined {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    return load('node:sqlite')
  } catch {
    return undefined
  } finally {
    process.emitWarning = emitWarning
  }
}

// better-sqlite3, an optional peer: by `require`, which also looks in the folders of NODE_PATH.

interface BetterStatement {
  readonly reader: boolean
  columns(): readonly { readonly name: string; readonly type: string | null }[]
  safeIntegers(): this
  raw(): this
  all(...values: unknown[]): unknown[][]
  run(...values: unknown[]): unknown
}

interface BetterDatabase {
  prepare(sql: string): BetterStatement
  close(): void
}

type Better = new (
  path: string,
  options: { readonly readonly: boolean; readonly fileMustExist: true; readonly timeout: number },
) => BetterDatabase

/** Undefined where it is not installed. */
export function betterSqlite(): SqliteEngine | undefined {
  const Database = loadBetter()
  if (Database === undefined) return undefined
  return {
    name: 'better-sqlite3',
    open(path, readonly) {
      const database = new Database(path, { readonly, fileMustExist: true, timeout: 0 })
      return {
        prepare(sql) {
          const statement = database.prepare(sql)
          const { reader } = statement
          if (reader) statement.safeIntegers().raw()
          return {
            givesRows: reader,
            columns: () => statement.columns().map(({ name }) => name),
            types: () => statement.columns().map(({ type }) => type),
            all(values) {
              const bound = boundTo(sql, values)
              if (reader) return statement.all(...bound)
              statement.run(...bound)
              return []
            },
          }
        },
        close: () => database.close(),
      }
    },
    faultOf(error) {
      const { code = '' } = error as { readonly code?: string }
      const [primary = ''] = /^SQLITE_[A-Z]+/.exec(code) ?? []
      return FAULTS[primary] ?? 'other'
    },
  }
}

function loadBetter(): Better | undefined {
  try {
    return load('better-sqlite3')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Both take the `?1` of a statement for a name, and an object from names to values. */
function boundTo(sql: string, values: readonly SqliteValue[]): readonly unknown[] {
  return scanSql(sql).isNumbered ? [Object.fromEntries(values.map((value, i) => [i + 1, value]))] : values
}
