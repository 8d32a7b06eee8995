// The context that an origin gets with a load or a write.

import type { LazyAbortSignal } from './lazy-abort-signal.ts'
import type { LoadContext } from './origin.ts'

/**
 * The signal is created on first use. Its getter is one function for all contexts, and an own property of each, so that
 * copies (`{ ...context }`) have the signal. Not an object literal with a getter: V8 gives each of them a hidden class
 * of its own, which it keeps for long with everything that the getter refers to. That cost more than the rest of a
 * load.
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
