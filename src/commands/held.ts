// The commands of one connection that wait for loads, and the keys they keep later commands from.

import type { Args } from '../resp/args.ts'

/** A command that waits for its loads. */
export interface HeldCommand {
  readonly args: Args
  readonly write: boolean
  /** Names of its keys. */
  readonly keys: readonly string[]
}

/** How many held commands have a key, and how many of these write it. */
interface Holders {
  all: number
  writers: number
}

export class HeldCommands {
  #size = 0
  /** By key: thousands of commands may be held, and each one behind them asks. */
  readonly #holders = new Map<string, Holders>()

  get size(): number {
    return this.#size
  }

  add({ keys, write }: HeldCommand): void {
    this.#size++
    for (const key of keys) {
      let holders = this.#holders.get(key)
      if (holders === undefined) {
        holders = { all: 0, writers: 0 }
        this.#holders.set(key, holders)
      }
      holders.all++
      if (write) holders.writers++
    }
  }

  /** Lets go of a command that was added. */
  delete({ keys, write }: HeldCommand): void {
    this.#size--
    for (const key of keys) {
      const holders = this.#holders.get(key)
      if (holders === undefined) continue
      if (write) holders.writers--
      if (--holders.all === 0) this.#holders.delete(key)
    }
  }

  /**
   * Whether a command on this key would overtake one that is held.
   *
   * @param sees whether it writes, or would see that a held read has loaded something
   */
  blocks(key: string, sees: boolean): boolean {
    const holders = this.#holders.get(key)
    return holders !== undefined && (sees || holders.writers !== 0)
  }
}
