// Puts the records of a store in the order of their stamps, in steps, while the store is used.

import { type Arena, NULL_REF, OWNER_SHIFT, type Ref } from '../../arena.ts'
import type { EvictionContext } from '../policy.ts'
import { RecordList } from '../record-list.ts'
import { Buckets, sampleSize } from './buckets.ts'
import { oldestOfSome, sampleAges } from './sample.ts'
import { Sorter } from './sorter.ts'
import { placeOf, setPlace, stampOf, UNLISTED } from './stamps.ts'

/*
 * First a scan of the arena collects all records in buckets by the age of their stamps. The ages that divide the buckets
 * are those of a sample, so that a bucket has few records. Then each bucket is sorted, the oldest first, and its records
 * are added to a list. What is accessed or inserted meanwhile goes to the end of a second list at once:
 *
 *   oldest                                                                            newest
 *   | list of those in order  ◀──  bucket | bucket | …  ◀──  not collected yet |  list of those accessed meanwhile |
 *
 * A record is
 * - not collected: its second word is `UNLISTED`
 * - collected: its second word is a place, and the record is at that place
 * - in a list: its words are links, and no place has the record, even if a link looks like its number.
 *
 * The arena is read in order of address, which takes a tenth of the time of a walk over the index: the processor loads
 * the next records by itself. A record that moves meanwhile, to behind the scan perhaps, is collected as it moves.
 */

/** The type bits of word 0: they are 0 in a page of a collection. */
const TYPE_BITS = 7 << OWNER_SHIFT
/** Blocks of the arena that are looked at together. */
const LOOKED = 64
/** Work that is done together, since a call costs something. */
const STEP = 256
/** Steps of this size visit the range of hashes evenly. */
const GOLDEN = 0x9e3779b1

export class Ordering {
  /**
   * Work is measured in records that are collected, sorted or added to the list. So much for each access and insertion: if
   * it begins when three quarters of the budget are in use, it ends before nine tenths are.
   */
  static readonly WORK_PER_ACCESS = 16
  /** For one victim: about 1 ms. */
  static readonly MOST_WORK: number = 2 ** 15

  readonly #context: EvictionContext
  readonly #arena: Arena
  readonly #buckets: Buckets
  readonly #now: number
  readonly #older: RecordList
  readonly #newer: RecordList
  #isCollecting = true
  /** The opened bucket: the places of its records in order, and how many of them were added to the list. */
  #bucket = -1
  readonly #sorter = new Sorter()
  #at = 0
  #length = 0
  #owed = 0
  #sampleFrom = 0
  readonly #looked = new Int32Array(LOOKED)

  /** @param now the last stamp */
  constructor(context: EvictionContext, now: number) {
    this.#context = context
    this.#arena = context.arena
    this.#now = now
    this.#older = new RecordList(context.arena)
    this.#newer = new RecordList(context.arena)
    const records = context.count()
    this.#buckets = new Buckets(sampleAges(context, now, sampleSize(records)), records, context.memory)
    this.#arena.beginScan()
  }

  accessed(ref: Ref): void {
    this.removed(ref)
    this.#newer.add(ref)
  }

  removed(ref: Ref): void {
    const place = placeOf(this.#arena, ref)
    if (place === UNLISTED) return
    if (this.#buckets.get(place) === ref) this.#buckets.set(place, NULL_REF)
    else this.#listOf(ref).remove(ref)
  }

  /** A record is in another block, its words included. */
  moved(from: Ref, to: Ref): void {
    const place = placeOf(this.#arena, to)
    if (place === UNLISTED) {
      if (this.#isCollecting) this.#collect(to)
    } else if (this.#buckets.get(place) === from) this.#buckets.set(place, to)
    else this.#listOf(from).moved(to)
  }

  /** The oldest record but `except`, as far as it is known: before the first bucket is in order the oldest of a sample. */
  oldestBut(except: Ref): Ref {
    const known = this.#older.oldestBut(except)
    if (known !== NULL_REF) return known
    this.#sampleFrom = (this.#sampleFrom + GOLDEN) >>> 0
    const isStamped = (ref: Ref): boolean => ref !== except && this.#isStamped(ref)
    return (
      oldestOfSome(this.#context, this.#now, this.#sampleFrom, isStamped) || this.#newer.oldestBut(except)
    )
  }

  /** Does so much work. True: all records are in order. */
  run(work: number): boolean {
    this.#owed += work
    while (this.#owed >= STEP) {
      if (this.#isCollecting) this.#goOnCollecting()
      else if (this.#at < this.#length) this.#goOnListing()
      else if (!this.#openBucket()) return true
    }
    return false
  }

  /** When all records are in order: adds them to a list. */
  release(to: RecordList): void {
    this.#older.append(this.#newer, true)
    to.append(this.#older, true)
    this.free()
  }

  /** It is not needed any more. */
  free(): void {
    this.#buckets.free()
  }

  /** Throws when places and records contradict each other. For tests, O(n). */
  verify(): void {
    let places = 0
    this.#buckets.forEach((place, ref) => {
      places++
      if (placeOf(this.#arena, ref) !== place) throw new Error('a record has another place')
    })
    let records = 0
    const count = (): void => {
      records++
    }
    this.#older.forEach(count)
    this.#newer.forEach(count)
    this.#context.walk(0, Number.POSITIVE_INFINITY, (ref) => {
      const isCollected = placeOf(this.#arena, ref) !== UNLISTED
      if (!this.#isStamped(ref)) records--
      else if (isCollected) places--
      if (!isCollected && !this.#isCollecting) records--
    })
    if (places !== 0 || records !== 0) throw new Error('a record is lost')
  }

  #isStamped(ref: Ref): boolean {
    const place = placeOf(this.#arena, ref)
    return place === UNLISTED || this.#buckets.get(place) === ref
  }

  /** The list that a record is an end of; any list for one between two others, which it does not matter for. */
  #listOf(ref: Ref): RecordList {
    return ref === this.#newer.newest || ref === this.#newer.oldest ? this.#newer : this.#older
  }

  #goOnCollecting(): void {
    const { words, shift, unitMask } = this.#arena
    const refs = this.#looked
    const count = this.#arena.scan(refs)
    for (let i = 0; i < count; i++) {
      const type = words[refs[i] >>> shift][(refs[i] & unitMask) << 1] & TYPE_BITS
      if (type !== 0 && placeOf(this.#arena, refs[i] as Ref) === UNLISTED) this.#collect(refs[i] as Ref)
    }
    this.#owed -= Math.max(1, count)
    if (count === 0) this.#isCollecting = false
  }

  #collect(ref: Ref): void {
    const age = (this.#now - stampOf(this.#arena, ref)) | 0
    setPlace(this.#arena, ref, this.#buckets.add(ref, age))
  }

  #goOnListing(): void {
    const buckets = this.#buckets
    const places = this.#sorter.values
    const end = Math.min(this.#length, this.#at + STEP)
    this.#owed -= end - this.#at
    for (; this.#at < end; this.#at++) {
      const ref = buckets.get(places[this.#at]) as Ref
      if (ref === NULL_REF) continue
      buckets.set(places[this.#at], NULL_REF)
      this.#older.add(ref)
    }
  }

  /** Sorts the next bucket. False: there is none. */
  #openBucket(): boolean {
    if (++this.#bucket >= this.#buckets.count) return false
    const sorter = this.#sorter
    const length = this.#buckets.lengthOf(this.#bucket)
    sorter.reserve(length)
    let count = 0
    this.#buckets.forEachIn(this.#bucket, (place, ref) => {
      const age = (this.#now - stampOf(this.#arena, ref)) | 0
      // In ascending order the oldest is the first.
      sorter.keys[count] = 2 ** 31 - 1 - age
      sorter.values[count++] = place
    })
    sorter.sort(count)
    this.#at = 0
    this.#length = count
    this.#owed -= length
    return true
  }
}
