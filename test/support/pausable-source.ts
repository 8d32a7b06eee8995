// An origin whose writes a test can pause.

import type { Loader } from '../../src/index.ts'

export class PausableSource implements Loader {
  readonly kind = 'pausable'
  readonly values = new Map<string, string>()
  /** All completed writes in order: key and value, `null` for a removal. */
  readonly history: (readonly [key: string, value: string | null])[] = []
  /** Keys of the paused writes, in the order of their calls. */
  readonly pending: string[] = []
  #isPaused = false
  #release: (() => void)[] = []
  #expected: { readonly count: number; readonly resolve: () => void }[] = []

  load(key: string): string | null {
    return this.values.get(key) ?? null
  }

  async store(key: string, value: Uint8Array): Promise<void> {
    await this.#waitWhilePaused(key)
    this.values.set(key, String(value))
    this.history.push([key, String(value)])
  }

  async remove(key: string): Promise<void> {
    await this.#waitWhilePaused(key)
    this.values.delete(key)
    this.history.push([key, null])
  }

  /** Later writes wait. */
  pause(): void {
    this.#isPaused = true
  }

  /** Resolves when `count` writes are paused. */
  reached(count: number): Promise<void> {
    if (this.pending.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#expected.push({ count, resolve }))
  }

  /** All writes go on. */
  resume(): void {
    this.#isPaused = false
    this.pending.length = 0
    for (const release of this.#release.splice(0)) release()
  }

  async #waitWhilePaused(key: string): Promise<void> {
    if (!this.#isPaused) return
    this.pending.push(key)
    for (const { resolve } of this.#expected.filter(({ count }) => this.pending.length >= count)) resolve()
    await new Promise<void>((resolve) => this.#release.push(resolve))
  }
}
