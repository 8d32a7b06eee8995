// The limits of a server's connections: clients, connections of other nodes, and HTTP. They share the limit on open
// files.

import type { HttpStats } from '../../telemetry/http-stats.ts'
import type { Logger } from '../logger.ts'
import type { ServerSettings } from '../settings.ts'
import { type ConnectionRoom, connectionRoom, limitClients, limitHttp, roomWithHttp } from './open-files.ts'

export interface ConnectionLimitsOptions {
  /** How many files the process may have open; see `openFilesLimit`. */
  readonly openFiles: number
  readonly isInCluster: boolean
  /** The configured maximum of HTTP connections; 0: there is no HTTP. */
  readonly httpConnections: number
  readonly settings: ServerSettings
  readonly http: HttpStats
  readonly log: Logger
}

export class ConnectionLimits {
  readonly #options: ConnectionLimitsOptions
  #room: ConnectionRoom

  constructor(options: ConnectionLimitsOptions) {
    const { openFiles, isInCluster, httpConnections } = options
    this.#options = options
    this.#room = connectionRoom(openFiles, isInCluster, httpConnections)
  }

  /** The maximum number of clients that the limit on open files allows. */
  get clients(): number {
    return this.#room.clients
  }

  /** How many connections beyond `maxclients` are reserved for other nodes. */
  get peers(): number {
    return this.#room.peers
  }

  /** Lowers `maxclients` to what the limit on open files allows, with a warning. */
  limitClients(): void {
    const { settings, log } = this.#options
    limitClients(settings, this.#room, log)
  }

  /** Changes the limit of HTTP connections, for connections that are accepted from now on. */
  limitHttp(wanted: number): void {
    const { openFiles, settings, http, log } = this.#options
    this.#room = roomWithHttp(this.#room, openFiles, settings.maxclients, wanted)
    http.maxConnections = limitHttp(wanted, this.#room, log)
  }
}
