// The turns of the event loop, as batches of loads see them: which misses are loaded together.

import type { BatchWait } from '../group/flights/batcher.ts'

/**
 * The turns that a batch waits for the rest of the pipelines whose misses it has. In each of them a connection runs 64
 * requests (`BATCH`) and more, however slow the machine is: a batch of 100 keys is filled within three.
 */
const MAX_TURNS = 16

/** A connection whose requests are served in shares. */
interface Pipeline {
  /** Whether it has requests for the next turn. Valid at the end of a turn. */
  readonly isDue: boolean
}

/**
 * Lets the batches of loads depart at the end of a turn.
 *
 * A long pipeline is served in shares, in several turns; its misses are to be loaded together nevertheless. So a batch
 * waits while the pipelines of ALL connections that wait for its loads go on: a client without further requests does not
 * wait for others. It leaves after `MAX_TURNS`, or after a slow command, so that a pipeline of slow commands does not delay
 * its own loads either.
 */
export class Turn {
  /** The connection that is being served; `undefined` between turns. */
  serving: Pipeline | undefined
  #waits: Wait[] = []

  /** Runs `depart` once, in the iteration of the event loop after the one in which a batch is complete. */
  gather(depart: () => void): BatchWait {
    const wait = new Wait(this, depart)
    wait.joined()
    if (this.serving !== undefined) this.#waits.push(wait)
    return wait
  }

  /** @param isSlow a slow command has been run in it */
  end(isSlow: boolean): void {
    this.serving = undefined
    if (this.#waits.length !== 0) this.#waits = this.#waits.filter((wait) => !wait.turnEnded(isSlow))
  }
}

/** The wait of one batch. */
class Wait implements BatchWait {
  readonly #turn: Turn
  readonly #depart: () => void
  /** The connections that have joined. */
  readonly #pipelines: Pipeline[] = []
  #turns = 0
  #isOver = false
  #immediate: NodeJS.Immediate | undefined

  constructor(turn: Turn, depart: () => void) {
    this.#turn = turn
    this.#depart = depart
  }

  joined(): void {
    const { serving } = this.#turn
    // A load that no connection has started: no further request of it follows.
    if (serving === undefined) this.#end()
    else if (!this.#pipelines.includes(serving)) this.#pipelines.push(serving)
  }

  cancel(): void {
    this.#isOver = true
    clearImmediate(this.#immediate)
  }

  /** Whether the wait is over. */
  turnEnded(isSlow: boolean): boolean {
    this.#turns++
    if (isSlow || this.#turns === MAX_TURNS || this.#pipelines.some(({ isDue }) => !isDue)) this.#end()
    return this.#isOver
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#immediate = setImmediate(this.#depart)
  }
}
