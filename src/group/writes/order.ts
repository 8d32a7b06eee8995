// The order of writes: one at a time has a key, and for a while none has those of slots that are about to go elsewhere.

import type { Timers } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'

interface SlotPause {
  readonly opened: Promise<void>
  readonly open: () => void
}

export class WriteOrder {
  /** By key: ends when the last of those that want it alone has had it. */
  readonly #tails = new Map<string, Promise<void>>()
  /** By slot: what those wait for that want one of its keys and have no turn yet. */
  readonly #pauses = new Map<number, SlotPause>()

  /** The keys that somebody has or waits for, as latin1; not those behind a gate. */
  get names(): Iterable<string> {
    return this.#tails.keys()
  }

  /** Whether somebody has the key, which is given as latin1. */
  isLocked(name: string): boolean {
    return this.#tails.has(name)
  }

  /** Whether somebody has one of these keys, or a gate is before it. */
  areBusy(writes: readonly { readonly key: Buffer }[]): boolean {
    if (this.#tails.size === 0 && this.#pauses.size === 0) return false
    return writes.some(
      ({ key }) => this.#tails.has(key.toString('latin1')) || this.#pauseOf([key]) !== undefined,
    )
  }

  /** Runs something while nobody else has one of these keys, in the order of the calls. */
  async exclusive<T>(keys: readonly Buffer[], run: () => Promise<T>): Promise<T> {
    for (let gate = this.#pauseOf(keys); gate !== undefined; gate = this.#pauseOf(keys)) await gate.opened
    const names = new Set(keys.map((key) => key.toString('latin1')))
    const before: Promise<void>[] = []
    let end = (): void => undefined
    const turn = new Promise<void>((resolve) => {
      end = resolve
    })
    for (const name of names) {
      const last = this.#tails.get(name)
      if (last !== undefined) before.push(last)
      this.#tails.set(name, turn)
    }
    try {
      // In any case later: nothing runs within the call.
      await (before.length > 0 ? Promise.all(before) : undefined)
      return await run()
    } finally {
      for (const name of names) if (this.#tails.get(name) === turn) this.#tails.delete(name)
      end()
    }
  }

  /** Lets nobody have a key of these slots who has no turn yet, until they are opened or so many ms are over. */
  pause(slots: readonly number[], ms: number, timers: Timers): void {
    const shut = slots.filter((slot) => !this.#pauses.has(slot)).map((slot) => [slot, newPause()] as const)
    if (shut.length === 0) return
    for (const [slot, gate] of shut) this.#pauses.set(slot, gate)
    timers.after(ms, () =>
      this.unpause(shut.filter(([slot, gate]) => this.#pauses.get(slot) === gate).map(first)),
    )
  }

  unpause(slots: readonly number[]): void {
    for (const slot of this.#pauses.size === 0 ? [] : slots) {
      const gate = this.#pauses.get(slot)
      this.#pauses.delete(slot)
      gate?.open()
    }
  }

  #pauseOf(keys: readonly Buffer[]): SlotPause | undefined {
    if (this.#pauses.size === 0) return undefined
    for (const key of keys) {
      const gate = this.#pauses.get(keySlot(key, 0, key.length))
      if (gate !== undefined) return gate
    }
    return undefined
  }
}

function newPause(): SlotPause {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

function first<T>(pair: readonly [T, unknown]): T {
  return pair[0]
}
