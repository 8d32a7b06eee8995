// The limit on open files (`ulimit -n`), and the limits on connections that follow from it.

import type { Logger } from '../logger.ts'
import { limitOf, processFile } from '../process-limits.ts'
import type { ServerSettings } from '../settings.ts'

/** File descriptors for files, listening sockets, origins and Node.js itself (Redis: 32). */
const RESERVED_FILES = 64

/**
 * In a cluster, this share of the remaining ones is for links from and to other nodes, half of it for each direction.
 */
const LINK_SHARE = 0.25

/** HTTP gets the connections that it is configured to have, but at most this share of the remaining ones. */
const HTTP_SHARE = 0.25

/** Connections beyond `maxclients` that only other nodes may use, if the limit on open files allows it. */
const MAX_PEERS = 4096

/** How many connections of each kind the limit on open files allows. */
export interface ConnectionRoom {
  /** Maximum number of clients. */
  readonly clients: number
  /** Maximum number of connections of other nodes beyond these. */
  readonly peers: number
  /** Maximum number of HTTP connections. */
  readonly http: number
}

/** How many files this process may have open; infinite if it is not known. */
export function openFilesLimit(): number {
  const limit = limitOf(processFile('limits'), 'Max open files')
  if (Number.isFinite(limit)) return limit
  // Not Linux, or no limit.
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft: unknown } } }
  const soft = Number(userLimits?.open_files?.soft)
  return Number.isNaN(soft) ? Number.POSITIVE_INFINITY : soft
}

/** @param httpConnections the configured maximum of HTTP connections; 0: there is no HTTP */
export function connectionRoom(
  openFiles: number,
  isInCluster: boolean,
  httpConnections: number,
): ConnectionRoom {
  const http = Math.min(httpConnections, maxHttp(openFiles))
  const files = filesOfClients(openFiles) - http
  if (!isInCluster) return { clients: files, peers: 0, http }
  if (files === Number.POSITIVE_INFINITY) return { clients: files, peers: MAX_PEERS, http }
  const links = Math.floor(files * LINK_SHARE)
  return { clients: files - links, peers: Math.min(MAX_PEERS, Math.ceil(links / 2)), http }
}

function filesOfClients(openFiles: number): number {
  return Math.max(2, openFiles - RESERVED_FILES)
}

/** The maximum number of HTTP connections. */
function maxHttp(openFiles: number): number {
  return Math.ceil(filesOfClients(openFiles) * HTTP_SHARE)
}

/** Lowers `maxclients` to what the limit on open files allows (Redis: `adjustOpenFilesLimit`). */
export function limitClients(settings: ServerSettings, { clients }: ConnectionRoom, log: Logger): void {
  const { maxclients } = settings
  if (maxclients <= clients) return
  settings.maxclients = clients
  const message =
    `maxclients is ${clients} instead of ${maxclients}: the limit on open files does not allow more; ` +
    `raise it ('ulimit -n'), or set maxclients`
  log.warn({ maxclients: clients, configured: maxclients }, message)
}

/**
 * The limits with another number of HTTP connections, whose descriptors come from those that `maxclients` leaves
 * unused.
 *
 * @param openFiles see `openFilesLimit`
 */
export function roomWithHttp(
  { clients, peers, http }: ConnectionRoom,
  openFiles: number,
  maxclients: number,
  wanted: number,
): ConnectionRoom {
  if (openFiles === Number.POSITIVE_INFINITY) return { clients, peers, http: wanted }
  const next = Math.min(wanted, maxHttp(openFiles), http + Math.max(0, clients - maxclients))
  return { clients: clients + http - next, peers, http: next }
}

/** Lowers `wanted` HTTP connections to what the limit on open files allows. */
export function limitHttp(wanted: number, { http }: ConnectionRoom, log: Logger): number {
  if (wanted <= http) return wanted
  const message =
    `there may be ${http} HTTP connections instead of ${wanted}: the limit on open files does not allow more; ` +
    `raise it ('ulimit -n'), or set http.maxConnections`
  log.warn({ httpConnections: http, configured: wanted }, message)
  return http
}
