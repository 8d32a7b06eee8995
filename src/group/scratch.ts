// Temporary keyspaces: for dry runs of commands, and for values that only one command may see.

import { Store } from '../store/store.ts'
import { Group } from './group.ts'
import type { GroupPolicy } from './policy.ts'

/** Upper bounds: bytes of an empty store, and bytes of a record besides its key and value. */
const TEMPORARY_STORE_BYTES = 64 * 1024
const RECORD_BYTES = 128

/** By group: its scratch group, and the policy that this was made with. */
const scratches = new WeakMap<Group, { readonly scratch: Group; readonly policy: GroupPolicy }>()

/**
 * An empty keyspace with the policy of a group, for dry runs of commands; the same object every time. It holds this many
 * keys without eviction, though one key alone may exceed the budget of the group.
 */
export function scratchOf(group: Group, keys: number): Group {
  const { policy } = group
  let known = scratches.get(group)
  if (known?.policy !== policy) {
    const scratch = new Group({ ...policy, origin: undefined, writes: undefined }, group.environment)
    known = { scratch, policy }
    scratches.set(group, known)
  }
  const { scratch } = known
  // A single key has the same limit as in the group, so that an entry that is too large gets the same error.
  const maxBytes = group.store.maxBytes * (keys === 1 ? 1 : keys + 1)
  if (scratch.maxBytes !== maxBytes) scratch.maxBytes = maxBytes
  // Dry runs remove their keys themselves: clearing the store would cost a hundred times as much.
  if (scratch.store.size > 0) scratch.clear()
  scratch.store.validity.tagEpochs.advanceTo(group.store.validity.tagEpochs)
  return scratch
}

/**
 * A store for the reply to one command, with room for `records` records of `bytes` bytes: the result of a fenced load is
 * for its waiters only.
 */
export function temporaryStore(group: Group, records: number, bytes: number): Store {
  const { hasher, instant, encodingLimits } = group.environment
  return new Store({
    maxBytes: TEMPORARY_STORE_BYTES + 2 * (records * RECORD_BYTES + bytes),
    hasher,
    instant,
    encodingLimits,
  })
}
