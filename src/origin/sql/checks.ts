// Checks statements against the database at the start: whether it accepts them, and whether their columns fit.

import { type Change, type Driver, StatementError } from './driver.ts'

export interface Statements {
  /** Whether there is a batch query. The queries themselves are in the driver. */
  readonly batchQuery: string | undefined
  /** The column that is the value; undefined: the only column, or the whole row as JSON. */
  readonly column: string | undefined
  /** Statements with the key and the value as parameters, and with the key alone. */
  readonly writeQuery?: string
  readonly removeQuery?: string
}

/** The accepted statements. */
export interface Checked {
  readonly driver: Driver
  readonly write: Change | undefined
  readonly remove: Change | undefined
}

/** @throws StatementError that names the field, for a rejected statement or columns that do not fit */
export async function checkStatements(
  driver: Driver,
  { batchQuery, column, writeQuery, removeQuery }: Statements,
  signal: AbortSignal,
): Promise<Checked> {
  const { columns } = await driver.one(null, signal).catch(named('query'))
  checkColumns(columns, column)
  if (batchQuery !== undefined) {
    const { columns: batched } = await driver.many(null, signal).catch(named('batchQuery'))
    checkBatchColumns(batched, columns)
  }
  const prepare = async (
    field: string,
    statement: string | undefined,
    parameters: number,
  ): Promise<Change | undefined> =>
    statement === undefined ? undefined : driver.prepare(statement, parameters, signal).catch(named(field))
  return {
    driver,
    write: await prepare('writeQuery', writeQuery, 2),
    remove: await prepare('removeQuery', removeQuery, 1),
  }
}

function checkColumns(columns: readonly string[], column: string | undefined): void {
  if (columns.length === 0) refuse('query: it returns no columns')
  if (column !== undefined && !columns.includes(column))
    refuse(`column: query returns no column ${column}, but ${columns.join(', ')}`)
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
