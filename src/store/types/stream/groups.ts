// Consumer groups of a stream, their consumers, and the entries that were delivered but not acknowledged (pending).

import { MAX_ID, MIN_ID, type StreamId } from './id.ts'
import type { IdTree } from './id-tree.ts'
import type { Stream } from './stream.ts'
import {
  ACTIVE,
  CONSUMER_WORDS,
  CONSUMERS,
  DELIVERED_ID,
  ENTRIES_READ,
  GROUP_WORDS,
  GROUPS,
  NEXT_CONSUMER,
  namedId,
  OWNED,
  PageWords,
  PENDING,
  SEEN,
} from './trees.ts'

/** The number of entries that a group has read is not known. */
export const UNKNOWN_READS = -1n

/** The time of an event that has not happened yet. */
export const NEVER = -1

const PAGE_BYTES = 4
const PENDING_BYTES = 24
const NOTHING = Buffer.alloc(0)

/** An entry that was delivered and not acknowledged. */
export interface Pending {
  readonly id: StreamId
  /** The `id` of its consumer. */
  readonly consumer: StreamId
  /** Of the last delivery, ms since the epoch. */
  readonly time: number
  readonly deliveries: bigint
}

/** A group or a consumer in the tree of their names. */
interface Named {
  readonly id: StreamId
  readonly page: number
  readonly name: Buffer
}

/** A group or a consumer: its name, and the page with its fields. */
class NamedPage {
  readonly id: StreamId
  readonly name: Buffer
  readonly words: PageWords
  protected readonly stream: Stream

  constructor(stream: Stream, { id, page, name }: Named) {
    this.stream = stream
    this.id = id
    this.words = new PageWords(stream.trees.regions, stream.region, page)
    this.name = name
  }
}

export class Consumer extends NamedPage {
  /** When it last called, and when a call last gave it entries; ms since the epoch. */
  get seen(): number {
    return this.words.double(SEEN)
  }

  set seen(time: number) {
    this.words.setDouble(SEEN, time)
  }

  get active(): number {
    return this.words.double(ACTIVE)
  }

  set active(time: number) {
    this.words.setDouble(ACTIVE, time)
  }

  get pending(): number {
    return this.owned.count
  }

  /** The IDs of its pending entries. */
  get owned(): IdTree {
    return this.stream.trees.owned.open(this.stream.region, OWNED, this.words.page)
  }
}

export class ConsumerGroup extends NamedPage {
  /** The last entry delivered to any of its consumers. */
  get lastId(): StreamId {
    return this.words.id(DELIVERED_ID)
  }

  set lastId(id: StreamId) {
    this.words.setId(DELIVERED_ID, id)
  }

  /** Entries of the stream up to `lastId`, with those removed. */
  get entriesRead(): bigint {
    return this.words.long(ENTRIES_READ)
  }

  set entriesRead(count: bigint) {
    this.words.setLong(ENTRIES_READ, count)
  }

  get pending(): number {
    return this.#pending.count
  }

  get consumerCount(): number {
    return this.#consumers.count
  }

  consumer(name: Uint8Array): Consumer | undefined {
    const found = findNamed(this.stream, this.#consumers, name)
    return found && new Consumer(this.stream, found)
  }

  createConsumer(name: Buffer, now: number): Consumer {
    const { trees } = this.stream
    const number = this.words.word(NEXT_CONSUMER)
    this.words.setWord(NEXT_CONSUMER, (number + 1) | 0)
    const words = PageWords.take(trees.regions, this.stream.region, CONSUMER_WORDS)
    const id = namedId(trees.hashOf(name, 0, name.length), number)
    this.#consumers.insert(id, named(words.page, name))
    const consumer = new Consumer(this.stream, { id, page: words.page, name })
    consumer.seen = now
    consumer.active = NEVER
    return consumer
  }

  /** Removes a consumer with its pending entries. */
  deleteConsumer(consumer: Consumer): void {
    const { owned } = consumer
    const ids: StreamId[] = []
    for (let ok = owned.first(); ok; ok = owned.next()) ids.push(owned.id)
    for (const id of ids) {
      const pending = this.#pending
      if (pending.find(id)) pending.remove()
    }
    consumer.owned.clear()
    const consumers = this.#consumers
    consumers.find(consumer.id)
    consumers.remove()
    consumer.words.give()
  }

  /** In the order of their names. */
  consumers(): Consumer[] {
    return allNamed(this.#consumers).map((each) => new Consumer(this.stream, each))
  }

  /** @param id the `id` of a consumer */
  consumerName(id: StreamId): Buffer {
    return this.#consumerOf(id)?.name ?? NOTHING
  }

  pendingEntry(id: StreamId): Pending | undefined {
    const pending = this.#pending
    return pending.find(id) ? readPending(pending) : undefined
  }

  /** The first pending entry of the group, or of one consumer, with an ID of at least `from`. */
  firstPending(from: StreamId, consumer?: Consumer): Pending | undefined {
    if (consumer === undefined) {
      const pending = this.#pending
      return pending.seek(from) ? readPending(pending) : undefined
    }
    const { owned } = consumer
    return owned.seek(from) ? this.pendingEntry(owned.id) : undefined
  }

  /** The pending entries of the group, or of one consumer, with IDs from `from` to `to`. They may change meanwhile. */
  *pendings(from: StreamId, to: StreamId, consumer?: Consumer): Generator<Pending> {
    for (let next = from; next <= to; ) {
      const pending = this.firstPending(next, consumer)
      if (pending === undefined || pending.id > to) return
      next = pending.id + 1n
      yield pending
    }
  }

  /** The smallest and the largest pending ID; undefined: there is none. */
  pendingEdges(): readonly [StreamId, StreamId] | undefined {
    const pending = this.#pending
    if (!pending.first()) return undefined
    const { id } = pending
    pending.last()
    return [id, pending.id]
  }

  /** Makes an entry pending for a consumer. `before`: it was already pending, perhaps for another one. */
  assign(
    consumer: Consumer,
    { id, time, deliveries }: Omit<Pending, 'consumer'>,
    before: Pending | undefined,
  ): void {
    const value = Buffer.allocUnsafe(PENDING_BYTES)
    value.writeBigUInt64LE(consumer.id >> 64n, 0)
    value.writeDoubleLE(time, 8)
    value.writeBigUInt64LE(BigInt.asUintN(64, deliveries), 16)
    const pending = this.#pending
    if (before === undefined) pending.insert(id, value)
    else {
      pending.find(id)
      pending.overwrite(value)
      if (before.consumer === consumer.id) return
      this.#disown(before)
    }
    consumer.owned.insert(id, NOTHING)
  }

  /** Acknowledges an entry. */
  remove(entry: Pending): void {
    const pending = this.#pending
    pending.find(entry.id)
    pending.remove()
    this.#disown(entry)
  }

  /** Frees all that belongs to the group, but not its name. */
  free(): void {
    for (const consumer of this.consumers()) {
      consumer.owned.clear()
      consumer.words.give()
    }
    this.#consumers.clear()
    this.#pending.clear()
    this.words.give()
  }

  /** Throws when the pending entries and those of the consumers contradict each other. Returns the pages. For tests. */
  verify(): number {
    let pages = 1 + this.#pending.verify() + this.#consumers.verify()
    let owned = 0
    for (const consumer of this.consumers()) {
      pages += 1 + consumer.owned.verify()
      owned += consumer.pending
      for (const { consumer: owner } of this.pendings(MIN_ID, MAX_ID, consumer))
        if (owner !== consumer.id) throw new Error('a pending entry has another owner')
    }
    if (owned !== this.pending) throw new Error(`${owned} entries owned, ${this.pending} pending`)
    return pages
  }

  #disown({ id, consumer }: Pending): void {
    const owned = this.#consumerOf(consumer)?.owned
    if (owned?.find(id)) owned.remove()
  }

  #consumerOf(id: StreamId): Consumer | undefined {
    const consumers = this.#consumers
    if (!consumers.find(id)) return undefined
    return new Consumer(this.stream, readNamed(consumers))
  }

  get #pending(): IdTree {
    return this.stream.trees.pending.open(this.stream.region, PENDING, this.words.page)
  }

  get #consumers(): IdTree {
    return this.stream.trees.consumers.open(this.stream.region, CONSUMERS, this.words.page)
  }
}

function readPending(tree: IdTree): Pending {
  const { view, start } = tree.read()
  return {
    id: tree.id,
    consumer: view.getBigUint64(start, true) << 64n,
    time: view.getFloat64(start + 8, true),
    deliveries: view.getBigInt64(start + 16, true),
  }
}

function named(page: number, name: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(PAGE_BYTES + name.length)
  value.writeUInt32LE(page, 0)
  value.set(name, PAGE_BYTES)
  return value
}

function readNamed(tree: IdTree): Named {
  const { bytes, view, start, end } = tree.read()
  const name = Buffer.from(bytes.subarray(start + PAGE_BYTES, end))
  return { id: tree.id, page: view.getUint32(start, true), name }
}

function findNamed({ trees }: Stream, tree: IdTree, name: Uint8Array): Named | undefined {
  const hash = trees.hashOf(name, 0, name.length)
  const last = namedId(hash, -1)
  for (let ok = tree.seek(namedId(hash, 0)); ok && tree.id <= last; ok = tree.next()) {
    const found = readNamed(tree)
    if (found.name.equals(name)) return found
  }
  return undefined
}

/** In the order of their names. */
function allNamed(tree: IdTree): Named[] {
  const all: Named[] = []
  for (let ok = tree.first(); ok; ok = tree.next()) all.push(readNamed(tree))
  return all.sort((a, b) => Buffer.compare(a.name, b.name))
}

function groupsTree({ trees, region }: Stream): IdTree {
  return trees.groups.open(region, GROUPS)
}

export function findGroup(stream: Stream, name: Uint8Array): ConsumerGroup | undefined {
  const found = findNamed(stream, groupsTree(stream), name)
  return found && new ConsumerGroup(stream, found)
}

/** In the order of their names. */
export function groupsOf(stream: Stream): ConsumerGroup[] {
  return allNamed(groupsTree(stream)).map((each) => new ConsumerGroup(stream, each))
}

/** Throws when the parts of a stream contradict each other. For tests. */
export function verifyStream(stream: Stream): void {
  const groups = groupsOf(stream)
  let pages = stream.verify() + groupsTree(stream).verify()
  for (const group of groups) pages += group.verify()
  const used = stream.trees.regions.pages(stream.region)
  if (pages !== used) throw new Error(`${pages} pages found, ${used} used`)
}

/** Creates a group that does not exist. */
export function createGroup(stream: Stream, name: Buffer, lastId: StreamId, entriesRead: bigint): void {
  const words = PageWords.take(stream.trees.regions, stream.region, GROUP_WORDS)
  const id = namedId(stream.trees.hashOf(name, 0, name.length), stream.takeGroupNumber())
  groupsTree(stream).insert(id, named(words.page, name))
  const group = new ConsumerGroup(stream, { id, page: words.page, name })
  group.lastId = lastId
  group.entriesRead = entriesRead
}

export function destroyGroup(stream: Stream, group: ConsumerGroup): void {
  group.free()
  const groups = groupsTree(stream)
  groups.find(group.id)
  groups.remove()
}
