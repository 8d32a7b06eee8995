// What the origin's code is told of a load or a write.

import type { LazyAbortSignal } from './lazy-abort-signal.ts'
import type { LoadContext } from './origin.ts'

/**
 * A class, because V8 gives each object literal with a getter a hidden class of its own, and keeps these alive for long:
 * that cost more than the rest of a load.
 */
export class CallContext implements LoadContext {
  readonly group: string
  readonly validator?: string | undefined
  readonly #late: LazyAbortSignal

  constructor(group: string, late: LazyAbortSignal, validator?: string) {
    this.group = group
    this.validator = validator
    this.#late = late
  }

  get signal(): AbortSignal {
    return this.#late.signal
  }
}
