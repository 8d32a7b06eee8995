// TTLs of strings: parsed from the options of SET and GETEX, and kept by commands that change a value in place.

import { parseInt64, parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Ref } from '../../store/arena.ts'
import { NULL_REF } from '../../store/arena.ts'
import { EXPIRES, ValueType } from '../../store/record.ts'
import type { Context } from '../spec/context.ts'
import { NOT_AN_INTEGER } from '../spec/errors.ts'

/** Bits of the options that take a time: seconds or milliseconds, relative or Unix time. */
export const EX = 1
export const PX = 2
export const EXAT = 4
export const PXAT = 8
export const TIMED = EX | PX | EXAT | PXAT

const MAX_INT64 = 0x7fff_ffff_ffff_ffffn

/**
 * Reads argument `i`, the time of option `option`, into `store.deadline`. False after an error reply (Redis:
 * `getExpireMillisecondsOrReply`).
 */
export function readDeadline(c: Context, i: number, option: number): boolean {
  const { args } = c
  const { deadline } = c.group.store
  const n = parseInteger(args.buf, args.start[i], args.end[i])
  if (Number.isNaN(n)) return readLargeDeadline(c, i, option)
  if (n <= 0) return refuse(c)
  // 2^53 seconds are still less than 2^63 milliseconds: nothing overflows.
  deadline[0] = (option & (EX | EXAT)) !== 0 ? n * 1000 : n
  if ((option & (EX | PX)) !== 0) deadline[0] += c.instant.ms[0]
  return true
}

/** A time beyond 2^53 is rounded in `store.deadline`; `settleDeadline` writes the exact value later. */
function readLargeDeadline(c: Context, i: number, option: number): boolean {
  const ms = exactDeadline(c, i, option)
  if (ms === undefined) {
    c.reply.error(NOT_AN_INTEGER)
    return false
  }
  if (ms <= 0n || ms > MAX_INT64) return refuse(c)
  c.group.store.deadline[0] = Number(ms)
  return true
}

/** Writes the exact deadline of `readDeadline` into a record that has it rounded to a double. */
export function settleDeadline(c: Context, ref: Ref, i: number, option: number): void {
  const { deadline, records } = c.group.store
  if (deadline[0] <= Number.MAX_SAFE_INTEGER) return
  const exact = exactDeadline(c, i, option)
  if (exact !== undefined) records.setExactDeadline(ref, exact)
}

function exactDeadline({ args, instant }: Context, i: number, option: number): bigint | undefined {
  const n = parseInt64(args.buf, args.start[i], args.end[i])
  if (n === null) return undefined
  const ms = (option & (EX | EXAT)) !== 0 ? n * 1000n : n
  // A time that is not positive is refused by the caller.
  return n > 0n && (option & (EX | PX)) !== 0 ? ms + BigInt(instant.now) : ms
}

function refuse(c: Context): boolean {
  c.reply.error(`ERR invalid expire time in '${c.command.fullName}' command`)
  return false
}

/**
 * Sets the key in argument 1 to a string and keeps its TTL. A new key (`ref` is `NULL_REF`) gets the TTL of its
 * group.
 *
 * @param ref the current record of the key
 * @param tags flags of the new tags; by default the tags are kept
 * @returns `NULL_REF` if the entry alone exceeds the budget; nothing has changed then
 */
export function setKeepingDeadline(
  c: Context,
  ref: Ref,
  value: Buffer,
  start: number,
  end: number,
  tags: number = ref === NULL_REF ? 0 : c.group.store.copyTags(ref),
): Ref {
  const { args, group } = c
  const { store } = group
  if (ref === NULL_REF) return group.set(args.buf, args.start[1], args.end[1], value, start, end, tags)
  const { records } = store
  store.deadline[0] = records.deadline(ref)
  const exact = store.deadline[0] > Number.MAX_SAFE_INTEGER ? records.exactDeadline(ref) : 0n
  const flags = tags | (store.deadline[0] === 0 ? 0 : EXPIRES)
  const { buf } = args
  const written = store.put(buf, args.start[1], args.end[1], value, start, end, ValueType.STRING, flags)
  if (written !== NULL_REF && exact !== 0n) records.setExactDeadline(written, exact)
  return written
}
