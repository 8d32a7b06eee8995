// The connections of a server: accepts them up to the limit, and applies changes of users, groups and settings to them.

import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Access } from '../../access/access.ts'
import type { User } from '../../access/user.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { discardTransaction } from '../../commands/transactions/transactions.ts'
import type { Group } from '../../group/group.ts'
import type { HttpStats } from '../../telemetry/http-stats.ts'
import {
  Connection,
  type ConnectionOrigin,
  type ConnectionServices,
  TOO_MANY_CLIENTS,
} from '../connection.ts'
import { acceptedSocket, type ClientSocket, plainSocket } from '../input/client-socket.ts'
import { type Evictable, EvictableHttp, evictByHeld, evictClients } from '../output/client-eviction.ts'

export interface ClientsOptions {
  readonly groups: readonly Group[]
  readonly cluster: Cluster | undefined
  readonly http: HttpStats
  /** The users: when one changes, its connections follow. */
  readonly access: Access
  /** Connections beyond `maxclients` that only other nodes may use. */
  readonly peers: number
  readonly services: Omit<ConnectionServices, 'closed' | 'tooMuchUnread'>
  /** TLS handshakes in progress: they count as clients. */
  readonly handshakes: () => number
  /** Called when a connection was closed. */
  readonly removed: (connection: Connection) => void
}

export class Clients {
  readonly byId = new Map<number, Connection>()
  readonly #options: ClientsOptions
  readonly #services: ConnectionServices
  #nextId = 1
  /** Called when the last connection is closed. */
  #emptied = (): void => {}

  constructor(options: ClientsOptions) {
    this.#options = options
    const { services, access } = options
    this.#services = {
      ...services,
      closed: (connection) => this.#removed(connection),
      tooMuchUnread: () => evictClients(this.#evictable(), services.unread),
    }
    options.http.unsentChanged = (bytes) => {
      services.unread.bytes += bytes
      if (bytes > 0 && services.unread.isExceeded) this.#services.tooMuchUnread()
    }
    access.users.observer = {
      changed: (user) => this.#userChanged(user),
      removed: (user) => this.#userRemoved(user),
    }
  }

  /** Whether no more clients are accepted: the remaining connections are reserved for nodes of the cluster. */
  get isFull(): boolean {
    return this.#count >= this.#services.settings.maxclients
  }

  /** Whether one more connection may be accepted, if only for another node. */
  get hasRoom(): boolean {
    return this.#count < this.#services.settings.maxclients + this.#options.peers
  }

  get #count(): number {
    return this.byId.size + this.#options.handshakes()
  }

  /** Serves a connection, or refuses it beyond the limit. `unixPath`: the path of the Unix socket that accepted it. */
  accept(socket: Socket, unixPath?: string): void {
    if (this.hasRoom) {
      this.#serve(acceptedSocket(socket), { unixPath, mustBePeer: this.isFull })
      return
    }
    this.#services.stats.rejectedConnections++
    socket.on('error', () => socket.destroy())
    socket.end(`-${TOO_MANY_CLIENTS}\r\n`, () => socket.destroy())
  }

  /** A number that no other connection has, HTTP connections included. */
  nextId(): number {
    return this.#nextId++
  }

  /** Serves a connection with TLS, whether there is room or not. */
  serve(socket: TLSSocket, how: ConnectionOrigin): Connection {
    return this.#serve(plainSocket(socket), how)
  }

  #serve(client: ClientSocket, how: ConnectionOrigin): Connection {
    const { groups, access } = this.#options
    const { settings, instant, stats } = this.#services
    instant.refresh()
    stats.connections++
    if (settings.tcpKeepalive > 0) client.socket.setKeepAlive(true, settings.tcpKeepalive)
    const connection = new Connection(this.nextId(), client, groups[0], this.#services, how)
    connection.user = access.users.default
    connection.authenticated = connection.user.isOpen
    this.byId.set(connection.id, connection)
    return connection
  }

  /** Closes idle connections at once, and the others when their replies are sent. Resolves when all are closed. */
  close(): Promise<void> {
    const closed =
      this.byId.size === 0
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            this.#emptied = resolve
          })
    for (const connection of this.byId.values()) {
      // Blocking commands end: nothing will wake them. Other nodes send their clients' commands to the next owner.
      if (!connection.isPeer) connection.cancelWaits()
      connection.closeAfterReplies()
    }
    return closed
  }

  /** Closes all connections at once. */
  abandon(): void {
    for (const connection of this.byId.values()) connection.close(false)
  }

  /** CLIENT PAUSE is over. */
  unpause(): void {
    for (const connection of this.byId.values()) connection.isPaused = false
  }

  /** Continues with requests that had to wait. */
  resume(): void {
    for (const connection of this.byId.values()) connection.resume()
  }

  /** The setting `tcp-keepalive` has changed. */
  keepaliveChanged(): void {
    for (const connection of this.byId.values()) connection.applyKeepalive()
  }

  /** Closes connections that are idle for too long or stuck, and those that hold too much memory. */
  check(now: number): void {
    for (const connection of this.byId.values()) connection.check(now)
    this.evict()
  }

  /** Closes those that hold too much memory. */
  evict(): void {
    evictByHeld(this.#evictable(), this.#services.unread.limit)
  }

  /** The clients that may hold memory, those of HTTP included. */
  *#evictable(): Iterable<Evictable> {
    yield* this.byId.values()
    for (const client of this.#options.http.clients.values())
      if (client.unsentBytes > 0) yield new EvictableHttp(client, this.#services)
  }

  /** Groups were added to the list or removed from it, or have other policies. */
  groupsChanged(): void {
    const byName = new Map(this.#options.groups.map((group) => [group.name, group]))
    for (const client of this.byId.values()) {
      const { peer, group } = client
      if (peer !== undefined && peer.groupName !== '') {
        // The peer names a group only when it changes: its next requests may still be for the removed one.
        const meant = byName.get(peer.groupName)
        peer.isUnknownGroup = meant === undefined
        client.group = meant ?? group
      } else if (group.isRemoved) {
        client.transaction?.abort()
        // A group of this name has been added again.
        client.group = byName.get(group.name) ?? group
      }
    }
  }

  /**
   * If the default user needs no password, all clients are authenticated. A new password does not affect authenticated
   * clients (as Redis).
   */
  #userChanged(user: User): void {
    const isOpen = user === this.#options.access.users.default && user.isOpen
    for (const connection of this.byId.values()) {
      if (isOpen) connection.authenticated = true
      if (connection.user === user) for (const wait of [...connection.waits.values()]) wait.recheck()
    }
  }

  /** The client that has deleted its own user still gets its replies (as Redis). */
  #userRemoved(user: User): void {
    for (const connection of this.byId.values()) {
      if (connection.user !== user) continue
      connection.user = this.#options.access.users.default
      connection.authenticated = false
      connection.close(connection.isRunning)
    }
  }

  #removed(connection: Connection): void {
    this.byId.delete(connection.id)
    this.#options.removed(connection)
    discardTransaction(connection)
    connection.cancelWaits()
    const { peer } = connection
    if (peer !== undefined) this.#options.cluster?.connectionClosed(peer.name, connection)
    if (this.byId.size === 0) this.#emptied()
  }
}
