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
interface KeyUse {
  commands: number
  writes: number
}

/** A command that has to wait for another one, and lets those behind it go on meanwhile. */
export interface QueuedCommand {
  readonly keys: readonly string[]
  readonly bytes: number
  /** As in `HeldCommands.blocks`. */
  readonly conflictsWithReads: boolean
  readonly run: () => void
}

export class PendingCommands {
  /** Bytes of all their arguments. */
  bytes = 0
  #size = 0
  #queued: QueuedCommand[] = []
  #isRunningQueued = false
  /** By key: how many parked commands have it. */
  readonly #queuedKeys = new Map<string, number>()
  /** By key: thousands of commands may be held, and each one behind them asks. */
  readonly #uses = new Map<string, KeyUse>()

  get size(): number {
    return this.#size + this.#queued.length
  }

  /** Keeps a command until none of those before it has its keys. */
  enqueue(command: QueuedCommand): void {
    this.#queued.push(command)
    this.bytes += command.bytes
    for (const key of command.keys) this.#queuedKeys.set(key, (this.#queuedKeys.get(key) ?? 0) + 1)
  }

  /** Runs, in their order, the parked commands that nothing keeps any more. */
  runQueued(): void {
    const parked = this.#queued
    if (parked.length === 0 || this.#isRunningQueued) return
    this.#isRunningQueued = true
    const ahead = new Set<string>()
    // What runs may be held in its turn, which those behind it then see.
    this.#queued = parked.filter(({ keys, bytes, conflictsWithReads, run }) => {
      if (keys.some((key) => ahead.has(key) || this.#isInUse(key, conflictsWithReads))) {
        for (const key of keys) ahead.add(key)
        return true
      }
      for (const key of keys) this.#dequeueKey(key)
      this.bytes -= bytes
      run()
      return false
    })
    this.#isRunningQueued = false
  }

  #dequeueKey(key: string): void {
    const left = (this.#queuedKeys.get(key) ?? 0) - 1
    if (left > 0) this.#queuedKeys.set(key, left)
    else this.#queuedKeys.delete(key)
  }

  add({ keys, write, bytes }: PendingCommand): void {
    this.#size++
    this.bytes += bytes
    for (const key of keys) {
      let holders = this.#uses.get(key)
      if (holders === undefined) {
        holders = { commands: 0, writes: 0 }
        this.#uses.set(key, holders)
      }
      holders.commands++
      if (write) holders.writes++
    }
  }

  /** Lets go of a command that was added. */
  delete({ keys, write, bytes }: PendingCommand): void {
    this.#size--
    this.bytes -= bytes
    for (const key of keys) {
      const holders = this.#uses.get(key)
      if (holders === undefined) continue
      if (write) holders.writes--
      if (--holders.commands === 0) this.#uses.delete(key)
    }
  }

  /**
   * Whether a command on this key would overtake one that is held.
   *
   * @param sees whether it writes, or would see that a held read has loaded something
   */
  blocks(key: string, sees: boolean): boolean {
    return this.#queuedKeys.has(key) || this.#isInUse(key, sees)
  }

  #isInUse(key: string, sees: boolean): boolean {
    const holders = this.#uses.get(key)
    return holders !== undefined && (sees || holders.writes !== 0)
  }
}
