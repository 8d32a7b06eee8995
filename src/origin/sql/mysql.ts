// MySQL and MariaDB for the SQL origin, by `mysql2`.

import { connect, isIP, type Socket } from 'node:net'
import type { FieldPacket, Pool, PoolConnection, RowDataPacket } from 'mysql2/promise'
import { abortable } from '../abortable.ts'
import { type Cell, Literal, numberCell, timestampCell } from './cell.ts'
import {
  type Change,
  checkParameters,
  type Driver,
  type DriverOptions,
  importPackage,
  type Parameter,
  type Rows,
  StatementError,
  statementError,
  textOrBytes,
} from './driver.ts'

/** Types of columns (MySQL: enum_field_types). */
const FLOAT = 4
const TIMESTAMP = 7
const DATETIME = 12
const BIT = 16
const JSON_TYPE = 245
const GEOMETRY = 255
/** decimal, tiny, short, long, double, longlong, int24, year, newdecimal */
const NUMBERS = new Set([0, 1, 2, 3, 5, 8, 9, 13, 246])

/**
 * Errors without a class of their own that are about a key or a value: a packet that is too large, data that is cut off, an
 * illegal mix of collations, text that is none, values of a wrong form, a check (MySQL: ER_…).
 */
const PARAMETER_ERRORS = new Set([1153, 1265, 1267, 1300, 1366, 1411, 1525, 3819])

/**
 * Those that say nothing about the statement: disk, storage, memory, who may connect, a host that is blocked, threads,
 * connections of a user, locks, limits of a user, a server that only reads, a timeout, an idle connection.
 */
const PASSING_ERRORS = new Set([
  1021, 1030, 1037, 1038, 1041, 1044, 1049, 1129, 1130, 1135, 1203, 1205, 1206, 1226, 1290, 1836, 3024, 4031,
])

/** `IN (?)` in a batch query gets as many placeholders as there are keys; anywhere else `?` is a JSON array of them. */
const IN_LIST = /\bin\s*\(\s*\?\s*\)/i

type MysqlError = Error & { readonly errno?: number; readonly sqlState?: string }

export async function openMysql(options: DriverOptions): Promise<Driver> {
  const { createPool } = await importPackage('mysql2', () => import('mysql2/promise'))
  const { url, pool: connectionLimit, tls, connectTimeout, statementTimeout } = options
  const pool = createPool({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    ...(tls === undefined || tls === false
      ? {}
      : {
          ssl: {
            ...(tls === true ? {} : tls),
            verifyIdentity: tls === true || tls.rejectUnauthorized !== false,
          },
          ...(isIP(new URL(url).hostname) === 0 ? {} : { stream: connectByAddress }),
        }),
    connectionLimit,
    connectTimeout,
    charset: 'utf8mb4',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    jsonStrings: true,
    maxPreparedStatements: 64,
  })
  pool.pool.on('connection', (connection) => {
    // mysql2 itself forgets a connection that breaks; a listener keeps the process from ending with it.
    connection.on('error', (error: Error) => options.onIdleError(error))
    const session = [
      "SET time_zone='+00:00'",
      // The one is MySQL's, the other MariaDB's.
      `SET max_execution_time=${statementTimeout}`,
      `SET max_statement_time=${statementTimeout / 1000}`,
      // Otherwise what does not fit would be cut off, and that would be a success.
      "SET sql_mode=CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
    ]
    for (const statement of session) connection.query(statement, () => undefined)
  })
  return new MysqlDriver(pool, options)
}

/**
 * `node:tls` compares a certificate with the name that it is told, or that its socket was told. mysql2 tells it none for an
 * address, and a socket keeps none of these: the certificate would have to be of `localhost`.
 */
function connectByAddress({ config: { host, port } }: { config: { host: string; port: number } }): Socket {
  const socket = connect({ host, port, noDelay: true, keepAlive: true })
  return Object.assign(socket, { _host: host })
}

class MysqlDriver implements Driver {
  readonly #pool: Pool
  readonly #options: DriverOptions
  readonly #isList: boolean

  constructor(pool: Pool, options: DriverOptions) {
    this.#pool = pool
    this.#options = options
    this.#isList = IN_LIST.test(options.batchQuery ?? '')
  }

  one(parameter: Parameter | null, signal: AbortSignal): Promise<Rows> {
    return this.#run(this.#options.query, [parameter], signal)
  }

  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows> {
    const { batchQuery = '' } = this.#options
    if (!this.#isList) {
      const json = parameters
        ?.map((item) => (typeof item === 'bigint' ? item : JSON.stringify(item)))
        .join(',')
      return this.#run(batchQuery, [json === undefined ? null : `[${json}]`], signal)
    }
    const values = [...(parameters ?? [null])]
    // Few lengths make few prepared statements; the last key again changes nothing.
    while ((values.length & (values.length - 1)) !== 0) values.push(values[values.length - 1])
    const places = `IN (${values.map(() => '?').join(',')})`
    return this.#run(batchQuery.replace(IN_LIST, places), values, signal)
  }

  async prepare(sql: string, parameters: number, signal: AbortSignal): Promise<Change> {
    const statement = await this.#with(signal, (connection) => connection.prepare(sql))
    const { statement: prepared } = statement as unknown as { statement: { parameters: readonly unknown[] } }
    checkParameters(prepared.parameters.length, parameters)
    const timeout = this.#options.statementTimeout + 1000
    return async (key, values, until) => {
      const given = [key, ...values.map(textOrBytes)]
      await this.#with(until, (connection) => connection.execute({ sql, values: given, timeout }))
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #run(sql: string, values: readonly (Parameter | null)[], signal: AbortSignal): Promise<Rows> {
    const [rows, fields] = await this.#with(signal, (connection) => this.#execute(connection, sql, values))
    return {
      columns: fields.map(({ name }) => name),
      rows: rows.map((row) => fields.map((field, i) => readCell(field, row[i]))),
    }
  }

  /** Lends a connection. */
  async #with<Result>(
    signal: AbortSignal,
    run: (connection: PoolConnection) => Promise<Result>,
  ): Promise<Result> {
    const connection = await abortable(this.#pool.getConnection(), signal, (late) => late.release())
    const result = await abortable(run(connection), signal).catch((error) => {
      throw released(connection, error)
    })
    connection.release()
    return result
  }

  async #execute(
    connection: PoolConnection,
    sql: string,
    values: readonly (Parameter | null)[],
  ): Promise<[readonly unknown[][], readonly FieldPacket[]]> {
    // mysql2 drops the parameters that a statement has no place for.
    if (!sql.includes('?')) throw new StatementError('it has no parameter, write ?', false, undefined)
    const timeout = this.#options.statementTimeout + 1000
    const [rows, fields] = await connection.execute<RowDataPacket[][]>({
      sql,
      values: [...values],
      rowsAsArray: true,
      timeout,
    })
    if (!Array.isArray(rows) || fields === undefined)
      throw new StatementError('the query gives no rows', false, undefined)
    return [rows, fields]
  }
}

/** A connection whose statement may still run is closed. */
function released(connection: PoolConnection, error: unknown): unknown {
  if (error instanceof StatementError) {
    connection.release()
    return error
  }
  const { errno, sqlState } = error as MysqlError
  if (!(error instanceof Error) || sqlState === undefined || errno === undefined) {
    connection.destroy()
    return error
  }
  // After these the server hangs up.
  if (sqlState.startsWith('08')) connection.destroy()
  else connection.release()
  if (PARAMETER_ERRORS.has(errno)) return new StatementError(error.message, true, error)
  return PASSING_ERRORS.has(errno) ? error : statementError(error, sqlState)
}

function readCell({ columnType }: FieldPacket, value: unknown): Cell {
  if (value === null || value === undefined) return null
  if (Buffer.isBuffer(value)) {
    if (columnType !== BIT) return value
    return new Literal(BigInt(`0x${value.toString('hex')}`).toString())
  }
  if (columnType === FLOAT) return new Literal(floatText(Number(value)))
  if (columnType === JSON_TYPE) return new Literal(String(value))
  if (columnType === GEOMETRY) return new Literal(JSON.stringify(value))
  if (columnType === TIMESTAMP) return timestampCell(String(value), 'Z')
  if (columnType === DATETIME) return timestampCell(String(value), '')
  if (columnType !== undefined && NUMBERS.has(columnType)) return numberCell(String(value))
  return String(value)
}

/** The shortest digits that are still this single-precision number. */
function floatText(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits))
    if (Math.fround(text) === value) return String(text)
  }
  return String(value)
}
