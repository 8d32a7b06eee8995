// Decides which misses are loaded together: a batch of loads collects them over turns of the event loop.

import type { BatchWait } from '../group/flights/batcher.ts'

/**
 * Maximum number of turns that a batch waits for further misses of the same pipelines. In each of them a connection
 * runs at least 64 requests (`BATCH`), however slow the machine is: a batch of 100 keys is filled within three.
 */
const MAX_TURNS = 16

/** A connection whose requests are served in shares. */
interface Pipeline {
  /** Whether it has requests for the next turn. Valid at the end of a turn. */
  readonly isDue: boolean
}

/**
 * Dispatches batches of loads at the end of a turn.
 *
 * A long pipeline is served in time shares, over several turns, and its misses should still be loaded together. So a
 * batch waits while ALL connections that wait for its loads have further requests: a client without any does not wait
 * for others. It is dispatched at the latest after `MAX_TURNS`, or after a slow command, so that a pipeline of slow
 * commands does not delay its own loads.
 */
export class Turn {
  /** The connection that is being served; `undefined` between turns. */
  serving: Pipeline | undefined
  #waits: Wait[] = []

  /** Runs `dispatch` once, in the iteration of the event loop after the one in which a batch is complete. */
  gather(dispatch: () => void): BatchWait {
    const wait = new Wait(this, dispatch)
    wait.joined()
    if (this.serving !== undefined) this.#waits.push(wait)
    return wait
  }

  /** @param isSlow whether a slow command ran in this turn */
  end(isSlow: boolean): void {
    this.serving = undefined
    if (this.#waits.length !== 0) this.#waits = this.#waits.filter((wait) => !wait.turnEnded(isSlow))
  }
}

/** The wait of one batch. */
class Wait implements BatchWait {
  readonly #turn: Turn
  readonly #dispatch: () => void
  /** The connections that have joined. */
  readonly #pipelines: Pipeline[] = []
  #turns = 0
  #isOver = false
  #immediate: NodeJS.Immediate | undefined

  constructor(turn: Turn, dispatch: () => void) {
    this.#turn = turn
    this.#dispatch = dispatch
  }

  joined(): void {
    const { serving } = this.#turn
    // The load was not started by a connection, so no further requests are expected.
    if (serving === undefined) this.#end()
    else if (!this.#pipelines.includes(serving)) this.#pipelines.push(serving)
  }

  cancel(): void {
    this.#isOver = true
    clearImmediate(this.#immediate)
  }

  /** Returns whether the wait is over. */
  turnEnded(isSlow: boolean): boolean {
    this.#turns++
    if (isSlow || this.#turns === MAX_TURNS || this.#pipelines.some(({ isDue }) => !isDue)) this.#end()
    return this.#isOver
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#immediate = setImmediate(this.#dispatch)
  }
}
