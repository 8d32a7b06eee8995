// Tags of entries, as origins and clients name them.

import type { Ref } from '../store/arena.ts'
import type { Store } from '../store/store.ts'
import { EntryTags, MAX_TAGS, tagHash } from '../store/validity/tags.ts'
import type { LoadResult } from './flights.ts'

export function hashOfTag(tag: Uint8Array): number {
  return tagHash(tag, 0, tag.length)
}

/** The hashes of the tags that a record carries. */
export function tagsOf(store: Store, ref: Ref): readonly number[] {
  const tagging = new EntryTags()
  store.records.readTags(ref, tagging)
  return [...tagging.hashes.subarray(0, tagging.count)]
}

/**
 * Makes the tags of what was loaded the argument of `store.put`, as of when its load began: an invalidation after that
 * concerns it. What is found unchanged keeps those it had. False: there are more than an entry can have.
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
