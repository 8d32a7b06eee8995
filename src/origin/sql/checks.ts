// Checks statements against the database at the start: whether it accepts them, and whether their columns fit.

import type { Shape } from '../shape.ts'
import {
  type Change,
  type Driver,
  type IntegerRange,
  keyTextOf,
  type Parameter,
  type Rows,
  StatementError,
} from './driver.ts'
import { HashWriter } from './hash-writer.ts'
import { keyedQuery } from './key-column.ts'
import type { ParameterStyle } from './named-statement.ts'

export interface Statements {
  readonly query: string
  /** Whether there is a batch query. The queries themselves are in the driver. */
  readonly batchQuery: string | undefined
  /** The type of the values. */
  readonly shape: Shape
  /** The column that is the value; undefined: the only column, or the whole row as JSON. */
  readonly column: string | undefined
  /** Statements with the key and the value (of a hash, its fields) as parameters, and with the key alone. */
  readonly writeQuery?: string
  readonly removeQuery?: string
}

/** Words of a query that looks for rows. */
const FINDS = /\b(?:where|on|having|call)\b/i

/** The accepted statements. */
export interface Checked {
  /** Runs the queries. Rows that were found by another spelling than their key are left out. */
  readonly queries: Pick<Driver, 'one' | 'many'>
  /** The integers that keys may be; undefined: they may be other texts as well. */
  readonly integers: IntegerRange | undefined
  /** Whether another spelling of a key may find its row. */
  readonly isLoose: boolean
  readonly write: Change | undefined
  readonly hashes: HashWriter | undefined
  readonly remove: Change | undefined
}

/**
 * @param isTyped whether keys have one spelling by their pattern
 * @param style how the database writes parameters
 * @throws StatementError that names the field, for a rejected statement or columns that do not fit
 */
export async function checkStatements(
  driver: Driver,
  { query, batchQuery, shape, column, writeQuery, removeQuery }: Statements,
  isTyped: boolean,
  style: ParameterStyle,
  signal: AbortSignal,
): Promise<Checked> {
  const { columns, integersTaken } = await driver.one(null, signal).catch(named('query'))
  checkColumns(columns, column, shape)
  if (batchQuery !== undefined) {
    const batched = await driver.many(null, signal).catch(named('batchQuery'))
    checkBatchColumns(batched.columns, columns)
    checkType('batchQuery', batched.castOf?.(0), '[]')
  }
  const prepare = async (
    field: string,
    statement: string | undefined,
    parameters: number,
  ): Promise<Change | undefined> =>
    statement === undefined ? undefined : driver.prepare(statement, parameters, signal).catch(named(field))
  const sql = isTyped ? undefined : keyedQuery(query)
  const keyed = sql === undefined ? undefined : await columnsOf(driver, sql, signal)
  const isKeyed = keyed?.columns.slice(0, -1).join() === columns.join()
  if (isKeyed) checkType('query', keyed?.castOf?.(columns.length), '')
  return {
    queries: isKeyed
      ? {
          one: async (parameter, until) => ofKey(parameter, await driver.one(parameter, until, sql)),
          many: (parameters, until) => driver.many(parameters, until),
        }
      : driver,
    integers: integersTaken ?? (isKeyed ? keyed?.integersOf?.(columns.length) : undefined),
    // The parameters of PostgreSQL have the types of what they are compared with.
    isLoose: !isTyped && !isKeyed && style === '?' && FINDS.test(query),
    write: shape === 'hash' ? undefined : await prepare('writeQuery', writeQuery, 2),
    hashes:
      shape === 'hash' && writeQuery !== undefined
        ? await HashWriter.prepare(writeQuery, style, columns, driver, signal).catch(named('writeQuery'))
        : undefined,
    remove: await prepare('removeQuery', removeQuery, 1),
  }
}

/** Undefined if the database rejects the query. */
function columnsOf(driver: Driver, sql: string, signal: AbortSignal): Promise<Rows | undefined> {
  return driver.one(null, signal, sql).catch((error) => {
    if (error instanceof StatementError) return undefined
    throw error
  })
}

/** The rows of a query whose last column is their key, without this column and without the rows of other keys. */
function ofKey(parameter: Parameter | null, found: Rows): Rows {
  const last = found.columns.length - 1
  const rows = found.rows.filter((_, i) => {
    const key = keyTextOf(found, i, last)
    return key === null || key === String(parameter)
  })
  return { columns: found.columns.slice(0, last), rows: rows.map((row) => row.slice(0, last)) }
}

function checkColumns(columns: readonly string[], column: string | undefined, shape: Shape): void {
  if (columns.length === 0) refuse('query: it returns no columns')
  if (column !== undefined && !columns.includes(column))
    refuse(`column: query returns no column ${column}, but ${columns.join(', ')}`)
  if (shape === 'sortedset' && columns.length < 2)
    refuse(`query: as: 'sortedset' wants two columns, the member and its score, got ${columns.join(', ')}`)
  const twice = columns.find((name, i) => columns.indexOf(name) !== i)
  if (twice !== undefined) refuse(`query: two columns are named ${twice}`)
}

function checkBatchColumns(columns: readonly string[], wanted: readonly string[]): void {
  const [, ...rest] = columns
  if (rest.join() === wanted.join()) return
  refuse(
    `batchQuery: its columns are ${columns.join(', ')}; the first one is to be the key, and the others those of query: ${wanted.join(', ')}`,
  )
}

/** @param cast the type that the parameter must be cast to, if it must */
function checkType(field: string, cast: string | undefined, suffix: string): void {
  if (cast !== undefined)
    refuse(
      `${field}: the key's column is of type ${cast}, but its parameter is not: cast it, as in $1::${cast}${suffix}`,
    )
}

function refuse(message: string): never {
  throw new StatementError(message, false, undefined)
}

/** Adds the name of the field to a StatementError. */
function named(field: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof StatementError)) throw error
    throw new StatementError(`${field}: ${error.message}`, error.ofParameter, error.cause)
  }
}
