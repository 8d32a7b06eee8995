// PostgreSQL for the SQL origin, by `pg`.

import type { Client, ClientConfig, Connection, Pool, PoolClient, QueryResult, Submittable } from 'pg'
import { isTlsFault } from '../../tls-options.ts'
import {
  type Change,
  checkParameters,
  type Driver,
  type DriverOptions,
  importPackage,
  LASTING,
  type Parameter,
  type Rows,
  StatementError,
  statementError,
  textOrBytes,
} from '../driver.ts'
import { Connections } from '../pool/connections.ts'
import { withTrace } from '../trace-comment.ts'
import { postgresTarget } from '../url.ts'
import { castOf, namesOf, refuseRecord } from './name-types.ts'
import { TEXT_SETTINGS } from './session.ts'
import { Altered, BYTEA, BYTEA_ARRAY, INTEGERS, keyText, PostgresTypes } from './types.ts'

type Pg = typeof import('pg')

const SESSION = TEXT_SETTINGS.map(([name, value]) => `SET ${name}='${value}'`).join('; ')

/**
 * A connection that the server has closed: by its administrator, after a crash, or because it was idle. `pg` has no codes
 * for its own errors.
 */
const CLOSED_CODES = new Set(['57P01', '57P02', '57P05', 'ECONNRESET', 'EPIPE'])
const CLOSED_MESSAGE = /^Connection terminated|not queryable$/

/** `pg`, which was not given the password that the server asks for, or asked for TLS that the server does not have. */
const LASTING_MESSAGE = /^SASL: |does not support SSL/

/** The server cancels statements of disconnected clients (PostgreSQL 14, not on every system). */
const NOTICE_GONE_CLIENTS = "SET client_connection_check_interval='1s'"

/** The name of a type, by its OID. */
const TYPE_NAME = 'select pg_catalog.format_type($1, null)'

export async function openPostgres(options: DriverOptions): Promise<Driver> {
  return new PostgresDriver(await importPackage('pg', () => import('pg')), options)
}

class PostgresDriver implements Driver {
  readonly #pg: Pg
  readonly #options: DriverOptions
  readonly #pool: Pool
  readonly #connections: Connections<PoolClient>
  readonly #known = new PostgresTypes()
  /** The parameter types of each statement, once described. */
  readonly #types = new Map<string, readonly number[]>()

  constructor(pg: Pg, options: DriverOptions) {
    const { url, pool, tls, connectTimeout, statementTimeout, onIdleError } = options
    this.#pg = pg
    this.#options = options
    this.#pool = new pg.Pool({
      ...postgresTarget(url, tls),
      max: pool,
      // The pool's own timeout would include waiting for a free connection, which the load's timeout covers.
      Client: class extends pg.Client {
        constructor(config?: ClientConfig) {
          super({ ...config, connectionTimeoutMillis: connectTimeout })
        }
      },
      // For a server that does not answer at all: its own statement timeout is shorter.
      query_timeout: statementTimeout + 1000,
      keepAlive: true,
      application_name: 'erinys',
      types: { getTypeParser: () => (text: string) => text },
      onConnect: (client) => prepareSession(client as Client, statementTimeout),
    })
    // Without a listener an 'error' event of a connection would end the process.
    this.#pool.on('error', onIdleError)
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
    this.#connections = new Connections({
      take: () => this.#pool.connect(),
      identityOf: (client) => client,
      giveBack: (client) => client.release(),
      destroy: (client) => client.release(true),
      failed: (client, error) => this.#released(client, error),
      isClosed,
      onReplaced: options.onIdleError,
    })
  }

  async one(
    parameter: Parameter | null,
    signal: AbortSignal,
    query: string = this.#options.query,
  ): Promise<Rows> {
    const [type] = await this.#typesOf(query, signal)
    if (parameter === null) {
      refuseRecord(type)
      return { ...(await this.#run(query, null, signal, type)), integersTaken: INTEGERS.get(type) }
    }
    const text = String(parameter)
    if (type === BYTEA) return this.#run(query, Buffer.from(text), signal)
    return isText(text) ? this.#run(query, text, signal) : { columns: [], rows: [] }
  }

  async many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows> {
    const { batchQuery = '' } = this.#options
    const [type] = await this.#typesOf(batchQuery, signal)
    if (parameters === null) {
      refuseRecord(type)
      return this.#run(batchQuery, null, signal, type)
    }
    const texts = parameters.map(String)
    const values = type === BYTEA_ARRAY ? texts.map((text) => Buffer.from(text)) : texts.filter(isText)
    return this.#run(batchQuery, values, signal)
  }

  async prepare(text: string, parameters: number, signal: AbortSignal): Promise<Change> {
    const types = await this.#typesOf(text, signal)
    checkParameters(types.length, parameters)
    return async (values, until) => {
      const given = values.map((value, i) => {
        const bytes =
          typeof value === 'string' || typeof value === 'bigint' ? Buffer.from(String(value)) : value
        return types[i] === BYTEA ? bytes : textOrBytes(bytes)
      })
      const write = (client: PoolClient): Promise<QueryResult> =>
        client.query({ text: this.#traced(text), values: given })
      const { rowCount } = await this.#connections.with(until, write, false)
      return rowCount ?? 0
    }
  }

  isLasting(error: unknown): boolean {
    const { code = '', message, syscall } = error as NodeJS.ErrnoException
    // Without permission for a socket, or a file of the URL (`sslrootcert`) that cannot be read.
    const isFile = code === 'EACCES' || syscall === 'open'
    return LASTING.test(code) || LASTING_MESSAGE.test(message) || isFile || isTlsFault(error)
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  /** The parameter types of a statement, described at its first use. */
  async #typesOf(text: string, signal: AbortSignal): Promise<readonly number[]> {
    const known = this.#types.get(text)
    if (known !== undefined) return known
    const types = await this.#with(signal, (client) => {
      const description = new Description(text)
      client.query(description)
      return description.types
    })
    this.#types.set(text, types)
    return types
  }

  async #run(
    text: string,
    value: string | Buffer | readonly (string | Buffer)[] | null,
    signal: AbortSignal,
    type = 0,
  ): Promise<Rows> {
    const read = (client: PoolClient): Promise<Rows> => this.#read(client, text, value, type)
    const rows = this.#with(signal, (client) =>
      read(client).catch((error) => {
        if (error instanceof Altered) return read(client)
        throw error
      }),
    )
    const isOne = value !== null && (!Array.isArray(value) || value.length === 1)
    if (!isOne) return rows
    return rows.catch(async (error) => {
      if (error instanceof StatementError && !(await this.#accepts(text, value, signal)))
        return { columns: [], rows: [] }
      throw error
    })
  }

  /** Whether the type of a statement's parameter accepts this value: no row has a key that it does not, as `new` for a uuid. */
  async #accepts(
    text: string,
    value: string | Buffer | readonly (string | Buffer)[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const [oid] = await this.#typesOf(text, signal)
    const [[type]] = await this.#with(signal, (client) => rowsOf(client, TYPE_NAME, String(oid)))
    return this.#with(signal, (client) => client.query(`select $1::${type}`, [value])).then(
      () => true,
      (error) => !(error instanceof StatementError),
    )
  }

  /** The text of a statement for the server, which gets it again each time. */
  #traced(text: string): string {
    return this.#options.traceComments === true ? withTrace(text) : text
  }

  /**
   * @param type that of the parameter; 0: it does not matter
   * @throws Altered
   */
  async #read(
    client: PoolClient,
    text: string,
    value: string | Buffer | readonly (string | Buffer)[] | null,
    type: number,
  ): Promise<Rows> {
    const { fields, rows } = await client.query<(string | null)[]>({
      text: this.#traced(text),
      values: [value],
      rowMode: 'array',
    })
    const oids = fields.map(({ dataTypeID }) => dataTypeID)
    await this.#known.learn(oids, (statement, parameter) => rowsOf(client, statement, parameter))
    const names = await namesOf(oids, rows, (statement, cells) => rowsOf(client, statement, cells))
    return {
      columns: fields.map(({ name }) => name),
      rows: rows.map((row) => row.map((cell, i) => this.#known.read(oids[i], cell))),
      integersOf: (column) => INTEGERS.get(oids[column]),
      castOf: (column) => castOf(type, oids[column]),
      keyText: (row, column) => names.get(column)?.[row] ?? keyText(oids[column], rows[row][column] ?? ''),
    }
  }

  #with<Result>(signal: AbortSignal, read: (client: PoolClient) => Promise<Result>): Promise<Result> {
    return this.#connections.with(signal, read, true)
  }

  /** Closes the connection instead of returning it to the pool if its statement may still be running. */
  #released(client: PoolClient, error: unknown): unknown {
    // An error without an SQLSTATE is from `pg`, which could not parse the response.
    if (!(error instanceof this.#pg.DatabaseError) || error.code === undefined || isClosed(error)) {
      client.release(true)
      return error
    }
    client.release()
    return statementError(error, error.code)
  }
}

/** Describes the parameters of a statement without running it (PostgreSQL extended query: Parse, Describe). */
class Description implements Submittable {
  /** OIDs. */
  readonly types: Promise<readonly number[]>
  /** Called at the end; `pg` replaces it. */
  callback: (() => void) | undefined
  readonly #text: string
  #found: readonly number[] = []
  #leave: () => void = () => undefined
  #resolve: (types: readonly number[]) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  constructor(text: string) {
    this.#text = text
    this.types = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  submit(connection: Connection): void {
    const find = ({ dataTypeIDs }: { dataTypeIDs: readonly number[] }): void => {
      this.#found = dataTypeIDs
    }
    connection.on('parameterDescription', find)
    this.#leave = () => void connection.off('parameterDescription', find)
    connection.parse({ name: '', text: this.#text, types: [] }, true)
    connection.describe({ type: 'S', name: '' }, true)
    connection.sync()
  }

  handleRowDescription(): void {
    // Sent for a statement with RETURNING.
  }

  handleReadyForQuery(): void {
    this.#leave()
    this.callback?.()
    this.#resolve(this.#found)
  }

  handleError(error: unknown): void {
    this.#leave()
    this.callback?.()
    this.#reject(error)
  }
}

async function rowsOf(
  client: PoolClient,
  text: string,
  value: string | readonly (string | null)[],
): Promise<(string | null)[][]> {
  const { rows } = await client.query<(string | null)[]>({ text, values: [value], rowMode: 'array' })
  return rows
}

function isClosed(error: unknown): boolean {
  const { code = '', message } = error as Error & { readonly code?: string }
  return CLOSED_CODES.has(code) || (code === '' && CLOSED_MESSAGE.test(message))
}

/** Text in PostgreSQL cannot contain NUL, so no row has such a key. */
function isText(text: string): boolean {
  return !text.includes('\0')
}

async function prepareSession(client: Client, statementTimeout: number): Promise<void> {
  await client.query(`${SESSION}; SET statement_timeout=${statementTimeout}`)
  await client.query(NOTICE_GONE_CLIENTS).catch(() => undefined)
}
