// What the origin's code is told of a load or a write.

import type { LazyAbortSignal } from './lazy-abort-signal.ts'
import type { LoadContext } from './origin.ts'

/**
 * The signal is created on first use. Its getter is the same function in each context, and a property of the context
 * itself, so that copies (`{ ...context }`) have the signal. An object literal with a getter has a hidden class of its own,
 * which V8 keeps for long with all that the getter refers to: that cost more than the rest of a load.
 */
export class CallContext implements LoadContext {
  readonly group: string
  readonly validator?: string | undefined
  declare readonly signal: AbortSignal
  readonly #late: LazyAbortSignal

  constructor(group: string, late: LazyAbortSignal, validator?: string) {
    this.group = group
    this.validator = validator
    this.#late = late
    Object.defineProperty(this, 'signal', CallContext.#signal)
  }

  static readonly #signal: PropertyDescriptor = {
    enumerable: true,
    get(this: CallContext) {
      return this.#late.signal
    },
  }
}
