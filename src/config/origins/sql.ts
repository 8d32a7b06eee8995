// A SQL database as an origin, in the configuration.

import { resolve } from 'node:path'
import { z } from 'zod'
import type { Origin } from '../../group/origin.ts'
import { SqlOrigin } from '../../origin/sql/sql.ts'
import { protocolOf, SQL_PROTOCOLS, sqliteFile, urlProblem } from '../../origin/sql/url.ts'
import { duration, fields, whole, yesNo } from '../readers.ts'
import type { OriginKind } from './kind.ts'
import {
  CONNECT_TIMEOUT,
  MAX_CONNECTIONS,
  pattern,
  type TlsConfig,
  text,
  tlsOrSwitch,
  url,
} from './readers.ts'

const STATEMENT_TIMEOUT = 5000
const POOL = 10

/** A database as an origin. Durations: ms or `'5s'`. */
export interface SqlOriginConfig {
  /** The kind of the origin. `sql()` sets it. */
  readonly kind: 'sql'
  /** `postgres://…`, `mysql://…`, `mariadb://…` or `sqlite:path`. */
  readonly url: string
  /** Gives at most one row for the key, which is its one parameter: `$1`, or `?` except in PostgreSQL. */
  readonly query: string
  /**
   * Gives the rows of many keys, its one parameter: `= any($1)` in PostgreSQL, `in (?)` in MySQL,
   * `in (select value from json_each(?))` in SQLite. Its first column is the key, the others are those of `query`.
   */
  readonly batchQuery?: string
  /** Which keys there are, and what of them is the parameter: `'user:{id}'`, `'user:{id:int}'`. By default the key. */
  readonly keys?: string
  /** The column that is the value; by default the only one, or the row as JSON. */
  readonly column?: string
  /** Most connections; 10. */
  readonly pool?: number
  /** TLS to PostgreSQL or MySQL: whether, or with which certificates. By default what `url` says. */
  readonly ssl?: boolean | 'yes' | 'no' | TlsConfig
  /** How long connecting may take; '5s'. */
  readonly connectTimeout?: number | string
  /** How long the database may take for a statement; '5s'. */
  readonly statementTimeout?: number | string
  /** Do not look at the database before the first load; false. */
  readonly lazy?: boolean | 'yes' | 'no'
  /** The channel of PostgreSQL on which triggers tell of changes (`erinys sql trigger` prints them); none. */
  readonly listen?: string
  /**
   * For groups that write: a statement with two parameters, first the key (as in `query`), then the value, which is text,
   * or bytes where it is no UTF-8. SQLite can number them: `?1`, `?2`.
   */
  readonly writeQuery?: string
  /** The same with one parameter, the key. */
  readonly removeQuery?: string
}

/** A database as an origin: `sql({ url: 'postgres://…', query: 'select name from users where id = $1' })`. */
export function sql(config: Omit<SqlOriginConfig, 'kind'>): SqlOriginConfig {
  return { kind: 'sql', ...config }
}

export const sqlKind: OriginKind<SqlOriginConfig> = { kind: 'sql', schema: sqlSchema }

function sqlSchema(directory: string): z.ZodType<Origin> {
  return fields({
    kind: z.literal('sql'),
    url: url(SQL_PROTOCOLS, "'postgres://user@host/database', 'mysql://…' or 'sqlite:path'", urlProblem),
    query: text('a query with one parameter'),
    batchQuery: text('a query with one parameter, the set of keys').optional(),
    keys: pattern().optional(),
    column: text('the name of a column').optional(),
    pool: whole(1, MAX_CONNECTIONS).optional(),
    ssl: tlsOrSwitch(directory).optional(),
    connectTimeout: duration(1, 'timed').optional(),
    statementTimeout: duration(1, 'timed').optional(),
    lazy: yesNo.optional(),
    listen: text('the name of a channel').optional(),
    writeQuery: text('a statement with the key and the value as parameters').optional(),
    removeQuery: text('a statement with the key as its parameter').optional(),
  }).transform((written, context): Origin => {
    if (written.keys !== undefined && written.keys.names.length !== 1) {
      const message = `got ${written.keys.names.length} captures, wants one, since a query has one parameter`
      context.addIssue({ code: 'custom', message, path: ['keys'] })
      return z.NEVER
    }
    if (written.listen !== undefined && !/^postgres/i.test(written.url)) {
      context.addIssue({ code: 'custom', message: 'only PostgreSQL has channels', path: ['listen'] })
      return z.NEVER
    }
    return new SqlOrigin({
      url: absolute(written.url, directory),
      query: written.query,
      batchQuery: written.batchQuery,
      keys: written.keys,
      column: written.column,
      pool: written.pool ?? POOL,
      tls: written.ssl,
      connectTimeout: written.connectTimeout ?? CONNECT_TIMEOUT,
      statementTimeout: written.statementTimeout ?? STATEMENT_TIMEOUT,
      lazy: written.lazy ?? false,
      listen: written.listen,
      writeQuery: written.writeQuery,
      removeQuery: written.removeQuery,
    })
  })
}

/** A SQLite URL whose path starts at the folder of the configuration; other URLs as they are. */
function absolute(address: string, directory: string): string {
  if (protocolOf(address) !== 'sqlite:') return address
  const { path, params } = sqliteFile(address)
  return `sqlite:${resolve(directory, path)}${params.size === 0 ? '' : `?${params}`}`
}
