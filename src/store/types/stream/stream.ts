// A stream: entries in the order of their IDs, trimmed from the front, and consumer groups (`groups.ts`).
//
// As in Redis, entries are divided into nodes, and field names that are those of the node's first entry are stored once.
// A node is bounded in entries and in bytes of Redis's encoding; `~` trims whole nodes only.

import type { Ref } from '../../arena.ts'
import { ValueType } from '../../record.ts'
import type { Collections } from '../collections.ts'
import type { EncodingLimits } from '../encoding-limits.ts'
import { PAGE_HEADER_WORDS } from '../region/pages.ts'
import {
  entryBytes,
  type FieldRanges,
  NODE_FIELDS,
  nodeBytes,
  OWN_FIELDS,
  type StreamNode,
  writeEntry,
  writeNode,
} from './entry.ts'
import {
  ID_WORDS,
  type IdWords,
  MIN_ID,
  readId,
  readIdWords,
  type StreamId,
  splitId,
  writeIdWords,
} from './id.ts'
import type { IdTree } from './id-tree.ts'
import {
  ENTRIES,
  ENTRIES_ADDED,
  GROUPS,
  LAST_ID,
  MAX_DELETED_ID,
  NEXT_GROUP,
  NODES,
  StreamTrees,
} from './trees.ts'

/** What XTRIM removes: the oldest entries beyond `maxLength`, or those with IDs below `minId`. */
export interface Trimming {
  readonly maxLength?: number
  readonly minId?: StreamId
  /** Whole nodes only. */
  readonly approximate: boolean
  /** Entries to remove at most; 0: no limit. */
  readonly limit: number
}

/** Redis's limit of a node without one. */
const MAX_NODE_BYTES = 2 ** 30

const idWords: IdWords = new Int32Array(ID_WORDS)

/** The streams of a store. */
export class Streams {
  readonly #parts: Collections
  readonly #trees: StreamTrees

  constructor(parts: Collections) {
    this.#parts = parts
    this.#trees = new StreamTrees(parts)
  }

  /** A new, empty stream under a key. `flags`: as `Store.put`. Its room was checked (`Collections.fits`). */
  create(key: Uint8Array, keyStart: number, keyEnd: number, flags: number): Ref {
    const parts = this.#parts
    return parts.page(parts.create(ValueType.STREAM, key, keyStart, keyEnd, flags))
  }

  /** The stream of a record, to be read. */
  open(ref: Ref): Stream {
    return new Stream(this.#trees, this.#parts.regionOf(ref), ref)
  }

  /** The same, to be changed. After the changes comes `settle`. */
  change(ref: Ref): Stream {
    return this.open(this.#parts.begin(ref))
  }

  /** Evicts others while the budget is exceeded. A stream without entries stays. */
  settle({ ref }: Stream, isChanged: boolean): void {
    if (isChanged) this.#parts.store.noteChange(ref)
    this.#parts.store.settle(ref)
  }
}

/** Valid until the record moves. */
export class Stream {
  readonly trees: StreamTrees
  readonly region: number
  readonly ref: Ref

  constructor(trees: StreamTrees, region: number, ref: Ref) {
    this.trees = trees
    this.region = region
    this.ref = ref
  }

  get length(): number {
    return this.#entries.count
  }

  get lastId(): StreamId {
    return this.#id(LAST_ID)
  }

  /** The same in words. */
  readLastId(words: IdWords): void {
    this.#readWords(LAST_ID, words)
  }

  /** At least `topId`. If it is below IDs of removed entries, these can be used again. */
  set lastId(id: StreamId) {
    this.#forgetRemoved(id)
    this.#setId(LAST_ID, id)
  }

  /** The largest ID that XDEL has removed. */
  get maxDeletedId(): StreamId {
    return this.#id(MAX_DELETED_ID)
  }

  set maxDeletedId(id: StreamId) {
    this.#setId(MAX_DELETED_ID, id)
  }

  /** Entries ever added: 64 bits with a sign, as Redis shows them. */
  get entriesAdded(): bigint {
    const { regions } = this.trees
    const low = BigInt(regions.head(this.region, ENTRIES_ADDED) >>> 0)
    return (BigInt(regions.head(this.region, ENTRIES_ADDED + 1)) << 32n) | low
  }

  set entriesAdded(count: bigint) {
    const { regions } = this.trees
    regions.setHead(this.region, ENTRIES_ADDED, Number(BigInt.asIntN(32, count)))
    regions.setHead(this.region, ENTRIES_ADDED + 1, Number(BigInt.asIntN(32, count >> 32n)))
  }

  /** The ID of the first entry; 0-0: there is none. */
  get firstId(): StreamId {
    const entries = this.#entries
    return entries.first() ? entries.id : MIN_ID
  }

  /** The ID of the last entry; 0-0: there is none. */
  get topId(): StreamId {
    const entries = this.#entries
    return entries.last() ? entries.id : MIN_ID
  }

  /** The nodes that Redis would have made. */
  get nodes(): number {
    return this.#nodes.count
  }

  get groupCount(): number {
    return this.trees.groups.open(this.region, GROUPS).count
  }

  /** The number of the next consumer group. */
  takeGroupNumber(): number {
    const { regions } = this.trees
    const number = regions.head(this.region, NEXT_GROUP)
    regions.setHead(this.region, NEXT_GROUP, (number + 1) | 0)
    return number
  }

  /**
   * Adds an entry.
   *
   * @param id above `lastId`
   */
  append(id: StreamId, ranges: FieldRanges, first: number, pairs: number): void {
    splitId(id, idWords)
    this.appendWords(idWords, ranges, first, pairs)
  }

  /** The same, without large numbers: it allocates nothing. */
  appendWords(id: IdWords, ranges: FieldRanges, first: number, pairs: number): void {
    const nodes = this.#nodes
    const { node, limits } = this.trees
    let kind: number = NODE_FIELDS
    if (nodes.last() && hasRoom(node.open(nodes), ranges, first, pairs, limits)) {
      if (!node.matches(ranges, first, pairs)) kind = OWN_FIELDS
    } else {
      writeNode(nodes.append(id, nodeBytes(ranges, first, pairs)), ranges, first, pairs)
      node.open(nodes)
    }
    node.add(id, ranges, first, pairs, kind)
    const entry = this.#entries.append(id, entryBytes(ranges, first, pairs, kind))
    writeEntry(entry, ranges, first, pairs, kind)
    this.#setWords(LAST_ID, id)
    this.#countAdded()
  }

  /**
   * Ends the last node at `last` if entries after it were removed. A node without other entries is removed: new entries
   * may have IDs below its own, and nodes must not overlap.
   */
  #forgetRemoved(last: StreamId): void {
    const nodes = this.#nodes
    if (!nodes.last()) return
    const node = this.trees.node.open(nodes)
    if (node.lastId <= last) return
    if (node.live === 0) nodes.remove()
    else node.lastId = last
  }

  /** Increments `entriesAdded` without a BigInt. */
  #countAdded(): void {
    const { regions } = this.trees
    regions.locateHead(this.region)
    const { words, at } = regions
    const low = at + PAGE_HEADER_WORDS + ENTRIES_ADDED
    words[low]++
    if (words[low] === 0) words[low + 1]++
  }

  /** Throws when entries and nodes contradict each other. Returns the pages that they use. For tests. */
  verify(): number {
    const nodes = this.#nodes
    let live = 0
    let last = -1n
    for (let is = nodes.first(); is; is = nodes.next()) {
      const { id } = nodes
      const node = this.trees.node.open(nodes)
      if (id <= last || node.lastId < id) throw new Error('nodes are not in the order of their IDs')
      if (node.live > node.all) throw new Error(`${node.live} of ${node.all} entries of a node are left`)
      last = node.lastId
      live += node.live
      const found = this.count(id, last)
      if (found !== node.live) throw new Error(`${found} entries in a node, ${node.live} counted`)
    }
    if (live !== this.length) throw new Error(`${live} entries in nodes, ${this.length} counted`)
    if (last > this.lastId) throw new Error('entries come after the last ID')
    return this.#nodes.verify() + this.#verifyEntries()
  }

  #verifyEntries(): number {
    const entries = this.#entries
    let last = -1n
    for (let is = entries.first(); is; is = entries.next()) {
      if (entries.id <= last) throw new Error('entries are not in the order of their IDs')
      last = entries.id
    }
    return entries.verify()
  }

  has(id: StreamId): boolean {
    return this.#entries.find(id)
  }

  /** How many entries have IDs from `from` to `to`. */
  count(from: StreamId, to: StreamId): number {
    if (from > to) return 0
    const entries = this.#entries
    return entries.countUpTo(to) - (from === MIN_ID ? 0 : entries.countUpTo(from - 1n))
  }

  /** Removes entries (XDEL). Returns how many there were. */
  delete(ids: readonly StreamId[]): number {
    let deleted = 0
    const { maxDeletedId } = this
    let largest = maxDeletedId
    for (const id of ids) {
      const entries = this.#entries
      if (!entries.find(id)) continue
      entries.remove()
      const nodes = this.#nodes
      nodes.seekDown(id)
      const node = this.trees.node.open(nodes)
      node.live--
      if (node.live === 0) nodes.remove()
      deleted++
      if (id > largest) largest = id
    }
    if (largest > maxDeletedId) this.maxDeletedId = largest
    return deleted
  }

  /** Returns how many entries were removed. */
  trim(trimming: Trimming): number {
    let trimmed = 0
    for (;;) {
      const count = this.#trimNode(trimming, trimmed)
      if (count < 0) break
      trimmed += count
    }
    this.#entries.removeFirst(trimmed)
    return trimmed
  }

  /**
   * Counts entries of the first node as trimmed, after `trimmed` ones of others. Returns how many; -1: nothing more is to be
   * trimmed.
   */
  #trimNode({ maxLength, minId = MIN_ID, approximate, limit }: Trimming, trimmed: number): number {
    const length = this.length - trimmed
    if (maxLength !== undefined && length <= maxLength) return -1
    const nodes = this.#nodes
    if (!nodes.first()) return -1
    const node = this.trees.node.open(nodes)
    const { live } = node
    if (limit > 0 && trimmed + live > limit) return -1
    const isWhole = maxLength === undefined ? node.lastId < minId : length - live >= maxLength
    if (isWhole) {
      nodes.remove()
      return live
    }
    if (approximate) return -1
    const surplus = maxLength === undefined ? this.count(MIN_ID, minId - 1n) - trimmed : length - maxLength
    if (surplus <= 0) return -1
    // As in Redis, the node stays even if its remaining entries were all deleted before.
    node.live -= surplus
    return surplus
  }

  get #entries(): IdTree {
    return this.trees.entries.open(this.region, ENTRIES)
  }

  get #nodes(): IdTree {
    return this.trees.nodes.open(this.region, NODES)
  }

  #id(word: number): StreamId {
    const at = this.#locate(word)
    return readId(this.trees.regions.view, at)
  }

  #setId(word: number, id: StreamId): void {
    splitId(id, idWords)
    this.#setWords(word, idWords)
  }

  #readWords(word: number, id: IdWords): void {
    const at = this.#locate(word)
    readIdWords(this.trees.regions.view, at, id)
  }

  #setWords(word: number, id: IdWords): void {
    const at = this.#locate(word)
    writeIdWords(this.trees.regions.view, at, id)
  }

  /** Where a word of the head is in the view of the regions. */
  #locate(word: number): number {
    const { regions } = this.trees
    regions.locateHead(this.region)
    return 4 * (regions.at + PAGE_HEADER_WORDS + word)
  }
}

/** Whether a node takes one more entry. */
function hasRoom(
  node: StreamNode,
  { start, end }: FieldRanges,
  first: number,
  pairs: number,
  { streamNodeMaxEntries: maxEntries, streamNodeMaxBytes: maxBytes }: EncodingLimits,
): boolean {
  let bytes = 0
  for (let i = first; i < first + 2 * pairs; i++) bytes += end[i] - start[i]
  const limit = maxBytes === 0 ? MAX_NODE_BYTES : Math.min(maxBytes, MAX_NODE_BYTES)
  if (node.listpackBytes + bytes >= limit) return false
  return maxEntries === 0 || node.all < maxEntries
}
