// An origin that is a function of the program: `async (key, { group, signal }) => value`.

import type { LoadContext, Origin, OriginResult, OriginResults } from '../group/origin.ts'

/** Gives the value of a key, or null when it does not exist. What it throws is the reason that clients read. */
export type LoadFunction = (key: string, context: LoadContext) => OriginResult | Promise<OriginResult>

/** Gives the values of several keys, each as `load` would. */
export type LoadManyFunction = (
  keys: readonly string[],
  context: LoadContext,
) => OriginResults | Promise<OriginResults>

/** An object that loads, many keys at once if it can; it may name its kind, and release what it holds when the node closes. */
export interface Loader {
  readonly kind?: string
  /** Whether there may be such a key, without a look at the source; others are absent. */
  knows?: Origin['knows']
  /** Whether a load may be repeated; true. */
  readonly isIdempotent?: boolean
  load: LoadFunction
  loadMany?: LoadManyFunction
  /** Keeps a value, and removes a key: for groups that write through or behind. */
  store?: Origin['store']
  remove?: Origin['remove']
  start?: Origin['start']
  /** Told, after `start`, whom to tell of changes at the source. */
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
  if (store !== undefined) origin.store = (key, value, context) => store.call(source, key, value, context)
  if (remove !== undefined) origin.remove = (key, context) => remove.call(source, key, context)
  if (listen !== undefined) origin.listen = (listener) => listen.call(source, listener)
  return origin
}
