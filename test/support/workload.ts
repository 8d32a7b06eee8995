// Clients that read, write and delete through several nodes at once, and write down what they were answered.

import type { History, Kind } from './history.ts'
import { poll } from './poll.ts'
import { type Random, seededRandom } from './random.ts'
import { RespClient } from './resp-client.ts'

export interface WorkloadOptions {
  readonly history: History
  /** The nodes that are asked, by port. */
  readonly ports: readonly number[]
  /** Clients of each node. */
  readonly clients?: number
  /** The group of all commands. */
  readonly group?: string
  readonly keys: readonly string[]
  /** How many commands a client sends at once. */
  readonly depth?: number
  /** Shares of writes and of deletions; the rest is reads. */
  readonly writes?: number
  readonly deletions?: number
  /** How long a client waits between two pipelines, ms; 0: not at all. */
  readonly pause?: number
  readonly seed?: number
}

/** Runs until it is told to stop. */
export class Workload {
  /** Operations that have an answer. */
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

  /** Resolves when so many more operations have been answered. */
  async progress(count: number): Promise<void> {
    const wanted = this.done + count
    // Only a standstill fails: how long the answers take together is the machine's affair.
    for (let seen = this.done; seen < wanted; seen = this.done) {
      await poll(() => this.done > seen, `an answer, after ${seen} of ${wanted}`)
    }
  }

  /** Lets what is under way end. */
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
      const kind = draw(random, writes, deletions)
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

function draw(random: Random, writes: number, deletions: number): Kind {
  const x = random() / 2 ** 32
  if (x < writes) return 'set'
  return x < writes + deletions ? 'del' : 'get'
}
