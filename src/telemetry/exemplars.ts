// Exemplars of a histogram: durations whose traces can be looked up.

import type { SpanContext } from './tracing.ts'

/** One duration, and the span that it belongs to. */
export interface Exemplar {
  readonly micros: number
  readonly traceId: string
  readonly spanId: string
  /** When it was recorded, in ms since the epoch. */
  readonly at: number
}

/** Doublings of a microsecond that have an exemplar of their own: the last one begins at 12 days. */
const DOUBLINGS = 41

export class Exemplars {
  /** The latest one of each doubling, so that a rare long duration outlives many short ones. */
  readonly #latest: (Exemplar | undefined)[] = []

  add(micros: number, { traceId, spanId }: SpanContext, at: number): void {
    const doubling = Math.min(Math.max(0, Math.ceil(Math.log2(micros))), DOUBLINGS - 1)
    this.#latest[doubling] = { micros, traceId, spanId, at }
  }

  /**
   * The latest exemplar of each bucket, and then of what is longer than all limits.
   *
   * @param limits in µs, ascending
   */
  within(limits: readonly number[]): (Exemplar | undefined)[] {
    const byBucket: (Exemplar | undefined)[] = []
    for (const exemplar of this.#latest) {
      if (exemplar === undefined) continue
      let bucket = 0
      while (bucket < limits.length && exemplar.micros > limits[bucket]) bucket++
      if ((byBucket[bucket]?.at ?? 0) <= exemplar.at) byBucket[bucket] = exemplar
    }
    return byBucket
  }
}
