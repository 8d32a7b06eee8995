// Reads the origins of a configuration, which `origin-config.ts` describes, and makes them.

import { resolve } from 'node:path'
import { z } from 'zod'
import { systemClock } from '../bytes/clock.ts'
import type { Origin } from '../group/origin.ts'
import { FileOrigin } from '../origin/file.ts'
import { functionOrigin, type Loader, type LoadFunction } from '../origin/function.ts'
import { HttpOrigin } from '../origin/http/http.ts'
import { NO_CREDENTIALS, UrlTemplate } from '../origin/http/url-template.ts'
import { RedisOrigin } from '../origin/redis/redis.ts'
import { SQL_PROTOCOLS, SqlOrigin } from '../origin/sql/sql.ts'
import { headers, pattern, servers, text, tls, tlsOrSwitch, url } from './origin-readers.ts'
import { duration, fields, isObject, secret, show, size, whole, within, yesNo } from './readers.ts'

const CONNECT_TIMEOUT = 5000
const STATEMENT_TIMEOUT = 5000
const POOL = 10
const MOST_CONNECTIONS = 10_000

/** Reads whatever may stand for an origin; relative paths start at `directory`. */
export function originSchema(directory: string): z.ZodType<Origin> {
  const kinds = new Map<unknown, z.ZodType<Origin>>([
    ['file', fileSchema(directory)],
    ['sql', sqlSchema(directory)],
    ['http', httpSchema(directory)],
    ['redis', redisSchema(directory)],
  ])
  const known = [...kinds.keys()].map(show).join(', ')
  return z.unknown().transform((value, context): Origin => {
    if (typeof value === 'function') return functionOrigin(value as LoadFunction)
    if (!isObject(value)) {
      const wants = `a function, an object with load, or an object whose kind is one of ${known}`
      context.addIssue({ code: 'custom', message: `got ${show(value)}, wants ${wants}` })
      return z.NEVER
    }
    if (typeof value.load === 'function') {
      const wrong = wrongPart(value)
      if (wrong === undefined) return functionOrigin(value as unknown as Loader)
      const [name, wanted] = wrong
      const message = `got ${show(value[name])}, wants ${wanted}`
      context.addIssue({ code: 'custom', message, path: [name] })
      return z.NEVER
    }
    const schema = kinds.get(value.kind)
    if (schema === undefined) {
      context.addIssue({
        code: 'custom',
        message: `got ${show(value.kind)}, wants one of ${known}`,
        path: ['kind'],
      })
      return z.NEVER
    }
    return within(context, schema.safeParse(value))
  })
}

/** What an object with `load` may have besides. */
const LOADER_PARTS: Readonly<Record<string, readonly [type: string, wants: string]>> = {
  kind: ['string', 'text'],
  isIdempotent: ['boolean', 'true or false'],
  ...Object.fromEntries(
    ['knows', 'loadMany', 'store', 'remove', 'start', 'listen', 'close'].map((name) => [
      name,
      ['function', 'a function'],
    ]),
  ),
}

/** A part of such an object that is not what it should be, and what it should be. */
function wrongPart(loader: Record<string, unknown>): readonly [name: string, wants: string] | undefined {
  for (const [name, [type, wants]] of Object.entries(LOADER_PARTS))
    if (loader[name] !== undefined && typeof loader[name] !== type) return [name, wants]
  return undefined
}

function fileSchema(directory: string): z.ZodType<Origin> {
  const path = text('the path of a JSON file').transform((value, context): Origin => {
    try {
      return new FileOrigin(resolve(directory, value), systemClock)
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message })
      return z.NEVER
    }
  })
  return fields({ kind: z.literal('file'), path }).transform((written) => written.path)
}

function sqlSchema(directory: string): z.ZodType<Origin> {
  return fields({
    kind: z.literal('sql'),
    url: url(SQL_PROTOCOLS, "'postgres://user@host/database', 'mysql://…' or 'sqlite:path'"),
    query: text('a query with one parameter'),
    batchQuery: text('a query with one parameter, the set of keys').optional(),
    keys: pattern().optional(),
    column: text('the name of a column').optional(),
    pool: whole(1, MOST_CONNECTIONS).optional(),
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
    if (/^sqlite:(?:\/\/)?$/i.test(written.url)) {
      context.addIssue({ code: 'custom', message: 'got no path, wants sqlite:path', path: ['url'] })
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

function httpSchema(directory: string): z.ZodType<Origin> {
  return fields({
    kind: z.literal('http'),
    url: text("a URL with a place for the key, such as 'https://host/users/{key}'"),
    batchUrl: url(['http:', 'https:'], "'https://host/batch'").optional(),
    keys: pattern().optional(),
    headers: headers.optional(),
    tls: tls(directory).optional(),
    connections: whole(1, MOST_CONNECTIONS).optional(),
    redirects: whole(0, 20).optional(),
    redirectTo: servers.optional(),
    maxResponse: size('1b', '1gb').optional(),
    connectTimeout: duration(1, 'timed').optional(),
    timeout: duration(1, 'timed').optional(),
  }).transform((written, context): Origin => {
    const posted = written.batchUrl === undefined ? undefined : new URL(written.batchUrl)
    if (posted !== undefined && posted.username + posted.password !== '') {
      context.addIssue({ code: 'custom', message: NO_CREDENTIALS, path: ['batchUrl'] })
      return z.NEVER
    }
    let template: UrlTemplate
    try {
      template = new UrlTemplate(written.url, written.keys?.names ?? [])
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message, path: ['url'] })
      return z.NEVER
    }
    return new HttpOrigin({
      url: template,
      batchUrl: written.batchUrl,
      keys: written.keys,
      headers: written.headers ?? {},
      tls: written.tls,
      connections: written.connections ?? 32,
      redirects: written.redirects ?? 3,
      redirectTo: written.redirectTo ?? [],
      maxResponse: written.maxResponse ?? 16 * 2 ** 20,
      connectTimeout: written.connectTimeout ?? CONNECT_TIMEOUT,
      timeout: written.timeout ?? 10_000,
      clock: systemClock,
    })
  })
}

function redisSchema(directory: string): z.ZodType<Origin> {
  const one = url(['redis:', 'rediss:'], "'redis://host:6379'")
  const urls = z.unknown().transform((value, context): readonly string[] => {
    const list = Array.isArray(value) && value.length > 0 ? value : [value]
    return list.map((item, i) => {
      const path = list === value ? [i] : []
      const read = one.safeParse(item)
      if (read.success && !/^\/?\d*$/.test(new URL(read.data).pathname)) {
        const message = "got a path that is no number, wants a database such as '/2', or none"
        context.addIssue({ code: 'custom', message, path })
      }
      return within(context, read, ...path)
    })
  })
  return fields({
    kind: z.literal('redis'),
    url: urls,
    cluster: yesNo.optional(),
    prefix: secret.optional(),
    listen: yesNo.optional(),
    tls: tls(directory).optional(),
    connectTimeout: duration(1, 'timed').optional(),
    timeout: duration(1, 'timed').optional(),
  }).transform((written, context): Origin => {
    const cluster = written.cluster ?? written.url.length > 1
    if (!cluster && written.url.length > 1) {
      context.addIssue({ code: 'custom', message: 'several URLs are those of a cluster', path: ['cluster'] })
      return z.NEVER
    }
    return new RedisOrigin({
      urls: written.url,
      cluster,
      prefix: written.prefix ?? '',
      listen: written.listen ?? false,
      tls: written.tls,
      connectTimeout: written.connectTimeout ?? CONNECT_TIMEOUT,
      timeout: written.timeout ?? 5000,
    })
  })
}

/** The file of a SQLite URL, from the folder of the configuration. */
function absolute(address: string, directory: string): string {
  const path = /^sqlite:(?:\/\/)?(.+)$/i.exec(address)?.[1]
  return path === undefined ? address : `sqlite:${resolve(directory, path)}`
}
