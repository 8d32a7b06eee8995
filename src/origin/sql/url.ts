// The URLs of databases: their forms, what is wrong with one, and how messages show it.

import type { TlsOptions } from '../tls-options.ts'
import { ENCODE_HINT, UNREADABLE_URL } from '../url-hint.ts'

/** The driver, by the protocol of the URL. */
export const SQL_PROTOCOLS = ['postgres:', 'postgresql:', 'mysql:', 'mariadb:', 'sqlite:'] as const

/** The parts of a URL, as written: they may be percent-encoded. */
interface Parts {
  readonly protocol: string
  /** With the `@`. */
  readonly login: string
  readonly host: string
  /** With the `/`. */
  readonly path: string
  readonly params: URLSearchParams
}

/** libpq's form, which unlike `URL` may have a login without a host, or several hosts. */
const PARTS =
  /^(?<protocol>[a-z][a-z\d+.-]*:)\/\/(?<login>[^/?#]*@)?(?<host>[^/?#@]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/i

/** TLS by libpq's names (`sslmode`). */
const WITHOUT_TLS = 'disable'
const UNVERIFIED = 'no-verify'
const VERIFIED = ['require', 'verify-ca', 'verify-full']

export function protocolOf(url: string): string {
  return /^[a-z][a-z\d+.-]*:/i.exec(url)?.[0].toLowerCase() ?? ''
}

/** The error in a URL and its remedy, without the password; `undefined`: the URL is valid. */
export function urlProblem(url: string): string | undefined {
  const protocol = protocolOf(url)
  if (protocol === 'sqlite:') return sqliteProblem(url)
  const parts = partsOf(url)
  // The rest of a password behind an unencoded / is read as the path.
  const isTorn = parts === undefined || (parts.login === '' && parts.path.includes('@'))
  if (isTorn) return UNREADABLE_URL
  return protocol.startsWith('postgres') ? postgresProblem(parts) : mysqlProblem(parts)
}

/** The address of a server, for messages: the URL without password and parameters. */
export function placeOf(url: string): string {
  const parts = partsOf(url)
  if (parts === undefined) return protocolOf(url)
  const { protocol, login, host, path, params } = parts
  const [user] = login.slice(0, -1).split(':')
  const name = user || params.get('user')
  const [socket, port] = [socketOf(parts) ?? params.get('host'), params.get('port')]
  const where = (socket ?? decoded(host)) + (port === null ? '' : `:${port}`)
  return `${protocol}//${name ? `${decoded(name)}@` : ''}${where}${decoded(path)}`
}

/**
 * The options for `pg`; `ssl` is missing if neither the URL nor a setting decides whether to use TLS.
 * @param tls undefined: as the URL says
 */
export function postgresTarget(
  url: string,
  tls?: TlsOptions | boolean,
): { readonly connectionString: string; readonly ssl?: TlsOptions | boolean } {
  const ssl = tls ?? sslOf(partsOf(url)?.params.get('sslmode') ?? undefined)
  // `pg` warns of some modes. The authorities of `system` are those that Node.js knows.
  const isTaken = (parameter: string): boolean =>
    parameter.startsWith('sslmode=') || parameter === 'sslrootcert=system'
  return { connectionString: without(url, isTaken), ...(ssl === undefined ? {} : { ssl }) }
}

/** The URL for `mysql2`: `URL` must be able to read it, and the socket has one name. */
export function mysqlTarget(url: string): { readonly uri: string; readonly socketPath?: string } {
  const parts = partsOf(url)
  if (parts === undefined) return { uri: url }
  const { login, host, path, params } = parts
  const socketPath = socketOf(parts)
  for (const name of SOCKET_NAMES) params.delete(name)
  const query = params.size === 0 ? '' : `?${params}`
  const uri = `mysql://${login}${socketPath === undefined && host !== '' ? host : 'localhost'}${path}${query}`
  return socketPath === undefined ? { uri } : { uri, socketPath }
}

/** The file of a SQLite URL: `sqlite:path`, `sqlite://path`, or SQLite's own `sqlite:file:path?mode=ro`. */
export function sqliteFile(url: string): { readonly path: string; readonly params: URLSearchParams } {
  const [, isFile, written = '', query] =
    /^sqlite:(?:\/\/)?(file:(?:\/\/(?:localhost)?(?=\/))?)?(.*?)(?:\?(\w+=.*))?$/is.exec(url) ?? []
  const path = isFile === undefined ? written : decoded(written)
  return { path, params: new URLSearchParams(query ?? '') }
}

function sqliteProblem(url: string): string | undefined {
  const { path, params } = sqliteFile(url)
  if (path === '') return 'got no path, wants sqlite:path'
  if (path === ':memory:' || params.get('mode') === 'memory')
    return 'got a database in memory, which would be empty: wants sqlite:path'
  for (const [name, value] of params)
    if (name !== 'mode' || !/^r[ow]$/.test(value))
      return `got the parameter ${name}=${value}, which is not supported: only mode=ro and mode=rw are`
  return undefined
}

/** All modes that verify are one. */
function sslOf(mode: string | undefined): TlsOptions | boolean | undefined {
  if (mode === undefined) return undefined
  return mode === UNVERIFIED ? { rejectUnauthorized: false } : mode !== WITHOUT_TLS
}

function postgresProblem({ host, params }: Parts): string | undefined {
  if ([host, params.get('host') ?? ''].some((each) => each.includes(',')))
    return 'got several hosts, which are not supported: wants one, such as a proxy or a name of the primary'
  const port = params.get('port') ?? /:([^:\]]*)$/.exec(host)?.[1] ?? ''
  if (!/^\d*$/.test(port) || Number(port) > 65535) return `got a port that is not a number; ${ENCODE_HINT}`
  for (const name of ['hostaddr', 'service', 'passfile'])
    if (params.has(name))
      return `got the parameter ${name}, which is not supported: write the host, user and password into the URL`
  const mode = params.get('sslmode')
  if (mode === null || [WITHOUT_TLS, UNVERIFIED, ...VERIFIED].includes(mode)) return undefined
  const known = `wants sslmode=${WITHOUT_TLS}, ${UNVERIFIED} or ${VERIFIED.join(', ')}, which all verify the certificate`
  return mode === 'allow' || mode === 'prefer'
    ? `got sslmode=${mode}, with which a man in the middle can turn TLS off: ${known}`
    : `got sslmode=${mode}: ${known}`
}

/** The socket under its names in the URLs of different clients. */
const SOCKET_NAMES = ['socketPath', 'socket', 'unix_socket', 'unixSocket']

function mysqlProblem(parts: Parts): string | undefined {
  const { login, host, params } = parts
  if (host.includes(',')) return 'got several hosts, which are not supported: wants one'
  if (!URL.canParse(mysqlTarget(`mysql://${login}${host}`).uri) || !isEncoded(login)) return UNREADABLE_URL
  for (const name of params.keys())
    if (/^ssl(?:[-_]?mode)?$/i.test(name) && !params.get(name)?.startsWith('{'))
      return `got the parameter ${name}, which is not supported: set ssl beside url`
  const socketPath = socketOf(parts)
  if (socketPath !== undefined && !socketPath.startsWith('/'))
    return `got the socket ${socketPath}, wants a path that begins with /`
  return undefined
}

/** The path of a Unix socket, as a parameter or as a percent-encoded host. */
function socketOf({ protocol, host, params }: Parts): string | undefined {
  const isMysql = /^(?:mysql|mariadb):/i.test(protocol)
  const name = isMysql ? SOCKET_NAMES.find((each) => params.has(each)) : undefined
  if (name !== undefined) return params.get(name) ?? undefined
  return /^%2f/i.test(host) ? decoded(host) : undefined
}

function partsOf(url: string): Parts | undefined {
  const { protocol, login = '', host = '', path = '', query = '' } = PARTS.exec(url)?.groups ?? {}
  return protocol === undefined
    ? undefined
    : { protocol: protocol.toLowerCase(), login, host, path, params: new URLSearchParams(query) }
}

/** The URL without some of its parameters. */
function without(url: string, isLeftOut: (parameter: string) => boolean): string {
  const [, start, query] = /^([^?]*)\?(.*)$/.exec(url) ?? []
  if (query === undefined) return url
  const rest = query.split('&').filter((parameter) => !isLeftOut(parameter))
  return rest.length === 0 ? start : `${start}?${rest.join('&')}`
}

function isEncoded(text: string): boolean {
  return !/%(?![\da-f]{2})/i.test(text)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
