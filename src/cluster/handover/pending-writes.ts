// Writes on their way to origins: while there are some, their slots stay, so that no two nodes write the same key.

import type { Group } from '../../group/group.ts'
import type { Log } from '../log.ts'

/*
 * The origin and the next owner know nothing of each other. So a slot changes hands when every write of its keys has
 * ended, and the new owner finds all of them at the origin. Asked for a slot in which something is being written, this
 * node keeps it and is soon asked again; meanwhile new writes of the slot wait (`Writes.giveWay`), and go to the new
 * owner when it has the slot. Where others took the slots because they held this node for dead, what it had not written
 * yet is lost, as if it had died: they may have written the same keys since.
 */

export class PendingWrites {
  readonly #groups: readonly Group[]
  readonly #log: Log
  #slots: ReadonlySet<number> = new Set()

  constructor(groups: readonly Group[], log: Log) {
    this.#groups = groups.filter(({ writes }) => writes !== undefined)
    this.#log = log
  }

  /** Before another node's claim is answered: looks what is on its way now. `take`: what this node is to give up. */
  update(take: readonly number[]): void {
    if (this.#groups.length === 0) return
    const slots = new Set<number>()
    for (const { writes } of this.#groups) for (const slot of writes?.slots() ?? []) slots.add(slot)
    this.#slots = slots
    const wanted = take.filter((slot) => slots.has(slot))
    if (wanted.length > 0) for (const { writes } of this.#groups) writes?.pauseWrites(wanted)
  }

  /** Whether something of a slot was on its way when this was looked at last. */
  has(slot: number): boolean {
    return this.#slots.has(slot)
  }

  /** Others own these slots now. */
  slotsLost(slots: ReadonlySet<number>): void {
    for (const { name, writes } of this.#groups) {
      const keys = writes?.slotsLost(slots) ?? 0
      if (keys === 0) continue
      const message = `group ${name}: others own ${keys} keys that were not written to the origin yet: these writes are lost`
      this.#log.warn({ group: name, lost: keys }, message)
    }
  }

  /** While this node may have been replaced, it begins to write nothing that waits. */
  pause(isHeld: boolean): void {
    for (const { writes } of this.#groups) writes?.setPaused(isHeld)
  }
}
