// The options of SORT and SORT_RO.

import { keySlot, SLOT_COUNT } from '../../bytes/crc16.ts'
import type { Args } from '../../resp/args.ts'
import { readInteger } from '../spec/arguments.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { Pattern } from './pattern.ts'

const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const WILDCARDS = Buffer.from('*?[\\', 'latin1')

const IN_OTHER_SLOTS = 'denied in cluster mode when keys formed by the pattern may be in different slots.'

export interface SortOptions {
  isDescending: boolean
  isAlphabetical: boolean
  /** LIMIT: how many elements are skipped, and how many follow at most; negative: all. */
  skipped: number
  count: number
  /** What is compared instead of the elements. Without a star in it, nothing is sorted. */
  by: Pattern | undefined
  /** What is replied instead of the elements. */
  readonly gets: Pattern[]
  /** The argument that names the destination; 0: none. */
  storeAt: number
}

/** The position of the last destination; 0: none. For arguments that may be wrong (Redis: `sortGetKeys`). */
export function destinationOf(args: Args): number {
  let found = 0
  for (let i = 2; i < args.count; i++) {
    if (args.is(i, 'LIMIT')) i += 2
    else if (args.is(i, 'GET') || args.is(i, 'BY')) i += 1
    else if (args.is(i, 'STORE') && i + 1 < args.count) found = ++i
  }
  return found
}

/** BY or GET, if its pattern stands for other keys. For arguments that may be wrong. */
export function optionWithPattern(args: Args): 'BY' | 'GET' | undefined {
  for (let i = 2; i + 1 < args.count; i++) {
    if (args.is(i, 'LIMIT')) i += 2
    else if (args.is(i, 'STORE')) i += 1
    else if (args.is(i, 'BY')) {
      if (new Pattern(args.copy(++i)).hasStar) return 'BY'
    } else if (args.is(i, 'GET') && !new Pattern(args.copy(++i)).isElement) return 'GET'
  }
  return undefined
}

/** `undefined` after an error reply. */
export function readSortOptions(c: Context, mayStore: boolean): SortOptions | undefined {
  const { args, reply } = c
  const options: SortOptions = {
    isDescending: false,
    isAlphabetical: false,
    skipped: 0,
    count: -1,
    by: undefined,
    gets: [],
    storeAt: 0,
  }
  for (let i = 2; i < args.count; i++) {
    const left = args.count - i - 1
    if (args.is(i, 'ASC')) options.isDescending = false
    else if (args.is(i, 'DESC')) options.isDescending = true
    else if (args.is(i, 'ALPHA')) options.isAlphabetical = true
    else if (args.is(i, 'LIMIT') && left >= 2) {
      options.skipped = readInteger(c, ++i)
      if (Number.isNaN(options.skipped)) return undefined
      options.count = readInteger(c, ++i)
      if (Number.isNaN(options.count)) return undefined
    } else if (mayStore && args.is(i, 'STORE') && left >= 1) options.storeAt = ++i
    else if (args.is(i, 'BY') && left >= 1) {
      const text = args.copy(++i)
      const by = new Pattern(text)
      if (by.hasStar && mayLeaveSlot(c, text)) {
        reply.error(`ERR BY option of SORT ${IN_OTHER_SLOTS}`)
        return undefined
      }
      options.by = by
    } else if (args.is(i, 'GET') && left >= 1) {
      const text = args.copy(++i)
      const get = new Pattern(text)
      if (!get.isElement && mayLeaveSlot(c, text)) {
        reply.error(`ERR GET option of SORT ${IN_OTHER_SLOTS}`)
        return undefined
      }
      options.gets.push(get)
    } else {
      reply.error(SYNTAX_ERROR)
      return undefined
    }
  }
  return options
}

/** Whether keys of the pattern may have another owner than the sorted key (Redis 7.4: `patternHashSlot`). */
function mayLeaveSlot({ args, host }: Context, pattern: Buffer): boolean {
  return host.cluster !== undefined && patternSlot(pattern) !== keySlot(args.buf, args.start[1], args.end[1])
}

/** The slot of all keys that a pattern stands for: that of its hash tag, before any wildcard. SLOT_COUNT: unknown. */
function patternSlot(pattern: Buffer): number {
  let open = -1
  for (let i = 0; i < pattern.length; i++) {
    if (WILDCARDS.includes(pattern[i])) return SLOT_COUNT
    if (pattern[i] === OPEN_BRACE && open < 0) open = i
    else if (pattern[i] === CLOSE_BRACE && open >= 0 && i > open + 1) return keySlot(pattern, open, i + 1)
  }
  return keySlot(pattern, 0, pattern.length)
}
