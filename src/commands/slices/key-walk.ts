// Walks over the keys of a group: at once if they are few, otherwise in slices.

import type { ReplyWriter } from '../../resp/reply.ts'
import type { Ref } from '../../store/arena.ts'
import type { Records } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'
import { runInSlices } from './sliced.ts'

/** Entries visited in a step. */
const STEP = 1000
/** A walk over at most this many entries is not sliced: it takes a few milliseconds. */
const MAX_AT_ONCE = 10_000

export interface KeyWalk {
  /** Where it begins; 0: at the first key. */
  readonly cursor?: number
  /** After how many entries it ends; by default it visits all. */
  readonly limit?: number
  /** Called for each key that has a value. False: no more keys are needed. */
  visit(ref: Ref): boolean
  /** Called after a number of keys: the references become invalid. */
  endStep?(): void
  /** Called with what `endStep` has written. */
  keep?(written: Buffer): void
  /** Writes the reply. `next` is the cursor where the walk has ended; 0: at the end. */
  answer(next: number): void
}

/**
 * Visits the keys of the context's group. Keys may change during the walk: one that is there from its beginning to its
 * end is visited exactly once, and none twice, since the keys are visited in the order of their hashes.
 */
export function walkKeys(c: Context, walk: KeyWalk): void {
  // A walk continues in the same store: SWAPDB may exchange the stores of the groups meanwhile.
  const { keyspace } = c.store
  let next = walk.cursor ?? 0
  let left = walk.limit ?? Number.POSITIVE_INFINITY
  let goesOn = true
  const visit = (ref: Ref): void => {
    if (goesOn) goesOn = walk.visit(ref)
  }
  const step = (): boolean => {
    next = keyspace.scan(next, Math.min(left, STEP), visit)
    left -= STEP
    return next === 0 || left <= 0 || !goesOn
  }
  if (Math.min(left, keyspace.entries) > MAX_AT_ONCE && !c.inTransaction) {
    const sliced = {
      step(): boolean {
        const isOver = step()
        walk.endStep?.()
        return isOver
      },
      keep: walk.keep?.bind(walk),
      answer: () => walk.answer(next),
    }
    runInSlices(c, sliced)
    return
  }
  while (!step());
  walk.answer(next)
}

/** The list of keys that a walk replies with. */
export class KeyList {
  readonly #reply: ReplyWriter
  readonly #records: Records
  #count = 0
  /** Keys that are not written yet. */
  #refs: Ref[] = []
  readonly #written: Buffer[] = []

  constructor({ reply, store }: Context) {
    this.#reply = reply
    this.#records = store.records
  }

  add(ref: Ref): void {
    this.#refs.push(ref)
    this.#count++
  }

  /** Writes the keys of a step: their references become invalid. */
  write(): void {
    const records = this.#records
    for (const ref of this.#refs) {
      records.locateKey(ref)
      this.#reply.bulk(records.bytes, records.keyFrom, records.keyTo, records.view)
    }
    this.#refs.length = 0
  }

  /** Takes the keys that a slice has written. */
  keep(written: Buffer): void {
    this.#written.push(written)
  }

  /** Writes the whole list. */
  answer(): void {
    this.#reply.array(this.#count)
    for (const bytes of this.#written) this.#reply.own(bytes)
    this.write()
  }
}
