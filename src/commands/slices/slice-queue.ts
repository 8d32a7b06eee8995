// Commands that take long run in slices: other clients, timers and heartbeats are served in between.

/** How long a slice takes, µs: other clients wait for one slice. */
const SLICE_MICROS = 2000
/** The most steps of a slice. */
const SLICE_STEPS = 20

/** A command that takes long. */
export interface SlicedWork {
  /** Works for a fraction of a millisecond. True: nothing is left to do. */
  step(): boolean
  /** Called between two slices: other commands run now. */
  endSlice(): void
  /** The result is no longer wanted. */
  isUnwanted(): boolean
  /** Called after the last step, or once it is unwanted. */
  finish(): void
}

/**
 * The commands of all clients that run in slices: one after the other, so that only one of them holds what it has
 * collected. After each slice the event loop continues.
 */
export class SliceQueue {
  readonly #micros: () => number
  readonly #queue: SlicedWork[] = []
  readonly #run = (): void => this.#runSlice()

  /** @param micros a monotonic clock, in microseconds */
  constructor(micros: () => number) {
    this.#micros = micros
  }

  /** How many commands run or wait. */
  get size(): number {
    return this.#queue.length
  }

  /** The first slice begins after the current work. */
  add(work: SlicedWork): void {
    this.#queue.push(work)
    if (this.#queue.length === 1) setImmediate(this.#run)
  }

  #runSlice(): void {
    const [work] = this.#queue
    let isOver = work.isUnwanted()
    if (!isOver) {
      const ends = this.#micros() + SLICE_MICROS
      let steps = 0
      do isOver = work.step()
      while (!isOver && ++steps < SLICE_STEPS && this.#micros() < ends)
      work.endSlice()
    }
    if (isOver) {
      this.#queue.shift()
      work.finish()
    }
    if (this.#queue.length !== 0) setImmediate(this.#run)
  }
}
