// Collects the slots that this node has gained and lost, by the member that has or gets their entries, until the
// listeners are notified; and whether slots of other members have moved.

export interface ChangeEvents {
  /** This node now owns these slots. `from` hands their entries over; `undefined`: there are none. */
  readonly gained: (slots: readonly number[], from: string | undefined) => void
  /** This node no longer owns these slots. `to` receives their entries; `undefined`: they are dropped. */
  readonly lost: (slots: readonly number[], to: string | undefined) => void
  /** The known owner of some slots has changed from one other member to another. */
  readonly moved: () => void
}

export class SlotChanges {
  readonly #events: ChangeEvents
  readonly #gains = new Map<string | undefined, number[]>()
  readonly #losses = new Map<string | undefined, number[]>()
  #hasMoved = false

  constructor(events: ChangeEvents) {
    this.#events = events
  }

  gained(slot: number, from: string | undefined): void {
    add(this.#gains, from, slot)
  }

  lost(slot: number, to: string | undefined): void {
    add(this.#losses, to, slot)
  }

  moved(): void {
    this.#hasMoved = true
  }

  /** Calls `lost`, `gained` and `moved`. All tables must be updated. */
  notify(): void {
    const losses = [...this.#losses]
    const gains = [...this.#gains]
    this.#losses.clear()
    this.#gains.clear()
    for (const [to, slots] of losses) this.#events.lost(slots, to)
    for (const [from, slots] of gains) this.#events.gained(slots, from)
    if (this.#hasMoved) this.#events.moved()
    this.#hasMoved = false
  }
}

function add(lists: Map<string | undefined, number[]>, name: string | undefined, slot: number): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [slot])
  else list.push(slot)
}
