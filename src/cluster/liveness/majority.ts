// Whether this node is with a majority of the members, and for how long it can rely on that (leases).
//
// LEASES. Every answer to a heartbeat grants the asker a lease: for a time, counted from when the heartbeat was sent,
// the answering member will not consider the asker dead. It grants none to a node that is not in its view. So while a
// node holds leases of a majority, no other majority has taken over its slots.
//
// MAJORITY OF WHAT. Of the members of the last agreed view; at first, of the member list. A view is agreed once all its
// members have adopted it, if they are a majority of those before. A view that this node has adopted counts as well,
// since others may have agreed on it, until this node sees a view agreed: it must be with a majority of each of these
// sets (as in joint consensus, Raft §6). So there are never two majorities that do not know of each other, whatever
// views were adopted in between.

export class Majority {
  readonly #self: string
  /** The first is the last one agreed. */
  #sets: ReadonlySet<string>[]
  #isInitial = true
  /** By name: when the lease of that member ends, ms of the clock. */
  readonly #leases = new Map<string, number>()
  /** See `until`; `undefined`: something has changed since. */
  #until: number | undefined

  constructor(self: string) {
    this.#self = self
    this.#sets = [new Set([self])]
  }

  /** Until when this node holds leases of a majority, ms of the clock. Computed when it is read: few nodes need it. */
  get until(): number {
    this.#until ??= Math.min(...this.#sets.map((set) => this.#untilOf(set)))
    return this.#until
  }

  /** Whether this node has agreed on a view with a majority since it was started. */
  get isAgreed(): boolean {
    return !this.#isInitial
  }

  /** The last agreed members, sorted. */
  get members(): string[] {
    return [...this.#sets[0]].sort()
  }

  /** The list of members: what counts until a first view is agreed. */
  listed(names: Iterable<string>): void {
    if (!this.#isInitial) return
    this.#sets = [new Set([this.#self, ...names])]
    this.#until = undefined
  }

  /** A member has granted a lease. */
  granted(name: string, until: number): void {
    this.#leases.set(name, until)
    this.#until = undefined
  }

  /** This node has a new view. The names are sorted. */
  viewAdopted(names: readonly string[]): void {
    const key = names.join()
    if (names.length === 0 || this.#sets.some((set) => [...set].sort().join() === key)) return
    this.#sets.push(new Set(names))
    this.#until = undefined
  }

  /**
   * All members of the view have the same one.
   *
   * @param leaving further members that are alive, and agree
   */
  viewAgreed(names: readonly string[], leaving: readonly string[]): void {
    const agreeing = new Set([...names, ...leaving, this.#self])
    if (names.length === 0 || !this.#sets.every((set) => isMajority(set, agreeing))) return
    this.#isInitial = false
    this.#sets = [new Set(names)]
    this.#until = undefined
  }

  /** Whether one of the last agreed members is not among these names. */
  misses(names: ReadonlySet<string>): boolean {
    return this.#sets.some((set) => [...set].some((name) => name !== this.#self && !names.has(name)))
  }

  /** Until when this node has leases of a majority of these members. Its own never ends. */
  #untilOf(set: ReadonlySet<string>): number {
    const ends = [...set].map((name) =>
      name === this.#self ? Number.POSITIVE_INFINITY : (this.#leases.get(name) ?? Number.NEGATIVE_INFINITY),
    )
    ends.sort((a, b) => b - a)
    return ends[Math.floor(set.size / 2)]
  }
}

function isMajority(set: ReadonlySet<string>, names: ReadonlySet<string>): boolean {
  let count = 0
  for (const name of set) if (names.has(name)) count++
  return count * 2 > set.size
}
