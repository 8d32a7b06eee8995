// The tags of entries: hashes of their names, and tags of load results.

import type { Ref } from '../store/arena.ts'
import type { Store } from '../store/store.ts'
import { EntryTags, MAX_TAGS, tagHash } from '../store/validity/tags.ts'
import type { LoadResult } from './flights/flight.ts'

export function hashOfTag(tag: Uint8Array): number {
  return tagHash(tag, 0, tag.length)
}

/** The hashes of a record's tags. */
export function tagsOf(store: Store, ref: Ref): readonly number[] {
  const tagging = new EntryTags()
  store.records.readTags(ref, tagging)
  return [...tagging.hashes.subarray(0, tagging.count)]
}

/**
 * Sets the tags of a load result as arguments of `store.put`, with the epoch of the start of the load, so that later
 * invalidations apply to it. An unchanged value keeps its tags. False: too many tags.
 */
export function takeLoadedTags(
  { entryTags, validity }: Store,
  { facts, keptTags, loadEpoch }: LoadResult,
): boolean {
  entryTags.count = 0
  entryTags.epoch[0] = loadEpoch ?? validity.tagEpochs.currentEpoch()
  const names = facts?.tags
  const hashes = names === undefined ? keptTags : names.map((name) => hashOfTag(Buffer.from(name, 'utf8')))
  return hashes === undefined || hashes.every((hash) => entryTags.add(hash))
}

export const TOO_MANY_TAGS = `got more than ${MAX_TAGS} tags`
