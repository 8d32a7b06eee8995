// The layout of a stream in its region. A stream has a region from the start: its first entry alone is often longer
// than packed collections may be.
//
//   head    0 entries | 3 nodes | 6 groups | 9 last ID (4) | 13 largest deleted ID (4) | 17 entries added (2) | 19 next number
//   group   0 pending | 3 consumers | 6 last delivered ID (4) | 10 entries read (2) | 12 next number
//   consumer 0 its pending | 3 seen (2) | 5 active (2)
//
// Each place is a word; `entries`, `nodes` and the like are descriptors of trees (`Tree.open`). Groups and consumers have
// pages of their own for these words.
//
//   tree        ID                          value
//   entries     the entry's                 fields (`entry.ts`)
//   nodes       of the node's first entry   field names and counters (`entry.ts`)
//   groups      hash of the name | number   page (4) | name
//   consumers   hash of the name | number   page (4) | name
//   pending     the entry's                 ID of the consumer (8) | time (8) | deliveries (8)
//   its pending the entry's                 nothing

import type { Collections } from '../collections.ts'
import type { EncodingLimits } from '../encoding-limits.ts'
import { PAGE_HEADER_WORDS } from '../region/pages.ts'
import type { Regions } from '../regions.ts'
import { StreamNode } from './entry.ts'
import { ID_WORDS, type IdWords, readId, type StreamId, splitId, writeIdWords } from './id.ts'
import { IdTree } from './id-tree.ts'

export const ENTRIES = 0
export const NODES = 3
export const GROUPS = 6
export const LAST_ID = 9
export const MAX_DELETED_ID = 13
export const ENTRIES_ADDED = 17
export const NEXT_GROUP = 19

export const PENDING = 0
export const CONSUMERS = 3
export const DELIVERED_ID = 6
export const ENTRIES_READ = 10
export const NEXT_CONSUMER = 12
export const GROUP_WORDS = 13

export const OWNED = 0
export const SEEN = 3
export const ACTIVE = 5
export const CONSUMER_WORDS = 7

/** The trees of all streams of a store, one object for each role, so that several can be in use. */
export class StreamTrees {
  readonly regions: Regions
  readonly limits: EncodingLimits
  readonly entries: IdTree
  readonly nodes: IdTree
  /** What `nodes` has opened. */
  readonly node: StreamNode = new StreamNode()
  /** For `EntryReader`. */
  readonly readEntries: IdTree
  readonly readNodes: IdTree
  readonly groups: IdTree
  readonly consumers: IdTree
  readonly pending: IdTree
  readonly owned: IdTree
  readonly #store: Collections['store']

  constructor(parts: Collections) {
    const { regions } = parts
    this.regions = regions
    this.limits = parts.limits
    this.#store = parts.store
    this.entries = new IdTree(regions)
    this.nodes = new IdTree(regions)
    this.readEntries = new IdTree(regions)
    this.readNodes = new IdTree(regions)
    this.groups = new IdTree(regions)
    this.consumers = new IdTree(regions)
    this.pending = new IdTree(regions)
    this.owned = new IdTree(regions)
  }

  hashOf(bytes: Uint8Array, start: number, end: number): number {
    return this.#store.hashOf(bytes, start, end)
  }
}

const idWords: IdWords = new Int32Array(ID_WORDS)

/** The words of a page. */
export class PageWords {
  readonly #regions: Regions
  readonly #region: number
  readonly page: number

  constructor(regions: Regions, region: number, page: number) {
    this.#regions = regions
    this.#region = region
    this.page = page
  }

  /** A new page of zeros. */
  static take(regions: Regions, region: number, words: number): PageWords {
    const page = regions.take(region, (PAGE_HEADER_WORDS + words + 1) >> 1)
    regions.locate(region, page)
    const from = regions.at + PAGE_HEADER_WORDS
    regions.words.fill(0, from, from + words)
    return new PageWords(regions, region, page)
  }

  give(): void {
    this.#regions.give(this.#region, this.page)
  }

  word(i: number): number {
    const at = this.#locate(i)
    return this.#regions.words[at]
  }

  setWord(i: number, value: number): void {
    const at = this.#locate(i)
    this.#regions.words[at] = value
  }

  double(i: number): number {
    const at = this.#locate(i)
    return this.#regions.view.getFloat64(4 * at, true)
  }

  setDouble(i: number, value: number): void {
    const at = this.#locate(i)
    this.#regions.view.setFloat64(4 * at, value, true)
  }

  long(i: number): bigint {
    const at = this.#locate(i)
    return this.#regions.view.getBigInt64(4 * at, true)
  }

  setLong(i: number, value: bigint): void {
    const at = this.#locate(i)
    this.#regions.view.setBigInt64(4 * at, value, true)
  }

  id(i: number): StreamId {
    const at = this.#locate(i)
    return readId(this.#regions.view, 4 * at)
  }

  setId(i: number, id: StreamId): void {
    splitId(id, idWords)
    const at = this.#locate(i)
    writeIdWords(this.#regions.view, 4 * at, idWords)
  }

  #locate(i: number): number {
    this.#regions.locate(this.#region, this.page)
    return this.#regions.at + PAGE_HEADER_WORDS + i
  }
}

/** The ID of a group or consumer. */
export function namedId(hash: number, number: number): StreamId {
  return (BigInt(hash >>> 0) << 96n) | (BigInt(number >>> 0) << 64n)
}
