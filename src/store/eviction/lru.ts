// Exact LRU: a list of all records in order of access.

import type { Arena, Ref } from '../arena.ts'
import type { EvictionPolicy } from './policy.ts'
import { RecordList } from './record-list.ts'

export class Lru implements EvictionPolicy {
  readonly usesBits: boolean = false
  readonly #list: RecordList

  constructor(arena: Arena) {
    this.#list = new RecordList(arena)
  }

  inserted(ref: Ref): void {
    this.#list.add(ref)
  }

  accessed(ref: Ref): void {
    const list = this.#list
    if (ref === list.newest) return
    list.remove(ref)
    list.add(ref)
  }

  removed(ref: Ref): void {
    this.#list.remove(ref)
  }

  evicted(): void {}

  moved(_from: Ref, to: Ref): void {
    this.#list.moved(to)
  }

  victim(except: Ref): Ref {
    return this.#list.oldestBut(except)
  }

  spare(ref: Ref): void {
    this.accessed(ref)
  }

  latest(): Ref {
    return this.#list.newest
  }

  clear(): void {
    this.#list.clear()
  }

  forget(): void {}

  forEach(visit: (ref: Ref) => void): void {
    this.#list.forEach(visit)
  }

  prefetch(ref: Ref): number {
    return this.#list.prefetch(ref)
  }

  release(to: RecordList): void {
    to.append(this.#list, true)
  }

  adopt(records: RecordList): void {
    this.#list.append(records, false)
  }

  adoptedBits(): number {
    return 0
  }
}
