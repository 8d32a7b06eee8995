// The commands of one connection that wait for loads, and later commands that wait for them.

import { ShortLivedMap } from '../../../bytes/short-lived.ts'

/** A command that waits for its loads. */
export interface PendingCommand {
  readonly write: boolean
  /** Names of its keys. */
  readonly keys: readonly string[]
  /** Of its arguments. */
  readonly bytes: number
}

/** How many pending commands use a key, and how many of them write it. */
interface KeyUse {
  commands: number
  writes: number
}

/** A command that waits for an earlier one with the same key; later commands may run meanwhile. */
export interface QueuedCommand {
  readonly keys: readonly string[]
  readonly bytes: number
  /** `conflictsWithReads` of `PendingCommands.blocks`. */
  readonly conflictsWithReads: boolean
  readonly run: () => void
}

export class PendingCommands {
  /** Bytes of all their arguments. */
  bytes = 0
  /** A command runs in slices, or may change the session: every later command of the connection has to wait for it. */
  isExclusive = false
  #size = 0
  #queued: QueuedCommand[] = []
  #isRunningQueued = false
  #mustRunAgain = false
  /** By key: the number of queued commands that use it. */
  readonly #queuedKeys = new ShortLivedMap<string, number>()
  /** By key, since thousands of commands may be pending and each later one looks its keys up. */
  readonly #uses = new ShortLivedMap<string, KeyUse>()

  get size(): number {
    return this.#size + this.#queued.length + (this.isExclusive ? 1 : 0)
  }

  /** Queues a command until no earlier one uses its keys. */
  enqueue(command: QueuedCommand): void {
    this.#queued.push(command)
    this.bytes += command.bytes
    for (const key of command.keys) this.#queuedKeys.set(key, (this.#queuedKeys.get(key) ?? 0) + 1)
  }

  /** Runs, in order, the queued commands that no earlier command blocks any more. */
  runQueued(): void {
    if (this.#isRunningQueued) {
      this.#mustRunAgain = true
      return
    }
    this.#isRunningQueued = true
    do {
      this.#mustRunAgain = false
      this.#runUnblocked()
    } while (this.#mustRunAgain)
    this.#isRunningQueued = false
  }

  #runUnblocked(): void {
    const queued = this.#queued
    if (queued.length === 0) return
    const ahead = new Set<string>()
    // A command that runs may become pending, and then blocks those after it.
    this.#queued = queued.filter(({ keys, bytes, conflictsWithReads, run }) => {
      if (keys.some((key) => ahead.has(key) || this.#isInUse(key, conflictsWithReads))) {
        for (const key of keys) ahead.add(key)
        return true
      }
      for (const key of keys) this.#dequeueKey(key)
      this.bytes -= bytes
      run()
      return false
    })
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
      let use = this.#uses.get(key)
      if (use === undefined) {
        use = { commands: 0, writes: 0 }
        this.#uses.set(key, use)
      }
      use.commands++
      if (write) use.writes++
    }
  }

  /** Removes a command that was added. */
  delete({ keys, write, bytes }: PendingCommand): void {
    this.#size--
    this.bytes -= bytes
    for (const key of keys) {
      const use = this.#uses.get(key)
      if (use === undefined) continue
      if (write) use.writes--
      if (--use.commands === 0) this.#uses.delete(key)
    }
  }

  /**
   * Whether a command on this key has to wait for a pending or queued one.
   *
   * @param conflictsWithReads whether it writes, or its reply depends on what a pending read loads
   */
  blocks(key: string, conflictsWithReads: boolean): boolean {
    return this.#queuedKeys.has(key) || this.#isInUse(key, conflictsWithReads)
  }

  #isInUse(key: string, conflictsWithReads: boolean): boolean {
    const use = this.#uses.get(key)
    return use !== undefined && (conflictsWithReads || use.writes !== 0)
  }
}
