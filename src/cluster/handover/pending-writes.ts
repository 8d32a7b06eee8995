// Pending writes to origins keep their slots from being released, so that no two nodes write the same key.

import type { Group } from '../../group/group.ts'
import type { Log } from '../log.ts'

/*
 * The origin does not know about slots. So a slot is released only when every pending write of its keys has ended, and
 * the next owner finds all of them at the origin. If a slot with pending writes is requested, this node keeps it, and
 * new writes of its keys wait (`Writes.pauseWrites`); the requester asks again soon, and the waiting writes then go to
 * the new owner. If other nodes took the slots because they had declared this node dead, its pending writes are
 * discarded, as if it had died: the other nodes may have written the same keys since.
 */

export class PendingWrites {
  readonly #groups: readonly Group[]
  readonly #log: Log
  #slots: ReadonlySet<number> = new Set()

  constructor(groups: readonly Group[], log: Log) {
    this.#groups = groups
    this.#log = log
  }

  /** Call before an ownership request is answered: finds the slots with pending writes. `take`: slots to release. */
  update(take: readonly number[]): void {
    if (this.#groups.every(({ writes }) => writes === undefined)) return
    const slots = new Set<number>()
    for (const { writes } of this.#groups) for (const slot of writes?.slots() ?? []) slots.add(slot)
    this.#slots = slots
    const wanted = take.filter((slot) => slots.has(slot))
    if (wanted.length > 0) for (const { writes } of this.#groups) writes?.pauseWrites(wanted)
  }

  /** Whether a slot had pending writes at the last `update`. */
  has(slot: number): boolean {
    return this.#slots.has(slot)
  }

  /** Other nodes own these slots now: their pending writes are discarded. */
  slotsLost(slots: ReadonlySet<number>): void {
    for (const { name, writes } of this.#groups) {
      const keys = writes?.slotsLost(slots) ?? 0
      if (keys === 0) continue
      const message = `group ${name}: ${keys} pending writes to the origin are lost: other nodes own these keys now`
      this.#log.warn({ group: name, lost: keys }, message)
    }
  }

  /** Pauses queued writes while this node may have been declared dead. */
  pause(isPaused: boolean): void {
    for (const { writes } of this.#groups) writes?.setPaused(isPaused)
  }
}
