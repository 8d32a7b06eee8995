// The TCP server: accepts connections, keeps their registry, and runs the node's periodic work.

import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import type { Hasher } from '../bytes/hash.ts'
import type { Instant } from '../bytes/instant.ts'
import { createCommandTable } from '../commands/all.ts'
import type { Client } from '../commands/client.ts'
import { Context } from '../commands/context.ts'
import { Executor } from '../commands/executor.ts'
import type { CommandTraits, Host } from '../commands/host.ts'
import type { Group } from '../group/group.ts'
import type { Router } from '../group/router.ts'
import { Args } from '../resp/args.ts'
import { type DecoderLimits, defaultLimits } from '../resp/limits.ts'
import { ReplyWriter } from '../resp/reply.ts'
import { BATCH, Connection, type ConnectionServices } from './connection.ts'

export interface ServerOptions {
  readonly groups: readonly Group[]
  readonly router: Router
  readonly instant: Instant
  readonly hasher: Hasher
  readonly requirepass: string
}

export class Server implements Host {
  readonly groups: readonly Group[]
  readonly router: Router
  readonly clients = new Map<number, Connection>()
  requirepass: string
  monitors = 0
  readonly #limits: DecoderLimits = defaultLimits()
  readonly #services: ConnectionServices
  readonly #listeners: NetServer[] = []
  #nextId = 1

  constructor(options: ServerOptions) {
    this.groups = options.groups
    this.router = options.router
    this.requirepass = options.requirepass
    const reply = new ReplyWriter()
    const context = new Context(reply, options.instant, this)
    this.#services = {
      executor: new Executor(createCommandTable(), context, this, options.hasher),
      reply,
      batch: Array.from({ length: BATCH }, () => new Args()),
      instant: options.instant,
      limits: this.#limits,
      beginChunk: () => options.instant.refresh(),
      endChunk: () => undefined,
      outputLimit: () => 0,
      closed: (connection) => this.clients.delete(connection.id),
    }
  }

  get protoMaxBulkLen(): number {
    return this.#limits.maxBulk
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new Connection(this.#nextId++, socket, this.groups[0], this.#services)
      connection.authenticated = this.requirepass === ''
      this.clients.set(connection.id, connection)
    })
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.listen({ host, port, backlog: 511 }, resolve)
    })
    this.#listeners.push(listener)
    return listener.address() as AddressInfo
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close()
    for (const connection of this.clients.values()) connection.close(true)
  }

  feedMonitors(): void {}

  mustPause(_client: Client, _command: CommandTraits): boolean {
    return false
  }

  reportFault(error: unknown, command: string): void {
    console.error(command, error)
  }
}
