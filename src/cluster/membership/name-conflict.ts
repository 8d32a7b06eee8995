// Another node announces the name of this one: the others keep the one that they knew first, and refuse this node.

import type { Clock } from '../../bytes/clock.ts'
import type { Log } from '../log.ts'

/** The error for the heartbeats of the second one. */
export const SAME_NAME = 'two nodes announce this name: set another announced address for one of them'

/** The warning is repeated after this long, ms. */
const REPEAT = 300_000

export interface NameConflictOptions {
  readonly self: string
  readonly clock: Clock
  readonly log: Log
  /** It counts as over when no member has refused this node for this long, ms. */
  readonly timeout: number
}

export class NameConflict {
  readonly #options: NameConflictOptions
  #refusedAt = Number.NEGATIVE_INFINITY
  #loggedAt = Number.NEGATIVE_INFINITY

  constructor(options: NameConflictOptions) {
    this.#options = options
  }

  /** A member has answered a heartbeat with an error. */
  answered(error: Error): void {
    if (!error.message.includes(SAME_NAME)) return
    const { clock, log } = this.#options
    this.#refusedAt = clock.now()
    if (this.#refusedAt - this.#loggedAt < REPEAT) return
    this.#loggedAt = this.#refusedAt
    log.warn({}, this.problem ?? SAME_NAME)
  }

  /** For operators; undefined: there is no conflict. */
  get problem(): string | undefined {
    const { self, clock, timeout } = this.#options
    if (clock.now() - this.#refusedAt >= timeout) return undefined
    return `another node announces the name of this one, ${self}: the members refuse this node, which serves alone: set another announced address for it`
  }
}
