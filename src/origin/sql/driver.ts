// The port to a database: what the SQL origin needs from each driver.

import { isUtf8 } from 'node:buffer'
import { BadRequest, notApplied } from '../../group/origin.ts'
import { errorText } from '../abortable.ts'
import type { TlsOptions } from '../tls-options.ts'
import { type Cell, cellText } from './cell.ts'
import type { SqliteEngine } from './sqlite-engine.ts'

/** A key as a parameter: text, or an integer where the key pattern says so. */
export type Parameter = string | bigint

/** The least and the greatest value of an integer type. */
export type IntegerRange = readonly [least: bigint, greatest: bigint]

/** The signed integers of so many bits. */
export function signed(bits: number): IntegerRange {
  const half = 1n << BigInt(bits - 1)
  return [-half, half - 1n]
}

export interface Rows {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** The integers that a column may have, by its position; undefined: it is of another type. */
  integersOf?(column: number): IntegerRange | undefined
  /** The integers that the statement takes as its parameter, where the database tells its type. */
  readonly integersTaken?: IntegerRange | undefined
  /** The type that the parameter must be cast to, since it does not take the texts of a column; undefined: it does. */
  castOf?(column: number): string | undefined
  /** A column of a row, which is not NULL, as the text of a key, if that is not the text of its cell. */
  keyText?(row: number, column: number): string
}

/** A column of a row as the text of a key; null where it has none. */
export function keyTextOf(rows: Rows, row: number, column: number): string | null {
  const cell = rows.rows[row][column]
  return cell === null ? null : (rows.keyText?.(row, column) ?? cellText(cell))
}

export interface DriverOptions {
  readonly url: string
  /** The statement that loads one key; one parameter. */
  readonly query: string
  /** The statement that loads many keys; its parameter is a set. */
  readonly batchQuery: string | undefined
  /** Maximum number of connections. */
  readonly pool: number
  /** Undefined: as the URL says. */
  readonly tls: TlsOptions | boolean | undefined
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly statementTimeout: number
  /** Whether statements that write will be prepared. */
  readonly writes: boolean
  /** PostgreSQL and MySQL: statements have the trace of their load or write as a comment, if it is sampled. */
  readonly traceComments?: boolean
  /** The SQLite engine; by default the one that is available. */
  readonly sqlite?: SqliteEngine
  /** Called when an idle connection breaks. */
  readonly onIdleError: (error: Error) => void
}

/** A value of a statement that writes: a key, the bytes of a value, or NULL. */
export type ChangeValue = Parameter | Uint8Array | null

/** Runs a statement that writes, with values in the order of its parameters. Resolves to the number of rows it has changed. */
export type Change = (values: readonly ChangeValue[], signal: AbortSignal) => Promise<number>

/** All promises reject with the signal's reason when the signal is aborted. */
export interface Driver {
  /** Runs `query`, or another statement, for one key. Null matches no row and is used to learn the columns. */
  one(parameter: Parameter | null, signal: AbortSignal, sql?: string): Promise<Rows>
  /** Runs `batchQuery` for many keys; null as above. */
  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows>
  /**
   * Prepares a statement that writes, without running it.
   * @param parameters the number of parameters it must have
   */
  prepare(sql: string, parameters: number, signal: AbortSignal): Promise<Change>
  /** Whether an error is permanent: wrong credentials, an unknown database or file. */
  isLasting(error: unknown): boolean
  close(): Promise<void>
}

/** The database rejected the statement; the message is the database's. */
export class StatementError extends Error {
  override readonly name = 'StatementError'
  /** It rejected a parameter (a key or a value): other parameters may work. */
  readonly ofParameter: boolean

  constructor(message: string, ofParameter: boolean, cause: unknown) {
    super(message, { cause })
    this.ofParameter = ofParameter
  }
}

/**
 * SQLSTATE classes of errors that do not depend on the statement: connection, authorization, catalog, resources,
 * operator intervention (a timeout, a shutdown; MySQL's class 70), system, transaction.
 */
const PASSING = new Set(['08', '25', '28', '3D', '40', '53', '55', '57', '58', '70', 'XX'])

/**
 * Classes of errors about the parameters: cardinality, data, constraints, errors raised by a view or trigger (MySQL's
 * class 45), limits.
 */
const OF_PARAMETER = new Set(['21', '22', '23', '44', '45', '54', 'P0'])

/** PostgreSQL: protocol violation, reported for a wrong number of parameters. */
const WRONG_PARAMETERS = '08P01'

/**
 * SQLSTATEs (or prefixes) of errors of connecting that end when the configuration or the database is changed:
 * authorization, no such database, settings that the server does not know.
 */
export const LASTING = /^(?:28|3D000|42|22)/

/**
 * SQLSTATEs (or prefixes) of errors after which a write has certainly changed nothing: read-only transaction,
 * authorization, resources, a server that is starting or shutting down.
 */
const NOTHING_CHANGED = /^(25|28|53|57P03)/

/** The error of a database with its SQLSTATE, as a StatementError if it is one. */
export function statementError(error: Error, state: string): Error {
  const group = state.slice(0, 2)
  return PASSING.has(group) && state !== WRONG_PARAMETERS
    ? error
    : new StatementError(error.message, OF_PARAMETER.has(group), error)
}

/** Any error as an Error with a message; a rejected parameter becomes a `BadRequest`, which is not retried. */
export function worded(error: unknown): Error {
  if (error instanceof StatementError && error.ofParameter)
    return new BadRequest(error.message, { cause: error })
  if (error instanceof Error && error.message !== '')
    return hasChangedNothing(error) ? notApplied(error) : error
  return new Error(errorText(error), { cause: error })
}

/** PostgreSQL reports the SQLSTATE as `code`, MySQL as `sqlState` beside its own code; other codes look different. */
function hasChangedNothing(error: Error): boolean {
  const { code, sqlState = code } = error as { readonly code?: unknown; readonly sqlState?: unknown }
  return typeof sqlState === 'string' && NOTHING_CHANGED.test(sqlState)
}

/** @throws StatementError for a statement with a wrong number of parameters */
export function checkParameters(found: number, wanted: number): void {
  if (found !== wanted)
    throw new StatementError(`the statement has ${found} parameters, wants ${wanted}`, false, undefined)
}

/** Bytes as text if they are valid UTF-8 (accepted by columns of any type). */
export function textOrBytes(value: ChangeValue): Parameter | Buffer | null {
  if (!(value instanceof Uint8Array)) return value
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes
}

/** @throws Error that says how to install it, when the package is not there */
export async function importPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Error(`wants the package ${name}, which is not installed: npm install ${name}`, {
      cause: error,
    })
  }
}
