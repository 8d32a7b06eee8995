// Searches in an area: GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and their read-only variants.

import { distanceText } from '../../bytes/geo/distance.ts'
import { Position } from '../../bytes/geo/geohash.ts'
import { distanceWithin, scoreRanges } from '../../bytes/geo/search.ts'
import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { StringList } from '../../store/types/string-list.ts'
import { elementBytes } from '../sorted-sets/elements.ts'
import type { Context } from '../spec/context.ts'
import { createCollection, findCollection, hasRoom, readCollection } from '../spec/values/collection.ts'
import { replyPosition } from './coordinates.ts'
import { readSearch, type SearchCommand, type SearchOptions } from './search-options.ts'

/** What was found: its members in `members`. */
interface Found {
  readonly member: number
  readonly score: number
  readonly longitude: number
  readonly latitude: number
  /** In the unit of the search. */
  readonly distance: number
}

const members = new StringList()

export function search(c: Context, command: SearchCommand): void {
  const { sourceAt } = command
  const source = c.command.isWrite
    ? findCollection(c, sourceAt, ValueType.SORTED_SET)
    : readCollection(c, sourceAt, ValueType.SORTED_SET)
  if (source === undefined) return
  const options = readSearch(c, command, source)
  if (options === undefined) return
  const found = source === NULL_REF ? [] : findMembers(c, source, options)
  if (options.storeAt !== 0) storeFound(c, options, found)
  else replyFound(c, options, found)
}

function findMembers(c: Context, source: Ref, options: SearchOptions): Found[] {
  const { sortedSets } = c.store
  const { area, count } = options
  const most = options.any ? count : Number.POSITIVE_INFINITY
  const position = new Position()
  const found: Found[] = []
  const { span } = sortedSets
  members.clear()
  for (const { min, max } of scoreRanges(area)) {
    const first = sortedSets.rankOfScore(source, min, false)
    const last = sortedSets.rankOfScore(source, max, false)
    if (first >= last) continue
    sortedSets.seek(source, first)
    for (let i = first; i < last && found.length < most; i++) {
      if (i > first) sortedSets.next()
      const score = sortedSets.score[0]
      position.decode(score)
      const meters = distanceWithin(area, position)
      if (meters < 0) continue
      const { longitude, latitude } = position
      const distance = meters / area.unitMeters
      found.push({ member: members.count, score, longitude, latitude, distance })
      members.add(span.bytes, span.start, span.end)
    }
  }
  return ordered(found, options)
}

/** Without an order, COUNT means the nearest ones, except with ANY. */
function ordered(found: Found[], { order, count, any }: SearchOptions): Found[] {
  if (order === 'descending') found.sort((a, b) => b.distance - a.distance)
  else if (order === 'ascending' || (count !== 0 && !any)) found.sort((a, b) => a.distance - b.distance)
  return count !== 0 && count < found.length ? found.slice(0, count) : found
}

function replyFound({ reply }: Context, options: SearchOptions, found: readonly Found[]): void {
  const { withDistance, withHash, withPosition } = options
  const parts = 1 + Number(withDistance) + Number(withHash) + Number(withPosition)
  const { bytes, view, starts, ends } = members
  reply.array(found.length)
  for (const { member, score, longitude, latitude, distance } of found) {
    if (parts > 1) reply.array(parts)
    reply.bulk(bytes, starts[member], ends[member], view)
    if (withDistance) reply.bulkText(distanceText(distance))
    if (withHash) reply.bigint(wholeScore(score))
    if (withPosition) replyPosition(reply, longitude, latitude)
  }
}

/** A score as C on x86-64 converts it to `long long`. */
function wholeScore(score: number): bigint {
  return Math.abs(score) < 2 ** 63 ? BigInt(Math.trunc(score)) : -(2n ** 63n)
}

/** Replaces the value of the key by the sorted set of what was found; replies their number. */
function storeFound(c: Context, options: SearchOptions, found: readonly Found[]): void {
  const { args, group, reply } = c
  const { storeAt, storesDistance } = options
  const { store } = group
  const { bytes, starts, ends } = members
  const size = elementBytes(members.size, found.length)
  if (found.length > 0 && !hasRoom(c, NULL_REF, storeAt, size, found.length)) return
  const old = store.peek(args.buf, args.start[storeAt], args.end[storeAt])
  if (old !== NULL_REF) store.remove(old)
  if (found.length > 0) {
    const { sortedSets, collections } = store
    let ref = createCollection(c, storeAt, ValueType.SORTED_SET)
    for (const { member, score, distance } of found) {
      sortedSets.find(ref, bytes, starts[member], ends[member])
      sortedSets.score[0] = storesDistance ? distance : score
      ref = sortedSets.insert(ref, bytes, starts[member], ends[member])
    }
    collections.finish(ref, found.length)
  }
  reply.integer(found.length)
}
