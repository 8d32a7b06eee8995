// Per-key write order: writes of one key run one after another, and wait while their slot is being released.

import type { Timers } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'
import { ShortLivedMap } from '../../bytes/short-lived.ts'

interface SlotPause {
  readonly ended: Promise<void>
  readonly end: () => void
}

export class WriteOrder {
  /** By key: a promise that resolves when the last write in its queue has ended. */
  readonly #tails = new ShortLivedMap<string, Promise<void>>()
  /** By slot: new writes of its keys wait until this pause ends. */
  readonly #pauses = new Map<number, SlotPause>()

  /** Keys with a running or queued write, as latin1; not those that wait for a pause to end. */
  get names(): Iterable<string> {
    return this.#tails.keys()
  }

  /** Whether a write of the key, given as latin1, runs or is queued. */
  isLocked(name: string): boolean {
    return this.#tails.has(name)
  }

  /** Whether a write of one of these keys would have to wait. */
  areBusy(writes: readonly { readonly key: Buffer }[]): boolean {
    if (this.#tails.size === 0 && this.#pauses.size === 0) return false
    return writes.some(
      ({ key }) => this.#tails.has(key.toString('latin1')) || this.#pauseOf([key]) !== undefined,
    )
  }

  /** Runs a function while no other write of these keys runs, in the order of the calls. */
  async exclusive<T>(keys: readonly Buffer[], run: () => Promise<T>): Promise<T> {
    for (let pause = this.#pauseOf(keys); pause !== undefined; pause = this.#pauseOf(keys)) await pause.ended
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
      // Always asynchronous: `run` is never called within this call.
      await (before.length > 0 ? Promise.all(before) : undefined)
      return await run()
    } finally {
      for (const name of names) if (this.#tails.get(name) === turn) this.#tails.delete(name)
      end()
    }
  }

  /** New writes of keys in these slots wait until `unpause`, or until `ms` have passed. */
  pause(slots: readonly number[], ms: number, timers: Timers): void {
    const begun = slots.filter((slot) => !this.#pauses.has(slot)).map((slot) => [slot, newPause()] as const)
    if (begun.length === 0) return
    for (const [slot, pause] of begun) this.#pauses.set(slot, pause)
    timers.after(ms, () =>
      this.unpause(begun.filter(([slot, pause]) => this.#pauses.get(slot) === pause).map(first)),
    )
  }

  unpause(slots: readonly number[]): void {
    for (const slot of this.#pauses.size === 0 ? [] : slots) {
      const pause = this.#pauses.get(slot)
      this.#pauses.delete(slot)
      pause?.end()
    }
  }

  #pauseOf(keys: readonly Buffer[]): SlotPause | undefined {
    if (this.#pauses.size === 0) return undefined
    for (const key of keys) {
      const pause = this.#pauses.get(keySlot(key, 0, key.length))
      if (pause !== undefined) return pause
    }
    return undefined
  }
}

function newPause(): SlotPause {
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { ended, end }
}

function first<T>(pair: readonly [T, unknown]): T {
  return pair[0]
}
