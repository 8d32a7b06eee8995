// PostgreSQL for the SQL origin, by `pg`.

import type { Client, Pool, PoolClient } from 'pg'
import { abortable } from '../abortable.ts'
import { type Cell, cellJson, Literal, numberCell, timestampCell } from './cell.ts'
import {
  type Driver,
  type DriverOptions,
  importPackage,
  type Parameter,
  type Rows,
  statementError,
} from './driver.ts'

type Pg = typeof import('pg')

/** What all values are read by; `DateStyle`, `TimeZone` and the rest decide how the server writes them. */
const SESSION =
  "SET timezone='UTC'; SET datestyle='ISO'; SET intervalstyle='iso_8601'; SET bytea_output='hex'"

/** The server ends the statements of clients that have gone (PostgreSQL 14, not on every system). */
const NOTICE_GONE_CLIENTS = "SET client_connection_check_interval='1s'"

/** By OID of the type (PostgreSQL: pg_type.dat); others are text as the server writes it. */
const READERS: ReadonlyMap<number, (text: string) => Cell> = new Map([
  [16, (text) => new Literal(text === 't' ? 'true' : 'false')],
  ...[20, 21, 23, 26, 700, 701, 1700].map((oid) => [oid, numberCell] as const),
  ...[114, 3802].map((oid) => [oid, (text: string) => new Literal(text)] as const),
  [17, (text) => Buffer.from(text.slice(2), 'hex')],
  [1114, (text) => timestampCell(text, '')],
  [1184, (text) => timestampCell(text.replace(/\+00$/, ''), 'Z')],
])

/** The types of the elements of arrays, by OID of the array's. */
const ELEMENTS: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [1001, 17],
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

/** The type whose reader gives the texts of any array. */
const TEXT_ARRAY: number = 1009

/** An array, of several dimensions perhaps. */
type Items = readonly (string | null | Items)[]

export async function openPostgres(options: DriverOptions): Promise<Driver> {
  return new PostgresDriver(await importPackage('pg', () => import('pg')), options)
}

class PostgresDriver implements Driver {
  readonly #pg: Pg
  readonly #options: DriverOptions
  readonly #pool: Pool

  constructor(pg: Pg, options: DriverOptions) {
    const { url, pool, tls, connectTimeout, statementTimeout, onIdleError } = options
    this.#pg = pg
    this.#options = options
    this.#pool = new pg.Pool({
      connectionString: url,
      ...(tls === undefined ? {} : { ssl: tls }),
      max: pool,
      connectionTimeoutMillis: connectTimeout,
      // A server that says nothing at all: its own limit ends a statement earlier.
      query_timeout: statementTimeout + 1000,
      keepAlive: true,
      application_name: 'erinys',
      types: { getTypeParser: () => (text: string) => text },
      onConnect: (client) => prepareSession(client as Client, statementTimeout),
    })
    // Without a listener an error of a connection would end the process, in use or not.
    this.#pool.on('error', onIdleError)
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
  }

  one(parameter: Parameter | null, signal: AbortSignal): Promise<Rows> {
    const value = parameter === null ? null : String(parameter)
    // No text of PostgreSQL has a NUL, so no row has such a key.
    if (value?.includes('\0')) return Promise.resolve({ columns: [], rows: [] })
    return this.#run(this.#options.query, value, signal)
  }

  many(parameters: readonly Parameter[] | null, signal: AbortSignal): Promise<Rows> {
    const values = parameters === null ? null : parameters.map(String).filter((text) => !text.includes('\0'))
    return this.#run(this.#options.batchQuery ?? '', values, signal)
  }

  async change(
    text: string,
    parameters: readonly (Parameter | Buffer)[],
    signal: AbortSignal,
  ): Promise<void> {
    const values = parameters.map((value) => (Buffer.isBuffer(value) ? value : String(value)))
    const client = await abortable(this.#pool.connect(), signal, (late) => late.release())
    await abortable(client.query({ text, values }), signal).catch((error) => {
      throw this.#released(client, error)
    })
    client.release()
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #run(text: string, value: string | readonly string[] | null, signal: AbortSignal): Promise<Rows> {
    const client = await abortable(this.#pool.connect(), signal, (late) => late.release())
    const { fields, rows } = await abortable(
      client.query<(string | null)[]>({ text, values: [value], rowMode: 'array' }),
      signal,
    ).catch((error) => {
      throw this.#released(client, error)
    })
    client.release()
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

  /** A connection whose statement may still run is closed. */
  #released(client: PoolClient, error: unknown): unknown {
    if (!(error instanceof this.#pg.DatabaseError)) {
      client.release(true)
      return error
    }
    client.release()
    return statementError(error, error.code ?? '')
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

async function prepareSession(client: Client, statementTimeout: number): Promise<void> {
  await client.query(`${SESSION}; SET statement_timeout=${statementTimeout}`)
  await client.query(NOTICE_GONE_CLIENTS).catch(() => undefined)
}
