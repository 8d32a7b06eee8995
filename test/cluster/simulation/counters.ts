// Clients that increment counters through any node, and whether the replies are those of one node that may lose a counter.

import type { Network } from './network.ts'
import { Connection } from './registers.ts'

interface Increment {
  readonly begun: number
  /** Infinity: its outcome is not known, and it may run at any time. */
  ended: number
  value: number | undefined
}

const CLIENTS = 4

export class Counters {
  readonly #network: Network
  readonly #nodes: readonly string[]
  readonly #clients: readonly ReadonlyMap<string, Connection>[]
  readonly #counters: readonly Increment[][]

  constructor(network: Network, nodes: readonly string[], count: number) {
    this.#network = network
    this.#nodes = nodes
    this.#clients = Array.from(
      { length: CLIENTS },
      (_, i) => new Map(nodes.map((node) => [node, new Connection(network.connect(`i${i}`, node))])),
    )
    this.#counters = Array.from({ length: count }, () => [])
  }

  /** The number of replies. */
  get replies(): number {
    return this.#counters.flat().filter(({ value }) => value !== undefined).length
  }

  work(): void {
    const draw = (below: number): number => this.#network.draw(below)
    const i = draw(this.#counters.length)
    const connection = this.#clients[draw(CLIENTS)].get(this.#nodes[draw(this.#nodes.length)])!
    if (connection.isWaiting) return
    const { clock } = this.#network
    const increment: Increment = { begun: clock.now(), ended: Number.POSITIVE_INFINITY, value: undefined }
    this.#counters[i].push(increment)
    connection.send(['INCR', `counter ${i}`], (reply) => {
      if (!reply.startsWith(':')) return
      increment.value = Number(reply.slice(1))
      increment.ended = clock.now()
    })
  }

  /** The replies that no order of the increments explains, with any losses of a counter. */
  get problems(): string[] {
    return this.#counters.flatMap((increments, i) =>
      increments.flatMap((each) => {
        const problem = problemOf(each, increments)
        return problem === undefined ? [] : [`counter ${i}: ${each.value} at ${each.ended} ms: ${problem}`]
      }),
    )
  }
}

function problemOf(increment: Increment, all: readonly Increment[]): string | undefined {
  const { value, begun, ended } = increment
  if (value === undefined) return undefined
  let last: Increment | undefined
  for (const each of all)
    if (each.ended < begun && each.value !== undefined && (last === undefined || each.ended > last.ended))
      last = each
  if (last === undefined) return undefined
  const since = all.filter((each) => each !== last && each.begun <= ended && each.ended >= last.begun)
  const before = last.value as number
  if (value > before + since.length) return `only ${since.length} since ${before}`
  // The counter was lost in between: another increment has begun it anew.
  const wasLost = since.some((each) => each.value === 1 || each.value === undefined)
  return value <= before && !wasLost ? `again, after ${before}` : undefined
}
