// Clients that read, write and delete through several nodes at once, and record the replies in a history.

import type { History, Kind } from './history.ts'
import { poll } from './poll.ts'
import { type Random, seededRandom } from './random.ts'
import { RespClient } from './resp-client.ts'

export interface WorkloadOptions {
  readonly history: History
  /** The ports of the nodes. */
  readonly ports: readonly number[]
  /** The number of clients of each node. */
  readonly clients?: number
  /** The group of all commands. */
  readonly group?: string
  readonly keys: readonly string[]
  /** The number of commands in a pipeline. */
  readonly depth?: number
  /** The shares of writes and deletions; the rest are reads. */
  readonly writes?: number
  readonly deletions?: number
  /** The pause of a client between two pipelines, ms. */
  readonly pause?: number
  readonly seed?: number
}

/** Runs until `stop`. */
export class Workload {
  /** The number of completed operations. */
  done = 0
  readonly #options: Required<WorkloadOptions>
  readonly #clients: Promise<void>[] = []
  #isOver = false

  constructor(options: WorkloadOptions) {
    this.#options = {
      clients: 2,
      group: 'cache',
      depth: 8,
      writes: 0.3,
      deletions: 0.05,
      pause: 2,
      seed: 1,
      ...options,
    }
    const { ports, clients, seed } = this.#options
    let number = seed
    for (const port of ports)
      for (let i = 0; i < clients; i++) this.#clients.push(this.#run(port, seededRandom(++number)))
  }

  /** Resolves when `count` further operations have completed. */
  async progress(count: number): Promise<void> {
    const wanted = this.done + count
    // Only a standstill is a failure: the total time depends on the machine.
    for (let seen = this.done; seen < wanted; seen = this.done) {
      await poll(() => this.done > seen, `an answer, after ${seen} of ${wanted}`)
    }
  }

  /** Stops after the pipelines under way. */
  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#clients)
  }

  async #run(port: number, random: Random): Promise<void> {
    const { pause } = this.#options
    let client: RespClient | undefined
    while (!this.#isOver) {
      client = client === undefined || client.isClosed ? await this.#connect(port) : client
      if (client !== undefined) await this.#pipeline(client, port, random)
      if (pause > 0 || client === undefined) await new Promise((resolve) => setTimeout(resolve, pause || 2))
    }
    client?.socket.destroy()
  }

  async #connect(port: number): Promise<RespClient | undefined> {
    try {
      const client = await RespClient.connect(port)
      client.sendCommands(['SELECT', this.#options.group])
      await client.next()
      return client
    } catch {
      return undefined
    }
  }

  async #pipeline(client: RespClient, port: number, random: Random): Promise<void> {
    const { history, keys, depth, writes, deletions } = this.#options
    const commands: string[][] = []
    const operations = Array.from({ length: depth }, () => {
      const key = keys[random() % keys.length]
      const kind = randomKind(random, writes, deletions)
      const value = kind === 'set' ? history.value(key) : null
      commands.push(value === null ? [kind, key] : [kind, key, value])
      return history.begin(kind, key, port, value)
    })
    client.sendCommands(...commands)
    for (const operation of operations) {
      history.end(operation, await client.next())
      this.done++
    }
  }
}

function randomKind(random: Random, writes: number, deletions: number): Kind {
  const x = random() / 2 ** 32
  if (x < writes) return 'set'
  return x < writes + deletions ? 'del' : 'get'
}
