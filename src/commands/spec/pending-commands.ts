// The commands of one connection that wait for loads, and the keys they keep later commands from.

/** A command that waits for its loads. */
export interface PendingCommand {
  readonly write: boolean
  /** Names of its keys. */
  readonly keys: readonly string[]
  /** Of its arguments. */
  readonly bytes: number
}

/** How many held commands have a key, and how many of these write it. */
interface Holders {
  all: number
  writers: number
}

/** A command that has to wait for another one, and lets those behind it go on meanwhile. */
export interface QueuedCommand {
  readonly keys: readonly string[]
  readonly bytes: number
  /** As in `HeldCommands.blocks`. */
  readonly sees: boolean
  readonly run: () => void
}

export class PendingCommands {
  /** Bytes of all their arguments. */
  bytes = 0
  #size = 0
  #parked: QueuedCommand[] = []
  #isUnparking = false
  /** By key: how many parked commands have it. */
  readonly #parkedKeys = new Map<string, number>()
  /** By key: thousands of commands may be held, and each one behind them asks. */
  readonly #holders = new Map<string, Holders>()

  get size(): number {
    return this.#size + this.#parked.length
  }

  /** Keeps a command until none of those before it has its keys. */
  enqueue(command: QueuedCommand): void {
    this.#parked.push(command)
    this.bytes += command.bytes
    for (const key of command.keys) this.#parkedKeys.set(key, (this.#parkedKeys.get(key) ?? 0) + 1)
  }

  /** Runs, in their order, the parked commands that nothing keeps any more. */
  runQueued(): void {
    const parked = this.#parked
    if (parked.length === 0 || this.#isUnparking) return
    this.#isUnparking = true
    const ahead = new Set<string>()
    // What runs may be held in its turn, which those behind it then see.
    this.#parked = parked.filter(({ keys, bytes, sees, run }) => {
      if (keys.some((key) => ahead.has(key) || this.#isHeld(key, sees))) {
        for (const key of keys) ahead.add(key)
        return true
      }
      for (const key of keys) this.#unparkKey(key)
      this.bytes -= bytes
      run()
      return false
    })
    this.#isUnparking = false
  }

  #unparkKey(key: string): void {
    const left = (this.#parkedKeys.get(key) ?? 0) - 1
    if (left > 0) this.#parkedKeys.set(key, left)
    else this.#parkedKeys.delete(key)
  }

  add({ keys, write, bytes }: PendingCommand): void {
    this.#size++
    this.bytes += bytes
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
  delete({ keys, write, bytes }: PendingCommand): void {
    this.#size--
    this.bytes -= bytes
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
    return this.#parkedKeys.has(key) || this.#isHeld(key, sees)
  }

  #isHeld(key: string, sees: boolean): boolean {
    const holders = this.#holders.get(key)
    return holders !== undefined && (sees || holders.writers !== 0)
  }
}
