// SWAPDB: exchanges the keys of two groups.

import type { Group } from './group.ts'

/**
 * Exchanges the keys of two groups. Budgets, policies and counters stay, running loads are fenced. The group with the
 * smaller budget evicts at once.
 */
export function exchangeKeys(first: Group, second: Group): void {
  for (const group of [first, second]) {
    group.fenceAll()
    group.copies?.dropAll()
    // Negative entries and validators are specific to an origin.
    group.store.removeAbsent()
    group.store.validity.invalidateValidators()
  }
  first.watchedKeys.exchanging(second.store)
  second.watchedKeys.exchanging(first.store)
  const { store } = first
  const { evicted, expired, invalidated } = store
  first.store = second.store
  second.store = store
  first.watchedKeys.attach()
  second.watchedKeys.attach()
  store.evicted = first.store.evicted
  store.expired = first.store.expired
  store.invalidated = first.store.invalidated
  store.maxBytes = second.maxBytes
  first.store.evicted = evicted
  first.store.expired = expired
  first.store.invalidated = invalidated
  first.store.maxBytes = first.maxBytes
  first.changeEviction()
  second.changeEviction()
}
