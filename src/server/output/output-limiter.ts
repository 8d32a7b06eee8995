// The output buffer limit of one connection (Redis: `client-output-buffer-limit`).

import type { OutputLimit } from '../settings.ts'

export class OutputLimiter {
  /** Since when the output exceeds the soft limit, ms; 0: it does not. */
  #softSince = 0

  /** Whether `unread` bytes exceed the hard limit, or have exceeded the soft limit for longer than `softTime`. */
  exceeds({ hard, soft, softTime }: OutputLimit, unread: { readonly size: number }, now: number): boolean {
    if (hard === 0 && soft === 0) return false
    const { size } = unread
    if (soft === 0 || size <= soft) this.#softSince = 0
    else if (this.#softSince === 0) this.#softSince = now
    const isLong = this.#softSince !== 0 && now - this.#softSince > softTime
    return isLong || (hard !== 0 && size > hard)
  }
}
