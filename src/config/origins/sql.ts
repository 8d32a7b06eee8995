// A SQL database as an origin, in the configuration.

import { resolve } from 'node:path'
import { z } from 'zod'
import type { Origin } from '../../group/origin.ts'
import type { Shape } from '../../origin/shape.ts'
import { SqlOrigin } from '../../origin/sql/sql.ts'
import { protocolOf, SQL_PROTOCOLS, sqliteFile, urlProblem } from '../../origin/sql/url.ts'
import { duration, fields, text, whole, yesNo } from '../readers.ts'
import { identified, withoutLogin } from './identity.ts'
import type { OriginKind } from './kind.ts'
import {
  CONNECT_TIMEOUT,
  MAX_CONNECTIONS,
  pattern,
  shape,
  type TlsConfig,
  tlsOrSwitch,
  url,
} from './readers.ts'

const STATEMENT_TIMEOUT = 5000
const POOL = 10

/** A SQL database as an origin. Durations: ms or `'5s'`. */
export interface SqlOriginConfig {
  /** The kind of the origin. `sql()` sets it. */
  readonly kind: 'sql'
  /** `postgres://…`, `mysql://…`, `mariadb://…` or `sqlite:path`. */
  readonly url: string
  /** A query with the key as its only parameter (`$1` in PostgreSQL, else `?`). It returns at most one row, or the rows of a list or set. */
  readonly query: string
  /**
   * The type of the values. `'hash'`: the columns of the row are the fields, without those that are NULL. `'list'`,
   * `'set'`, `'sortedset'`: each row is an element, its first column; its second column is the score in a sorted set.
   * Default: `'string'`.
   */
  readonly as?: Shape
  /**
   * Batched loads: a query with a set of keys as its only parameter: `= any($1)` in PostgreSQL, `in (?)` in MySQL,
   * `in (select value from json_each(?))` in SQLite. Its first column is the key, the others are those of `query`.
   */
  readonly batchQuery?: string
  /**
   * The pattern of valid keys, whose capture is the parameter of `query`: `'user:{id}'`, `'user:{id:int}'`. Other keys
   * are absent without a query. Default: all keys are valid, and the parameter is the key.
   */
  readonly keys?: string
  /** The column with the value. Default: the only column, or the row as JSON if there are several. For strings. */
  readonly column?: string
  /** Maximum number of connections. Default: 10. */
  readonly pool?: number
  /** TLS to PostgreSQL or MySQL: true or false, or certificates. Default: as `url` says. */
  readonly ssl?: boolean | 'yes' | 'no' | TlsConfig
  /** Timeout of connecting. Default: '5s'. */
  readonly connectTimeout?: number | string
  /** Timeout of a statement. Default: '5s'. */
  readonly statementTimeout?: number | string
  /** Do not connect before the first load. Default: false. */
  readonly lazy?: boolean | 'yes' | 'no'
  /**
   * Statements to PostgreSQL and MySQL have the trace of their request as a comment (sqlcommenter), if it is sampled.
   * Default: false.
   */
  readonly traceComments?: boolean | 'yes' | 'no'
  /** The PostgreSQL channel of change notifications, for which `erinys sql trigger` prints triggers. Default: none. */
  readonly listen?: string
  /**
   * Writes a value (`write: 'through'` or `'behind'`): a statement with two parameters, first the key as in `query`,
   * then the value, which is text, or bytes if it is not UTF-8. SQLite can number them: `?1`, `?2`. With `as: 'hash'`
   * its parameters have names: `:key`, and those of fields.
   */
  readonly writeQuery?: string
  /** Removes a key: a statement with the key as its only parameter. */
  readonly removeQuery?: string
}

/** A SQL database as an origin: `sql({ url: 'postgres://…', query: 'select name from users where id = $1' })`. */
export function sql(config: Omit<SqlOriginConfig, 'kind'>): SqlOriginConfig {
  return { kind: 'sql', ...config }
}

export const sqlKind: OriginKind<SqlOriginConfig> = { kind: 'sql', schema: sqlSchema }

function sqlSchema(directory: string): z.ZodType<Origin> {
  return fields({
    kind: z.literal('sql'),
    url: url(SQL_PROTOCOLS, "'postgres://user@host/database', 'mysql://…' or 'sqlite:path'", urlProblem),
    query: text('a query with one parameter'),
    as: shape.optional(),
    batchQuery: text('a query with one parameter, the set of keys').optional(),
    keys: pattern().optional(),
    column: text('the name of a column').optional(),
    pool: whole(1, MAX_CONNECTIONS).optional(),
    ssl: tlsOrSwitch(directory).optional(),
    connectTimeout: duration(1, 'timed').optional(),
    statementTimeout: duration(1, 'timed').optional(),
    lazy: yesNo.optional(),
    traceComments: yesNo.optional(),
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
    if (written.traceComments === true && protocolOf(written.url) === 'sqlite:') {
      const message = 'is for PostgreSQL and MySQL, SQLite runs in this process'
      context.addIssue({ code: 'custom', message, path: ['traceComments'] })
      return z.NEVER
    }
    const as = written.as ?? 'string'
    const isStored = as === 'string' || as === 'hash'
    for (const field of ['column', 'writeQuery'] as const) {
      if (written[field] === undefined || (field === 'column' ? as === 'string' : isStored)) continue
      const what = field === 'column' ? 'strings' : 'strings and hashes'
      const message = `is for ${what}, so it cannot be set beside as: '${as}'`
      context.addIssue({ code: 'custom', message, path: [field] })
      return z.NEVER
    }
    const address = absolute(written.url, directory)
    const { url: _, query, batchQuery, keys, column, ...rest } = written
    const origin = new SqlOrigin({
      shape: as,
      url: address,
      query: written.query,
      batchQuery: written.batchQuery,
      keys: written.keys,
      column: written.column,
      pool: written.pool ?? POOL,
      tls: written.ssl,
      connectTimeout: written.connectTimeout ?? CONNECT_TIMEOUT,
      statementTimeout: written.statementTimeout ?? STATEMENT_TIMEOUT,
      lazy: written.lazy ?? false,
      traceComments: written.traceComments ?? false,
      listen: written.listen,
      writeQuery: written.writeQuery,
      removeQuery: written.removeQuery,
    })
    const source = { url: withoutLogin(address), query, batchQuery, keys: keys?.source, column, as }
    return identified(origin, source, { ...rest, url: address })
  })
}

/** Makes the path of a SQLite URL absolute: it is relative to the folder of the configuration. */
function absolute(address: string, directory: string): string {
  if (protocolOf(address) !== 'sqlite:') return address
  const { path, params } = sqliteFile(address)
  return `sqlite:${resolve(directory, path)}${params.size === 0 ? '' : `?${params}`}`
}
