// Three queues of records that work as LRU, as S3-FIFO or as W-TinyLFU, and switch between these in constant time.
//
// W-TinyLFU: Einziger, Eytan, Friedman, Manes: "Adaptive Software Cache Management", Middleware 2018.

import type { Hash } from '../../bytes/hash.ts'
import { type Arena, NULL_REF, type Ref } from '../arena.ts'
import { POLICY_BITS_SHIFT } from '../record.ts'
import { GhostKeys } from './ghost.ts'
import type { EvictionContext, EvictionPolicy } from './policy.ts'
import { RecordList } from './record-list.ts'
import { GHOST_SHARE, MAX_MOVES, SMALL_SHARE } from './s3-fifo.ts'
import { FrequencySketch } from './sketch.ts'

/*
 *               lru                        s3-fifo                  w-tinylfu
 *   entrance    leftover: evicted first    small queue, 10 %        window, 1 %: LRU
 *   main        all, in order of access    main queue               probation: LRU
 *   protected   leftover: moved to main    leftover: moved to main  read again in main, 80 %: LRU
 *
 * Leftover records are those that another mode has put into the queue. W-TinyLFU: the oldest record of the window
 * competes with the oldest one of probation; the one whose key was accessed more often recently stays.
 */

export const Mode = { LRU: 0, S3_FIFO: 1, W_TINY_LFU: 2 } as const
export type Mode = (typeof Mode)[keyof typeof Mode]

/**
 * Three bits of a record are its state: 0 to 3, in main with so many hits; 4 to 6, in the entrance with 0 to 2; 7, in
 * the protected queue. The fourth is for subclasses.
 */
const BITS_WORD = 1
const STATE = 7 << POLICY_BITS_SHIFT
const ONE_HIT = 1 << POLICY_BITS_SHIFT
const MAIN = 0
const MAIN_MAX = 3 << POLICY_BITS_SHIFT
const ENTRANCE = 4 << POLICY_BITS_SHIFT
const ENTRANCE_MAX = 6 << POLICY_BITS_SHIFT
const PROTECTED = STATE
export const FREE_BIT: number = 8 << POLICY_BITS_SHIFT

/** Parts of all units. */
const WINDOW_SHARE = 0.01
const PROTECTED_SHARE = 0.8 * (1 - WINDOW_SHARE)
/** Records that one access moves from a queue above its share to the next one. */
const MAX_DEMOTED = 2

export class Queues implements EvictionPolicy {
  readonly usesBits: boolean = true
  protected readonly context: EvictionContext
  protected readonly sketch: FrequencySketch
  /** Whether accesses are counted in the sketch. */
  protected counts: boolean
  /** Whether records that another mode has left in the entrance become the oldest ones in W-TinyLFU. */
  protected drainsToOldest = false
  #mode: Mode
  readonly #arena: Arena
  readonly #entrance: RecordList
  readonly #main: RecordList
  readonly #protected: RecordList
  readonly #ghost: GhostKeys
  #entranceUnits = 0
  #protectedUnits = 0
  /** Whether a record was evicted for the one that is inserted next. */
  #isFull = false
  #latest = NULL_REF

  constructor(context: EvictionContext, mode: Mode) {
    const { arena, memory } = context
    this.context = context
    this.#arena = arena
    this.#mode = mode
    this.counts = mode === Mode.W_TINY_LFU
    this.sketch = new FrequencySketch(memory)
    this.#ghost = new GhostKeys(memory)
    this.#entrance = new RecordList(arena)
    this.#main = new RecordList(arena)
    this.#protected = new RecordList(arena)
  }

  get mode(): Mode {
    return this.#mode
  }

  /** All records stay where they are. */
  protected changeMode(mode: Mode): void {
    this.#mode = mode
  }

  inserted(ref: Ref, hash: Hash, before: number): void {
    this.#latest = ref
    const records = this.context.count()
    // Resized only here, where the store evicts for it: an access must not allocate. While it is not used, it shrinks.
    this.sketch.resizeFor(this.counts ? records : 0)
    if (this.counts) this.sketch.add(hash, records)
    const wasSeen = this.#ghost.take(hash)
    this.#ghost.resize()
    if (this.#mode !== Mode.W_TINY_LFU) this.#drainProtected()
    if (before >= 0) this.#enter(ref, hitState(before & STATE))
    else if (this.#mode === Mode.LRU || (this.#mode === Mode.S3_FIFO && wasSeen)) this.#enter(ref, MAIN)
    else this.#enter(ref, ENTRANCE)
    if (this.#mode === Mode.W_TINY_LFU) this.#drainWindow(ref)
    this.#isFull = false
  }

  accessed(ref: Ref): void {
    this.#latest = ref
    if (this.counts) this.sketch.add(this.context.hashOf(ref), this.context.count())
    const state = this.#state(ref)
    if (this.#mode === Mode.S3_FIFO) {
      const next = hitState(state)
      if (next !== state) this.#setState(ref, next)
      return
    }
    this.#leave(ref, state)
    if (this.#mode === Mode.LRU) this.#enter(ref, state <= MAIN_MAX ? hitState(state) : ONE_HIT)
    else if (state >= ENTRANCE && state <= ENTRANCE_MAX) this.#enter(ref, hitState(state))
    else {
      this.#enter(ref, PROTECTED)
      const most = this.context.units() * PROTECTED_SHARE
      for (let i = 0; i < MAX_DEMOTED && this.#protectedUnits > most; i++) this.#drainProtected()
    }
  }

  removed(ref: Ref): void {
    if (ref === this.#latest) this.#latest = NULL_REF
    this.#leave(ref, this.#state(ref))
  }

  evicted(ref: Ref, hash: Hash): void {
    this.#isFull = true
    // S3-FIFO remembers keys evicted from its small queue. In other modes all evicted keys are remembered for it.
    if (this.#mode !== Mode.S3_FIFO || this.#state(ref) >= ENTRANCE)
      this.#ghost.add(hash, this.context.count() * GHOST_SHARE)
  }

  moved(from: Ref, to: Ref, growth: number): void {
    if (from === this.#latest) this.#latest = to
    const state = this.#state(to)
    this.#listOf(state).moved(to)
    this.#countUnits(state, growth)
  }

  victim(except: Ref): Ref {
    switch (this.#mode) {
      case Mode.LRU:
        return (
          this.#entrance.oldestBut(except) ||
          this.#main.oldestBut(except) ||
          this.#protected.oldestBut(except)
        )
      case Mode.S3_FIFO:
        return this.#s3Victim(except)
      default:
        return this.#tinyLfuVictim(except)
    }
  }

  spare(ref: Ref): void {
    const list = this.#listOf(this.#state(ref))
    list.remove(ref)
    list.add(ref)
  }

  latest(): Ref {
    return this.#latest
  }

  clear(): void {
    this.#entrance.clear()
    this.#main.clear()
    this.#protected.clear()
    this.#entranceUnits = 0
    this.#protectedUnits = 0
    this.#isFull = false
    this.#latest = NULL_REF
    this.forget()
  }

  forget(): void {
    this.#ghost.clear()
    this.sketch.clear()
  }

  forEach(visit: (ref: Ref) => void): void {
    this.#protected.forEach(visit)
    this.#main.forEach(visit)
    this.#entrance.forEach(visit)
  }

  prefetch(ref: Ref): number {
    return this.#mode === Mode.S3_FIFO ? 0 : this.#main.prefetch(ref)
  }

  prepareRelease(): boolean {
    return true
  }

  release(to: RecordList): void {
    to.append(this.#entrance, true)
    to.append(this.#main, true)
    to.append(this.#protected, true)
    this.clear()
  }

  adopt(records: RecordList): void {
    this.#main.append(records, false)
  }

  adoptedBits(_hash: Hash): number {
    return MAIN
  }

  #s3Victim(except: Ref): Ref {
    const entrance = this.#entrance
    const main = this.#main
    const { count, units } = this.context
    // Including the record that is about to be inserted, of average size.
    const share = units() * SMALL_SHARE - units() / count()
    for (let moves = 0; ; moves++) {
      let ref = main.oldestBut(except)
      const isSmall = ref === NULL_REF || this.#entranceUnits >= share
      if (isSmall) {
        const next = entrance.oldestBut(except)
        if (next === NULL_REF) return ref || this.#protected.oldestBut(except)
        ref = next
      }
      const state = this.#state(ref)
      if (moves === MAX_MOVES || state === (isSmall ? ENTRANCE : MAIN) || state === ENTRANCE + ONE_HIT)
        return ref
      this.#leave(ref, state)
      this.#enter(ref, isSmall ? MAIN : state - ONE_HIT)
    }
  }

  #tinyLfuVictim(except: Ref): Ref {
    const { context, sketch } = this
    const candidate = this.#entrance.oldestBut(except)
    const oldest = this.#main.oldestBut(except) || this.#protected.oldestBut(except)
    if (candidate === NULL_REF || oldest === NULL_REF) return candidate || oldest
    if (this.#entranceUnits < context.units() * WINDOW_SHARE) return oldest
    if (sketch.frequency(context.hashOf(candidate)) <= sketch.frequency(context.hashOf(oldest)))
      return candidate
    this.#leave(candidate, this.#state(candidate))
    this.#enter(candidate, MAIN)
    return oldest
  }

  /** The oldest protected record goes to the main queue. */
  #drainProtected(): void {
    const ref = this.#protected.oldest
    if (ref === NULL_REF) return
    this.#leave(ref, PROTECTED)
    this.#enter(ref, ONE_HIT)
  }

  /**
   * Moves records from the window to main. While main has room, or for records that another mode has left there, they
   * do not have to compete.
   */
  #drainWindow(except: Ref): void {
    const { count, units } = this.context
    const most = units() * WINDOW_SHARE + (this.#isFull ? (2 * units()) / count() : 0)
    for (let i = 0; i < MAX_DEMOTED && this.#entranceUnits > most; i++) {
      const ref = this.#entrance.oldestBut(except)
      if (ref === NULL_REF) return
      this.#leave(ref, this.#state(ref))
      if (this.#isFull && this.drainsToOldest) {
        this.#setState(ref, MAIN)
        this.#main.addOldest(ref)
      } else this.#enter(ref, MAIN)
    }
  }

  #enter(ref: Ref, state: number): void {
    this.#setState(ref, state)
    this.#listOf(state).add(ref)
    this.#countUnits(state, this.#arena.units(ref))
  }

  #leave(ref: Ref, state: number): void {
    this.#listOf(state).remove(ref)
    this.#countUnits(state, -this.#arena.units(ref))
  }

  #listOf(state: number): RecordList {
    return state < ENTRANCE ? this.#main : state < PROTECTED ? this.#entrance : this.#protected
  }

  #countUnits(state: number, units: number): void {
    if (state >= PROTECTED) this.#protectedUnits += units
    else if (state >= ENTRANCE) this.#entranceUnits += units
  }

  #state(ref: Ref): number {
    const arena = this.#arena
    return arena.words[ref >>> arena.shift][((ref & arena.unitMask) << 1) + BITS_WORD] & STATE
  }

  #setState(ref: Ref, state: number): void {
    const arena = this.#arena
    const words = arena.words[ref >>> arena.shift]
    const at = ((ref & arena.unitMask) << 1) + BITS_WORD
    words[at] = (words[at] & ~STATE) | state
  }
}

/** The state after one more hit, in the same queue. */
function hitState(state: number): number {
  return state === MAIN_MAX || state >= ENTRANCE_MAX ? state : state + ONE_HIT
}
