// Commands that take from the first of several collections that is not empty: LMPOP, ZMPOP, and those that wait for one.

import { NULL_REF, type Ref } from '../../../store/arena.ts'
import type { ValueType } from '../../../store/record.ts'
import type { Store } from '../../../store/store.ts'
import { readPositive } from '../arguments.ts'
import type { Context } from '../context.ts'
import { SYNTAX_ERROR } from '../errors.ts'
import { readTimeout } from '../session/timeout.ts'
import { findCollection } from './collection.ts'

/** How elements of a type of collection are taken from its ends. */
export interface Popped {
  readonly type: ValueType
  /** The words for the two ends. */
  readonly ends: readonly [first: string, second: string]
  length(store: Store, ref: Ref): number
  /** Takes `count` elements, of which there must be as many, and replies each of them as one value. */
  pop(c: Context, ref: Ref, isFirstEnd: boolean, count: number): void
}

/** Replies with elements of the collection of the key in argument `i`, and takes them. */
type Take = (c: Context, i: number, ref: Ref) => void

interface PopOptions {
  readonly keys: number
  readonly isFirstEnd: boolean
  readonly count: number
}

/** Whether argument `i` is the first of two words; `undefined`: neither of them. */
export function readEnd({ args }: Context, i: number, [first, second]: Popped['ends']): boolean | undefined {
  if (args.is(i, first)) return true
  return args.is(i, second) ? false : undefined
}

/** The number of keys in argument `i`, and behind the keys the end, and COUNT. `undefined` after an error reply. */
function readPopOptions(c: Context, i: number, ends: Popped['ends']): PopOptions | undefined {
  const { args, reply } = c
  const keys = readPositive(c, i, 1, 'ERR numkeys should be greater than 0')
  if (Number.isNaN(keys)) return undefined
  const at = i + 1 + keys
  const isFirstEnd = at < args.count ? readEnd(c, at, ends) : undefined
  const rest = args.count - at - 1
  if (isFirstEnd === undefined || (rest > 0 && (rest < 2 || !args.is(at + 1, 'COUNT')))) {
    reply.error(SYNTAX_ERROR)
    return undefined
  }
  // Redis: before what follows it.
  const count = rest === 0 ? 1 : readPositive(c, at + 2, 1, 'ERR count should be greater than 0')
  if (Number.isNaN(count)) return undefined
  if (rest > 2) {
    reply.error(SYNTAX_ERROR)
    return undefined
  }
  return { keys, isFirstEnd, count }
}

/** Replies the key and up to `count` elements of its collection. */
function takeMany({ length, pop }: Popped, { isFirstEnd, count }: PopOptions): Take {
  return (c, i, ref) => {
    const { args, reply } = c
    const taken = Math.min(count, length(c.group.store, ref))
    reply.array(2)
    reply.bulk(args.buf, args.start[i], args.end[i])
    reply.array(taken)
    pop(c, ref, isFirstEnd, taken)
  }
}

/** Takes from the first of `keys` keys from argument `first` on that has a value. False: none has. */
function takeFirst(c: Context, type: ValueType, first: number, keys: number, take: Take): boolean {
  for (let i = first; i < first + keys; i++) {
    const ref = findCollection(c, i, type)
    if (ref === NULL_REF) continue
    // Otherwise WRONGTYPE is replied.
    if (ref !== undefined) take(c, i, ref)
    return true
  }
  return false
}

/** The same, or lets the client wait for a value. */
function takeOrWait(
  c: Context,
  type: ValueType,
  first: number,
  keys: number,
  timeoutMs: number,
  take: Take,
): void {
  if (takeFirst(c, type, first, keys, take)) return
  c.waitForKeys({
    keys: Array.from({ length: keys }, (_, at) => first + at),
    type,
    timeoutMs,
    serve(own, i) {
      take(own, i, own.find(i))
      return true
    },
    timedOut: ({ reply }) => reply.nullArray(),
  })
}

/** `numkeys key … end [COUNT count]`: LMPOP, ZMPOP. */
export function popMany(c: Context, popped: Popped): void {
  const options = readPopOptions(c, 1, popped.ends)
  if (options === undefined) return
  if (!takeFirst(c, popped.type, 2, options.keys, takeMany(popped, options))) c.reply.nullArray()
}

/** `timeout numkeys key … end [COUNT count]`: BLMPOP, BZMPOP. */
export function popManyOrWait(c: Context, popped: Popped): void {
  const options = readPopOptions(c, 2, popped.ends)
  if (options === undefined) return
  const timeoutMs = readTimeout(c, 1)
  if (timeoutMs < 0) return
  takeOrWait(c, popped.type, 3, options.keys, timeoutMs, takeMany(popped, options))
}

/** `key … timeout`: BLPOP and its like. */
export function popOrWait(c: Context, type: ValueType, take: Take): void {
  const last = c.args.count - 1
  const timeoutMs = readTimeout(c, last)
  if (timeoutMs >= 0) takeOrWait(c, type, 1, last - 1, timeoutMs, take)
}
