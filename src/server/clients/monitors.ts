// The clients in MONITOR mode, and the lines that they are sent.

import { monitorLine } from '../../commands/connection/monitor.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { CommandTraits } from '../../commands/spec/host.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'

export class Monitors {
  readonly #groups: readonly Group[]
  readonly #now: () => number
  readonly #clients = new Set<Client>()

  /** @param now ms since the epoch */
  constructor(groups: readonly Group[], now: () => number) {
    this.#groups = groups
    this.#now = now
  }

  get count(): number {
    return this.#clients.size
  }

  set(client: Client, on: boolean): void {
    client.monitor = on
    if (on) this.#clients.add(client)
    else this.#clients.delete(client)
  }

  /** The connection of a client is closed. */
  removed(client: Client): void {
    this.#clients.delete(client)
  }

  /** Sends them a command that a client has run. */
  feed(client: Client, command: CommandTraits, args: Args): void {
    const index = this.#groups.indexOf(client.group)
    const line = monitorLine(this.#now(), index, client.address, args, command.secretsOf(args))
    for (const monitor of this.#clients) monitor.push(line)
  }
}
