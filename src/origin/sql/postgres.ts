// PostgreSQL for the SQL origin, by `pg`.

import type { Client, ClientConfig, Connection, Pool, PoolClient, Submittable } from 'pg'
import { abortable } from '../abortable.ts'
import { type Cell, cellJson, Literal, numberCell, timestampCell } from './cell.ts'
import {
  type Change,
  checkParameters,
  type Driver,
  type DriverOptions,
  importPackage,
  LASTING,
  type Parameter,
  type Rows,
  statementError,
  textOrBytes,
} from './driver.ts'
import { TEXT_SETTINGS } from './postgres-session.ts'
import { postgresTarget } from './url.ts'

type Pg = typeof import('pg')

const SESSION = TEXT_SETTINGS.map(([name, value]) => `SET ${name}='${value}'`).join('; ')

/** The server cancels statements of disconnected clients (PostgreSQL 14, not on every system). */
const NOTICE_GONE_CLIENTS = "SET client_connection_check_interval='1s'"

/** The OIDs of bytea and bytea[]: text parameters would be parsed as their escaped form. */
const BYTEA = 17
const BYTEA_ARRAY = 1001

/** Readers by the type's OID (PostgreSQL: pg_type.dat); other types are the server's text. */
const READERS: ReadonlyMap<number, (text: string) => Cell> = new Map([
  [16, (text) => new Literal(text === 't' ? 'true' : 'false')],
  ...[20, 21, 23, 26, 700, 701, 1700].map((oid) => [oid, numberCell] as const),
  ...[114, 3802].map((oid) => [oid, (text: string) => new Literal(text)] as const),
  [BYTEA, (text) => Buffer.from(text.slice(2), 'hex')],
  [1114, (text) => timestampCell(text, '')],
  [1184, (text) => timestampCell(text.replace(/\+00$/, ''), 'Z')],
])

/** Element types by the OID of the array type. */
const ELEMENTS: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [BYTEA_ARRAY, BYTEA],
  [1016, 20],
  [1005, 21],
  [1007, 23],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [1231, 1700],
  [199, 114],
  [3807, 3802],
  [1115, 1114],
  [1185, 1184],
  // text, varchar, bpchar, name, uuid, date, time, inet
  ...[1009, 1015, 1014, 1003, 2951, 1182, 1183, 1041].map((oid) => [oid, 25] as const),
])

/** The type whose parser splits any array into the texts of its elements. */
const TEXT_ARRAY: number = 1009

/** A parsed array, possibly nested. */
type Items = readonly (string | null | Items)[]

export async function openPostgres(options: DriverOptions): Promise<Driver> {
  return new PostgresDriver(await importPackage('pg', () => import('pg')), options)
}

class PostgresDriver implements Driver {
  readonly #pg: Pg
  readonly #options: DriverOptions
  readonly #pool: Pool
  /** The parameter types of each statement, once described. */
  readonly #types = new Map<string, readonly number[]>()

  constructor(pg: Pg, options: DriverOptions) {
    const { url, pool, tls, connectTimeout, statementTimeout, onIdleError } = options
    const target = postgresTarget(url)
    const ssl = tls ?? target.ssl
    this.#pg = pg
    this.#options = options
    this.#pool = new pg.Pool({
      connectionString: target.connectionString,
      ...(ssl === undefined ? {} : { ssl }),
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
  }

  async one(parameter: Parameter | null, signal: AbortSignal): Promise<Rows> {
    const { query } = this.#options
    const [type] = await this.#typesOf(query, signal)
    if (parameter === null) return this.#run(query, null, signal)
    const text = String(parameter)
    if (type === BYTEA) return this.#run(query, Buffer.from(text), signal)
    return isText(text) ? this.#run(query, text, signal) : { columns: [], rows: [] }
  }

  async many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows> {
    const { batchQuery = '' } = this.#options
    const [type] = await this.#typesOf(batchQuery, signal)
    if (parameters === null) return this.#run(batchQuery, null, signal)
    const texts = parameters.map(String)
    const values = type === BYTEA_ARRAY ? texts.map((text) => Buffer.from(text)) : texts.filter(isText)
    return this.#run(batchQuery, values, signal)
  }

  async prepare(text: string, parameters: number, signal: AbortSignal): Promise<Change> {
    const types = await this.#typesOf(text, signal)
    checkParameters(types.length, parameters)
    return async (key, values, until) => {
      const given = [Buffer.from(String(key)), ...values].map((value, i) =>
        types[i] === BYTEA ? value : textOrBytes(value),
      )
      await this.#with(until, (client) => client.query({ text, values: given }))
    }
  }

  isLasting(error: unknown): boolean {
    const { code = '', message } = error as Error & { readonly code?: string }
    // `pg`, which was not given the password that the server asks for.
    return LASTING.test(code) || message.startsWith('SASL: ')
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
  ): Promise<Rows> {
    const { fields, rows } = await this.#with(signal, (client) =>
      client.query<(string | null)[]>({ text, values: [value], rowMode: 'array' }),
    )
    const readers = fields.map(
      ({ dataTypeID }) =>
        (cell: string | null) =>
          this.#read(dataTypeID, cell),
    )
    return {
      columns: fields.map(({ name }) => name),
      rows: rows.map((row) => row.map((cell, i) => readers[i](cell))),
    }
  }

  /** Runs `use` with a connection of the pool. */
  async #with<Result>(signal: AbortSignal, run: (client: PoolClient) => Promise<Result>): Promise<Result> {
    const client = await abortable(this.#pool.connect(), signal, (late) => late.release())
    const result = await abortable(run(client), signal).catch((error) => {
      throw this.#released(client, error)
    })
    client.release()
    return result
  }

  /** Closes the connection instead of returning it to the pool if its statement may still be running. */
  #released(client: PoolClient, error: unknown): unknown {
    // An error without an SQLSTATE is from `pg`, which could not parse the response.
    if (!(error instanceof this.#pg.DatabaseError) || error.code === undefined) {
      client.release(true)
      return error
    }
    client.release()
    return statementError(error, error.code)
  }

  #read(oid: number, text: string | null): Cell {
    if (text === null) return null
    const element = ELEMENTS.get(oid)
    if (element === undefined) return READERS.get(oid)?.(text) ?? text
    const items = this.#pg.types.getTypeParser(TEXT_ARRAY)(text) as Items
    return new Literal(this.#arrayJson(items, element))
  }

  #arrayJson(items: Items, element: number): string {
    const texts = items.map((item) =>
      Array.isArray(item)
        ? this.#arrayJson(item, element)
        : cellJson(this.#read(element, item as string | null)),
    )
    return `[${texts.join(',')}]`
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

/** Text in PostgreSQL cannot contain NUL, so no row has such a key. */
function isText(text: string): boolean {
  return !text.includes('\0')
}

async function prepareSession(client: Client, statementTimeout: number): Promise<void> {
  await client.query(`${SESSION}; SET statement_timeout=${statementTimeout}`)
  await client.query(NOTICE_GONE_CLIENTS).catch(() => undefined)
}
