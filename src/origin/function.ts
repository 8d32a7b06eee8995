// An origin that is a function of the program: `async (key, { group, signal }) => value`.

import type { LoadContext, Origin, OriginValue } from '../group/origin.ts'

/** Gives the value of a key, or null when it does not exist. What it throws is the reason that clients read. */
export type LoadFunction = (key: string, context: LoadContext) => OriginValue | Promise<OriginValue>

/** An object that loads; it may name its kind, and release what it holds when the node closes. */
export interface Loader {
  readonly kind?: string
  load: LoadFunction
  close?(): Promise<void> | void
}

/** Wraps a function, or an object with `load`, which keeps its `this`. */
export function functionOrigin(source: LoadFunction | Loader): Origin {
  if (typeof source === 'function') return { kind: 'function', load: source }
  return {
    kind: source.kind ?? 'function',
    load: (key, context) => source.load(key, context),
    close: () => source.close?.(),
  }
}
