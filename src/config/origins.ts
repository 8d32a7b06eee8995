// The origins of a configuration: what a person writes for each kind.

/** A JSON file as an origin; a relative path starts at the folder of the configuration file. */
export interface FileOriginConfig {
  readonly kind: 'file'
  readonly path: string
}

/** TLS of an origin: certificates as PEM, or as paths of PEM files. */
export interface TlsConfig {
  /** Whom to trust instead of the authorities that Node.js knows. */
  readonly ca?: string
  /** The certificate of this node, and its key. */
  readonly cert?: string
  readonly key?: string
  /** Whether to look at the certificate of the server; true. */
  readonly verify?: boolean | 'yes' | 'no'
}

/** A database as an origin. Durations: ms or `'5s'`. */
export interface SqlOriginConfig {
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
  readonly ssl?: boolean | 'yes' | 'no' | TlsConfig
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

/** An HTTP server as an origin. */
export interface HttpOriginConfig {
  readonly kind: 'http'
  /** With places for the key or the captures of `keys`: `'https://api.example/users/{id}'`. */
  readonly url: string
  /** Posted a JSON array of keys, it answers a JSON object from key to value. */
  readonly batchUrl?: string
  /** Which keys there are: `'user:{id}'`. By default all. */
  readonly keys?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly tls?: TlsConfig
  /** Most connections to one server; 32. */
  readonly connections?: number
  /** Most redirects of one load; 3. */
  readonly redirects?: number
  /** Other servers that they may lead to, such as `'https://cdn.example'`, which are sent no headers; none. */
  readonly redirectTo?: string | readonly string[]
  /** Most bytes of one response; '16mb'. */
  readonly maxResponse?: number | string
  readonly connectTimeout?: number | string
  /** The longest silence of a server; '10s'. */
  readonly timeout?: number | string
}

/** Another Redis, Valkey or cluster as an origin. */
export interface RedisOriginConfig {
  readonly kind: 'redis'
  /** `redis://…` or `rediss://…`; of a cluster, some of its nodes. */
  readonly url: string | readonly string[]
  /** Whether it is a cluster; true where there are several URLs. */
  readonly cluster?: boolean | 'yes' | 'no'
  /** What every key has before it there; none. */
  readonly prefix?: string
  /**
   * Whether to hear of changes, by the tracking of keys that Redis 6 and later and Valkey have; false.
   */
  readonly listen?: boolean | 'yes' | 'no'
  readonly tls?: TlsConfig
  readonly connectTimeout?: number | string
  /** How long a command may take; '5s'. */
  readonly timeout?: number | string
}

/** An origin that is named by its kind. */
export type OriginConfig = FileOriginConfig | SqlOriginConfig | HttpOriginConfig | RedisOriginConfig

/** A database as an origin: `sql({ url: 'postgres://…', query: 'select name from users where id = $1' })`. */
export function sql(config: Omit<SqlOriginConfig, 'kind'>): SqlOriginConfig {
  return { kind: 'sql', ...config }
}

/** An HTTP server as an origin: `http({ url: 'https://api.example/users/{key}' })`. */
export function http(config: Omit<HttpOriginConfig, 'kind'>): HttpOriginConfig {
  return { kind: 'http', ...config }
}

/** Another Redis as an origin: `redis({ url: 'redis://db.example:6379/2' })`. */
export function redis(config: Omit<RedisOriginConfig, 'kind'>): RedisOriginConfig {
  return { kind: 'redis', ...config }
}
