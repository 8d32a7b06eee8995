// An origin that answers when the test says so.

import type { Loader, LoadFunction, OriginValue } from '../../src/index.ts'

export class GatedOrigin implements Loader {
  readonly kind = 'gated'
  /** The key of every load, in order. */
  readonly asked: string[] = []
  readonly #open = new Map<string, (value: OriginValue) => void>()
  readonly #expected = new Map<string, () => void>()

  readonly load: LoadFunction = (key) => {
    this.asked.push(key)
    this.#expected.get(key)?.()
    return new Promise((resolve) => this.#open.set(key, resolve))
  }

  /** Resolves when a load of the key is under way. */
  async isAskedFor(key: string): Promise<void> {
    if (!this.asked.includes(key)) await new Promise<void>((resolve) => this.#expected.set(key, resolve))
  }

  /** Answers the load of a key that is under way. */
  give(key: string, value: OriginValue): void {
    const open = this.#open.get(key)
    if (open === undefined) throw new Error(`no load of ${key} is under way`)
    this.#open.delete(key)
    open(value)
  }
}
