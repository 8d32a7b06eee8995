// The port to a database: what the SQL origin asks of each kind.

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
  /** Told when a connection breaks while nobody uses it. */
  readonly onIdleError: (error: Error) => void
}

/** Each of its promises rejects when the signal is aborted, with the signal's reason. */
export interface Driver {
  /** Runs `query` for one key; null is one that no row has: its columns are of interest. */
  one(parameter: Parameter | null, signal: AbortSignal): Promise<Rows>
  /** Runs `batchQuery`; the same. */
  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows>
  /** Runs a statement that changes something; its parameters are used in their order. */
  change?(sql: string, parameters: readonly (Parameter | Buffer)[], signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** The database refused the statement, in its own words. */
export class StatementError extends Error {
  override readonly name = 'StatementError'
  /** It refused the parameter (SQLSTATE class 22, data exception): another one may do. */
  readonly ofParameter: boolean

  constructor(message: string, ofParameter: boolean, cause: unknown) {
    super(message, { cause })
    this.ofParameter = ofParameter
  }
}

/**
 * SQLSTATE classes that say nothing about the statement: connection, authorization, catalog, resources, intervention
 * (a timeout, a shutdown), system, transaction.
 */
const PASSING = new Set(['08', '25', '28', '3D', '40', '53', '55', '57', '58', 'XX'])

/** PostgreSQL: protocol violation; what it says of a statement with another number of parameters. */
const WRONG_PARAMETERS = '08P01'

/** The error of a database with its SQLSTATE, as a StatementError if it is one. */
export function statementError(error: Error, state: string): Error {
  const group = state.slice(0, 2)
  return PASSING.has(group) && state !== WRONG_PARAMETERS
    ? error
    : new StatementError(error.message, group === '22', error)
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
