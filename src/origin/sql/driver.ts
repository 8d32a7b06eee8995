// The port to a database: what the SQL origin asks of each kind.

import { isUtf8 } from 'node:buffer'
import { BadRequest, notTaken } from '../../group/origin.ts'
import { errorText } from '../abortable.ts'
import type { TlsOptions } from '../tls-options.ts'
import type { Cell } from './cell.ts'

/** What a key is in a statement: text, or an integer where the pattern says so. */
export type Parameter = string | bigint

export interface Rows {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

export interface DriverOptions {
  readonly url: string
  /** A statement with one parameter. */
  readonly query: string
  /** A statement with a set parameter. */
  readonly batchQuery: string | undefined
  /** Most connections. */
  readonly pool: number
  /** Undefined: what the URL says. */
  readonly tls: TlsOptions | boolean | undefined
  /** Milliseconds. */
  readonly connectTimeout: number
  readonly statementTimeout: number
  /** Whether statements will be prepared that change something. */
  readonly writes: boolean
  /** Told when a connection breaks while nobody uses it. */
  readonly onIdleError: (error: Error) => void
}

/** Runs a statement that changes something, with the key and what else it takes, in the order of its parameters. */
export type Change = (key: Parameter, values: readonly Uint8Array[], signal: AbortSignal) => Promise<void>

/** Each of its promises rejects when the signal is aborted, with the signal's reason. */
export interface Driver {
  /** Runs `query` for one key; null is one that no row has: its columns are of interest. */
  one(parameter: Parameter | null, signal: AbortSignal): Promise<Rows>
  /** Runs `batchQuery`; the same. */
  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows>
  /**
   * Shows the database a statement that changes something, and does not run it yet.
   * @param parameters how many it is to have
   */
  prepare(sql: string, parameters: number, signal: AbortSignal): Promise<Change>
  close(): Promise<void>
}

/** The database refused the statement, in its own words. */
export class StatementError extends Error {
  override readonly name = 'StatementError'
  /** It refused what the statement was given, a key or a value: another one may do. */
  readonly ofParameter: boolean

  constructor(message: string, ofParameter: boolean, cause: unknown) {
    super(message, { cause })
    this.ofParameter = ofParameter
  }
}

/**
 * SQLSTATE classes that say nothing about the statement: connection, authorization, catalog, resources, intervention
 * (a timeout, a shutdown; of MySQL the class 70), system, transaction.
 */
const PASSING = new Set(['08', '25', '28', '3D', '40', '53', '55', '57', '58', '70', 'XX'])

/**
 * Classes that are about what it was given: cardinality, data, constraints, the refusal of a view or of a trigger (of
 * MySQL the class 45), limits.
 */
const OF_PARAMETER = new Set(['21', '22', '23', '44', '45', '54', 'P0'])

/** PostgreSQL: protocol violation; what it says of a statement with another number of parameters. */
const WRONG_PARAMETERS = '08P01'

/**
 * SQLSTATEs after which it has changed nothing, or their beginnings: a transaction that only reads, say, authorization,
 * resources, a server that is starting or shutting down.
 */
const NOTHING_CHANGED = /^(25|28|53|57P03)/

/** The error of a database with its SQLSTATE, as a StatementError if it is one. */
export function statementError(error: Error, state: string): Error {
  const group = state.slice(0, 2)
  return PASSING.has(group) && state !== WRONG_PARAMETERS
    ? error
    : new StatementError(error.message, OF_PARAMETER.has(group), error)
}

/** An error with words, whatever it was; what the database refuses of a key or a value it will refuse again. */
export function worded(error: unknown): Error {
  if (error instanceof StatementError && error.ofParameter)
    return new BadRequest(error.message, { cause: error })
  if (error instanceof Error && error.message !== '')
    return hasChangedNothing(error) ? notTaken(error) : error
  return new Error(errorText(error), { cause: error })
}

/** PostgreSQL gives the SQLSTATE as the code, MySQL beside one of its own; no other code begins like those. */
function hasChangedNothing(error: Error): boolean {
  const { code, sqlState = code } = error as { readonly code?: unknown; readonly sqlState?: unknown }
  return typeof sqlState === 'string' && NOTHING_CHANGED.test(sqlState)
}

/** @throws StatementError for a statement that has more parameters than it will be given, or fewer */
export function checkParameters(found: number, wanted: number): void {
  if (found !== wanted)
    throw new StatementError(`its parameters are ${found}, not ${wanted}`, false, undefined)
}

/** A value as text, which any column takes that can be read from it, or as the bytes of what is none. */
export function textOrBytes(value: Uint8Array): string | Buffer {
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
