// PostgreSQL for benchmarks: a server on a Unix socket, on the core of the load, that counts its queries.

import { Client } from 'pg'
import { postgresFolders, startPostgresServer } from '../../test/support/postgres-server.ts'
import { findProgram, LOAD_CORE, pinned } from '../servers.ts'

/** The queries of the table `items`. */
interface Asked {
  readonly queries: number
  /** Rows returned: the number of loaded keys. */
  readonly rows: number
  /** The execution time of these queries, ms. */
  readonly ms: number
}

export interface Database {
  readonly version: string
  readonly url: string
  /** Since the last `forget`. */
  asked(): Promise<Asked>
  forget(): Promise<void>
  stop(): Promise<void>
}

/** The origin with which a node reads the table. */
export const QUERIES = {
  query: 'select body from items where id = $1',
  batchQuery: 'select id, body from items where id = any($1)',
} as const

/** Creates a table of `items` rows with the keys of `keyOf`; undefined, with a message, if there is no server. */
export async function startPostgres(items: number): Promise<Database | undefined> {
  const [initdb, program] = ['initdb', 'postgres'].map((name) => findProgram(name, ...postgresFolders()))
  if (initdb === undefined || program === undefined) {
    console.error('\norigins: NOT MEASURED, there is no PostgreSQL here (Debian: postgresql)\n')
    return undefined
  }
  const server = await startPostgresServer({
    initdb,
    program,
    prefix: 'erinys-bench-',
    settings: () => [
      'listen_addresses=',
      'max_connections=100',
      // The whole table is in memory.
      'shared_buffers=512MB',
      // No background work during the measurement.
      'autovacuum=off',
      'shared_preload_libraries=pg_stat_statements',
    ],
    wrap: (command) => pinned(LOAD_CORE, command),
  })
  const url = `postgres:///postgres?user=postgres&host=${encodeURIComponent(server.folder)}`
  const admin = new Client({ connectionString: url })
  await admin.connect()
  await admin.query('create extension pg_stat_statements')
  await admin.query('create unlogged table items (id text primary key, body text not null)')
  await admin.query(
    "insert into items select 'key:' || lpad(i::text, 12, '0'), md5(i::text) from generate_series(0, $1::int - 1) i",
    [items],
  )
  await admin.query('vacuum analyze items')
  const { rows } = await admin.query('show server_version')
  return {
    version: /\S+/.exec(rows[0].server_version)?.[0] ?? '?',
    url,
    async asked() {
      const found = await admin.query(
        'select coalesce(sum(calls), 0)::int as queries, coalesce(sum(rows), 0)::int as rows, ' +
          "coalesce(sum(total_exec_time), 0)::float as ms from pg_stat_statements where query like '%from items%'",
      )
      return found.rows[0]
    },
    async forget() {
      await admin.query('select pg_stat_statements_reset()')
    },
    async stop() {
      await admin.end()
      await server.stop()
    },
  }
}
