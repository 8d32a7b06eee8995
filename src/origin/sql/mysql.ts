// MySQL and MariaDB for the SQL origin, by `mysql2`.

import { connect, isIP, type Socket } from 'node:net'
import type {
  FieldPacket,
  Pool,
  PoolConnection,
  QueryOptions,
  QueryResult,
  ResultSetHeader,
  RowDataPacket,
} from 'mysql2/promise'
import { type Cell, cellText, Literal, numberCell, timestampCell } from './cell.ts'
import {
  type Change,
  checkParameters,
  type Driver,
  type DriverOptions,
  type IntegerRange,
  importPackage,
  type Parameter,
  type Rows,
  StatementError,
  statementError,
  textOrBytes,
} from './driver.ts'
import { Connections } from './pool/connections.ts'
import { withTrace } from './trace-comment.ts'
import { mysqlTarget } from './url.ts'

/** Types of columns (MySQL: enum_field_types). */
const FLOAT = 4
const TIMESTAMP = 7
const DATETIME = 12
const BIT = 16
const JSON_TYPE = 245
const GEOMETRY = 255
/** decimal, tiny, short, long, double, longlong, int24, year, newdecimal */
const NUMBERS = new Set([0, 1, 2, 3, 5, 8, 9, 13, 246])

/** tiny, short, long, longlong, int24, year */
const INTEGERS = new Set([1, 2, 3, 8, 9, 13])

/** Of 64 bits, with or without a sign: what is outside a smaller type is compared without an error. */
const ALL_INTEGERS: IntegerRange = [-(1n << 63n), (1n << 64n) - 1n]

/**
 * Errors of the general class HY000 that are about a parameter: packet too large, data truncated, illegal mix of
 * collations (of two, three and more), invalid text, wrong value, check constraint (MySQL: ER_…).
 */
const PARAMETER_ERRORS = new Set([1153, 1265, 1267, 1270, 1271, 1300, 1366, 1411, 1525, 3819])

/**
 * Of these, the ones of a text that the compared column cannot hold: of other characters, as `Ω` in latin1, or not a date.
 * No row has it as its key.
 */
const NO_VALUE_ERRORS = new Set([1267, 1270, 1271, 1300, 1366, 1411, 1525])

/**
 * Errors that do not depend on the statement: disk, storage, memory, access, a blocked host, threads, a user's
 * connections, locks, a user's limits, a read-only server, a timeout, an idle connection.
 */
const PASSING_ERRORS = new Set([
  1021, 1030, 1037, 1038, 1041, 1044, 1046, 1049, 1129, 1130, 1135, 1203, 1205, 1206, 1226, 1290, 1836, 3024,
  4031,
])

/**
 * Permanent errors of connecting: access (to a database, for a user, from a host, without TLS), no
 * database or an unknown one, an unknown or unsupported way to log in, an expired password, a locked account.
 */
const LASTING_ERRORS = new Set([
  1044, 1045, 1046, 1049, 1130, 1251, 1524, 1698, 1820, 1862, 3118, 3159, 3955, 4151,
])

/**
 * A connection that the server has closed: it shuts down, or has ended this one (MariaDB, MySQL), also because it was idle.
 * `mysql2` has no code for the use of one that it knows to be closed.
 */
const CLOSED_ERRORS = new Set([1053, 1927, 3169, 4031])
const CLOSED_CODES = new Set(['PROTOCOL_CONNECTION_LOST', 'ECONNRESET', 'EPIPE'])
const CLOSED_MESSAGE = /in closed state$/

/** The connection has ended while the handshake went on. */
const BROKEN_HANDSHAKE = /ECONN|EPIPE|ETIMEDOUT|disconnected/

/** `IN (?)` in a batch query is expanded to one placeholder per key; elsewhere `?` is a JSON array of the keys. */
const IN_LIST = /\bin\s*\(\s*\?\s*\)/i

type MysqlError = Error & { readonly errno?: number; readonly sqlState?: string; readonly code?: string }

export async function openMysql(options: DriverOptions): Promise<Driver> {
  const { createPool } = await importPackage('mysql2', () => import('mysql2/promise'))
  const { url, pool: connectionLimit, tls, connectTimeout, statementTimeout } = options
  const target = mysqlTarget(url)
  const pool = createPool({
    ...target,
    ...(tls === undefined || tls === false
      ? {}
      : {
          ssl: {
            ...(tls === true ? {} : tls),
            verifyIdentity: tls === true || tls.rejectUnauthorized !== false,
          },
          ...(isIP(new URL(target.uri).hostname) === 0 ? {} : { stream: connectByAddress }),
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
    // mysql2 removes a broken connection itself; without a listener its 'error' event would end the process.
    connection.on('error', (error: Error) => options.onIdleError(error))
    const session = [
      "SET time_zone='+00:00'",
      // The first is MySQL's, the second MariaDB's.
      `SET max_execution_time=${statementTimeout}`,
      `SET max_statement_time=${statementTimeout / 1000}`,
      // Otherwise values that do not fit would be truncated silently, and a char(n) may be padded.
      "SET sql_mode=CONCAT(REPLACE(@@sql_mode, 'PAD_CHAR_TO_FULL_LENGTH', ''), ',STRICT_ALL_TABLES')",
    ]
    for (const statement of session) connection.query(statement, () => undefined)
  })
  return new MysqlDriver(pool, options)
}

/**
 * `node:tls` checks the certificate against the server name or the socket's host. mysql2 passes no name for an IP
 * address, and the socket has none: the certificate would be checked against `localhost`.
 */
function connectByAddress({ config: { host, port } }: { config: { host: string; port: number } }): Socket {
  const socket = connect({ host, port, noDelay: true, keepAlive: true })
  return Object.assign(socket, { _host: host })
}

class MysqlDriver implements Driver {
  readonly #pool: Pool
  readonly #connections: Connections<PoolConnection>
  readonly #options: DriverOptions
  readonly #isList: boolean

  constructor(pool: Pool, options: DriverOptions) {
    this.#pool = pool
    this.#options = options
    this.#isList = IN_LIST.test(options.batchQuery ?? '')
    this.#connections = new Connections({
      take: () => pool.getConnection(),
      // The others are wrappers of it.
      identityOf: ({ connection }) => connection,
      giveBack: (connection) => connection.release(),
      destroy: (connection) => connection.destroy(),
      failed: released,
      isClosed,
      onReplaced: options.onIdleError,
    })
  }

  one(parameter: Parameter | null, signal: AbortSignal, sql?: string): Promise<Rows> {
    const found = this.#run(sql ?? this.#options.query, [parameter], signal)
    return parameter === null ? found : found.catch(noRows)
  }

  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows> {
    const { batchQuery = '' } = this.#options
    if (!this.#isList) {
      const json = parameters
        ?.map((item) => (typeof item === 'bigint' ? item : JSON.stringify(item)))
        .join(',')
      const found = this.#run(batchQuery, [json === undefined ? null : `[${json}]`], signal)
      return parameters?.length === 1 ? found.catch(noRows) : found
    }
    const values = [...(parameters ?? [null])]
    // Lengths are rounded up to limit the number of prepared statements; the last key is repeated.
    while ((values.length & (values.length - 1)) !== 0) values.push(values[values.length - 1])
    const places = `IN (${values.map(() => '?').join(',')})`
    const found = this.#run(batchQuery.replace(IN_LIST, places), values, signal)
    return parameters?.length === 1 ? found.catch(noRows) : found
  }

  async prepare(sql: string, parameters: number, signal: AbortSignal): Promise<Change> {
    const statement = await this.#connections.with(signal, (connection) => connection.prepare(sql), true)
    const { statement: prepared } = statement as unknown as { statement: { parameters: readonly unknown[] } }
    checkParameters(prepared.parameters.length, parameters)
    return async (values, until) => {
      const given = values.map(textOrBytes)
      const write = (connection: PoolConnection): Promise<[ResultSetHeader, FieldPacket[]]> =>
        this.#executePrepared<ResultSetHeader>(connection, { sql, values: given })
      const [result] = await this.#connections.with(until, write, false)
      return result.affectedRows
    }
  }

  isLasting(error: unknown): boolean {
    const { errno = 0, code = '', message } = error as MysqlError
    // `mysql2` replaces the code of any error during the TLS handshake.
    const isTls = code === 'HANDSHAKE_NO_SSL_SUPPORT' || code === 'HANDSHAKE_SSL_ERROR'
    return LASTING_ERRORS.has(errno) || (isTls && !BROKEN_HANDSHAKE.test(message))
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #run(sql: string, values: readonly (Parameter | null)[], signal: AbortSignal): Promise<Rows> {
    const read = (connection: PoolConnection) => this.#execute(connection, sql, values)
    const [rows, fields] = await this.#connections.with(signal, read, true)
    return {
      columns: fields.map(({ name }) => name),
      rows: rows.map((row) => fields.map((field, i) => readCell(field, row[i]))),
      integersOf: (column) => (INTEGERS.has(fields[column].columnType ?? -1) ? ALL_INTEGERS : undefined),
      keyText: (row, column) => keyText(fields[column], rows[row][column]),
    }
  }

  async #execute(
    connection: PoolConnection,
    sql: string,
    values: readonly (Parameter | null)[],
  ): Promise<[readonly unknown[][], readonly FieldPacket[]]> {
    // mysql2 silently drops surplus parameters.
    if (!sql.includes('?'))
      throw new StatementError('the statement has no parameter, write ?', false, undefined)
    const [rows, fields] = await this.#executePrepared<RowDataPacket[][]>(connection, {
      sql,
      values: [...values],
      rowsAsArray: true,
    })
    if (!Array.isArray(rows) || fields === undefined)
      throw new StatementError('the query returns no rows', false, undefined)
    return [rows, fields]
  }

  /** Executes a prepared statement. With a trace as a comment its text is another one each time: it is prepared for once. */
  async #executePrepared<Result extends QueryResult>(
    connection: PoolConnection,
    statement: QueryOptions,
  ): Promise<[Result, FieldPacket[]]> {
    const timeout = this.#options.statementTimeout + 1000
    if (this.#options.traceComments !== true) return connection.execute<Result>({ ...statement, timeout })
    const sql = withTrace(statement.sql)
    const result = await connection.execute<Result>({ ...statement, sql, timeout })
    if (sql !== statement.sql) connection.unprepare({ ...statement, sql })
    return result
  }
}

/** Closes the connection instead of returning it to the pool if its statement may still be running. */
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
  // The server closes the connection after these.
  if (sqlState.startsWith('08') || isClosed(error)) connection.destroy()
  else connection.release()
  if (PARAMETER_ERRORS.has(errno)) return new StatementError(error.message, true, error)
  return PASSING_ERRORS.has(errno) ? error : statementError(error, sqlState)
}

/** Nothing, if the error says that the column cannot hold the key. @throws any other error */
function noRows(error: unknown): Rows {
  const { errno = 0 } = ((error as Error).cause ?? {}) as MysqlError
  if (error instanceof StatementError && NO_VALUE_ERRORS.has(errno)) return { columns: [], rows: [] }
  throw error
}

function isClosed(error: unknown): boolean {
  const { errno = 0, code = '', message } = error as MysqlError
  return CLOSED_ERRORS.has(errno) || CLOSED_CODES.has(code) || CLOSED_MESSAGE.test(message)
}

/** A date and time as a key is as the database writes it. */
function keyText(field: FieldPacket, value: unknown): string {
  const { columnType } = field
  return columnType === TIMESTAMP || columnType === DATETIME
    ? String(value)
    : cellText(readCell(field, value))
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

/** The shortest decimal text of a single-precision number. */
function floatText(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits))
    if (Math.fround(text) === value) return String(text)
  }
  return String(value)
}
