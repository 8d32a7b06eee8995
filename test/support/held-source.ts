// An origin that keeps what it is told, when the test lets it.

import type { Loader } from '../../src/index.ts'

export class HeldSource implements Loader {
  readonly kind = 'held'
  readonly values = new Map<string, string>()
  /** Everything that it was told to keep, in the order in which it did: key and value, `null` for a removal. */
  readonly history: (readonly [key: string, value: string | null])[] = []
  /** Keys of the writes that are held, in the order of their calls. */
  readonly held: string[] = []
  #isHolding = false
  #release: (() => void)[] = []
  #expected: { readonly count: number; readonly resolve: () => void }[] = []

  load(key: string): string | null {
    return this.values.get(key) ?? null
  }

  async store(key: string, value: Uint8Array): Promise<void> {
    await this.#pass(key)
    this.values.set(key, String(value))
    this.history.push([key, String(value)])
  }

  async remove(key: string): Promise<void> {
    await this.#pass(key)
    this.values.delete(key)
    this.history.push([key, null])
  }

  /** Writes wait from now on. */
  hold(): void {
    this.#isHolding = true
  }

  /** Resolves when so many writes are held. */
  reached(count: number): Promise<void> {
    if (this.held.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#expected.push({ count, resolve }))
  }

  /** Writes wait no more. */
  release(): void {
    this.#isHolding = false
    this.held.length = 0
    for (const release of this.#release.splice(0)) release()
  }

  async #pass(key: string): Promise<void> {
    if (!this.#isHolding) return
    this.held.push(key)
    for (const { resolve } of this.#expected.filter(({ count }) => this.held.length >= count)) resolve()
    await new Promise<void>((resolve) => this.#release.push(resolve))
  }
}
