// The links to owners that hot copies came over, by number: a link that breaks takes all its copies with it.

export class OwnerLinks {
  #next = 1
  readonly #ofOwner = new Map<string, number>()
  readonly #valid = new Set<number>()

  /** Whether no number is valid. */
  get isEmpty(): boolean {
    return this.#valid.size === 0
  }

  isValid(link: number): boolean {
    return this.#valid.has(link)
  }

  /** The number of the current link to an owner. */
  to(owner: string): number {
    const known = this.#ofOwner.get(owner)
    if (known !== undefined) return known
    const link = this.#next++
    this.#ofOwner.set(owner, link)
    this.#valid.add(link)
    return link
  }

  /** The link to an owner broke. Returns its number; `undefined`: no copy came over it. */
  drop(owner: string): number | undefined {
    const link = this.#ofOwner.get(owner)
    if (link === undefined) return undefined
    this.#ofOwner.delete(owner)
    this.#valid.delete(link)
    return link
  }

  clear(): void {
    this.#ofOwner.clear()
    this.#valid.clear()
  }
}
