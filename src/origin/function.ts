// An origin that is a function of the program: `async (key, { group, signal }) => value`.

import type {
  LoadContext,
  Origin,
  OriginResult,
  OriginResults,
  StoreContext,
  StoredCollection,
} from '../group/origin.ts'

/** Loads the value of a key; null if it does not exist. The message of an error is shown to clients. */
export type LoadFunction = (key: string, context: LoadContext) => OriginResult | Promise<OriginResult>

/** Loads the values of several keys. */
export type LoadManyFunction = (
  keys: readonly string[],
  context: LoadContext,
) => OriginResults | Promise<OriginResults>

/** An object with `load`, and optionally batch loading, writes, change notifications, a name and `close`. */
export interface Loader {
  readonly kind?: string
  /** Whether such a key may exist, without asking the source; others are absent. */
  knows?: Origin['knows']
  /** Whether a load may be retried; default true. */
  readonly isIdempotent?: boolean
  load: LoadFunction
  loadMany?: LoadManyFunction
  /** Write a value, which may be a collection, and remove a key, for write-through and write-behind groups. */
  store?(key: string, value: Uint8Array | StoredCollection, context: StoreContext): Promise<void> | void
  remove?: Origin['remove']
  start?: Origin['start']
  /** Called after `start` with the listener for changes at the source. */
  listen?: Origin['listen']
  close?(): Promise<void> | void
}

/** Wraps a function, or an object with `load`, which keeps its `this`. */
export function functionOrigin(source: LoadFunction | Loader): Origin {
  if (typeof source === 'function') return { kind: 'function', load: source }
  const origin: Origin = {
    kind: source.kind ?? 'function',
    isIdempotent: source.isIdempotent ?? true,
    load: (key, context) => source.load(key, context),
    start: (log) => source.start?.(log),
    close: () => source.close?.(),
  }
  const { knows, loadMany, store, remove, listen } = source
  if (knows !== undefined) origin.knows = (key) => knows.call(source, key)
  if (loadMany !== undefined) origin.loadMany = (keys, context) => loadMany.call(source, keys, context)
  if (store !== undefined) {
    origin.store = (key, value, context) => store.call(source, key, value, context)
    origin.storeCollection = (key, value, context) => store.call(source, key, value, context)
  }
  if (remove !== undefined) origin.remove = (key, context) => remove.call(source, key, context)
  if (listen !== undefined) origin.listen = (listener) => listen.call(source, listener)
  return origin
}
