// The offline optimum for entries of equal size: evict what is asked for again last of all (Belady, 1966).

/** The hits that a cache of `capacity` entries can have at most, when each miss is stored. */
export function optimalHits(ids: Uint32Array, distinct: number, capacity: number): number {
  const accesses = ids.length
  // Position of the next access of the same key. A key that is not asked for again has one of its own behind the end.
  const next = new Int32Array(accesses)
  const seenAt = new Int32Array(distinct).fill(-1)
  for (let i = accesses - 1; i >= 0; i--) {
    const later = seenAt[ids[i]]
    next[i] = later < 0 ? accesses + i : later
    seenAt[ids[i]] = i
  }
  // By key: the next position, -1 if it is not stored. The heap also has positions that are past; those are skipped.
  const stored = new Int32Array(distinct).fill(-1)
  const heap = new MaxHeap()
  let size = 0
  let hits = 0
  for (let i = 0; i < accesses; i++) {
    const id = ids[i]
    if (stored[id] >= 0) hits++
    else if (size < capacity) size++
    else evict()
    stored[id] = next[i]
    heap.push(next[i])
  }
  return hits

  function evict(): void {
    for (;;) {
      const position = heap.pop()
      const id = ids[position < accesses ? position : position - accesses]
      if (stored[id] !== position) continue
      stored[id] = -1
      return
    }
  }
}

class MaxHeap {
  #values = new Int32Array(1024)
  #size = 0

  push(value: number): void {
    if (this.#size === this.#values.length) {
      const larger = new Int32Array(this.#size * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    const values = this.#values
    let at = this.#size++
    for (let parent = (at - 1) >> 1; at > 0 && values[parent] < value; parent = (at - 1) >> 1) {
      values[at] = values[parent]
      at = parent
    }
    values[at] = value
  }

  /** Removes the largest. The heap is not empty. */
  pop(): number {
    const values = this.#values
    const largest = values[0]
    const last = values[--this.#size]
    let at = 0
    for (let child = 1; child < this.#size; child = 2 * at + 1) {
      if (child + 1 < this.#size && values[child + 1] > values[child]) child++
      if (values[child] <= last) break
      values[at] = values[child]
      at = child
    }
    values[at] = last
    return largest
  }
}
