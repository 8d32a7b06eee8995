// Doubly linked lists of key ids, with the sizes of the keys: what the reference policies are made of.

/** The id of no key. */
export const NONE = -1

/** `lists` lists over the ids 0 to `distinct - 1`. A key is in one list at most. */
export class Lists {
  readonly #distinct: number
  readonly #newer: Int32Array
  readonly #older: Int32Array
  readonly #listOf: Int8Array
  readonly #sizeOf: Float64Array
  /** The sum of the sizes in each list. */
  readonly sizes: Float64Array

  constructor(distinct: number, lists: number) {
    this.#distinct = distinct
    // After the ids, each list has an element that is both before its newest and after its oldest.
    this.#newer = Int32Array.from({ length: distinct + lists }, (_, i) => i)
    this.#older = Int32Array.from({ length: distinct + lists }, (_, i) => i)
    this.#listOf = new Int8Array(distinct).fill(NONE)
    this.#sizeOf = new Float64Array(distinct)
    this.sizes = new Float64Array(lists)
  }

  /** The list of a key; `NONE`: it is in none. */
  listOf(id: number): number {
    return this.#listOf[id]
  }

  sizeOf(id: number): number {
    return this.#sizeOf[id]
  }

  /** Adds a key as the newest of a list. */
  add(list: number, id: number, size: number): void {
    const end = this.#distinct + list
    const second = this.#older[end]
    this.#older[end] = id
    this.#newer[id] = end
    this.#older[id] = second
    this.#newer[second] = id
    this.#listOf[id] = list
    this.#sizeOf[id] = size
    this.sizes[list] += size
  }

  remove(id: number): void {
    const newer = this.#newer[id]
    const older = this.#older[id]
    this.#older[newer] = older
    this.#newer[older] = newer
    this.sizes[this.#listOf[id]] -= this.#sizeOf[id]
    this.#listOf[id] = NONE
  }

  /** Makes a key the newest of a list, whichever it is in. */
  move(id: number, list: number): void {
    const size = this.#sizeOf[id]
    this.remove(id)
    this.add(list, id, size)
  }

  /** The oldest of a list, or `NONE`. */
  oldest(list: number): number {
    const id = this.#newer[this.#distinct + list]
    return id < this.#distinct ? id : NONE
  }

  /** The next newer key of the same list, or `NONE`. */
  newerThan(id: number): number {
    const newer = this.#newer[id]
    return newer < this.#distinct ? newer : NONE
  }
}
