// The layout of a tree's entries in its pages.

import { UNIT_BYTES } from '../../arena.ts'
import { PAGE_HEADER_WORDS } from '../region/pages.ts'

/*
 * Every inner page knows how many entries are below each child, so an entry is found by its rank in O(log n). Entries are
 * in the order of their keys, or, in a list, where they were put.
 *
 *   kind     key of an entry        words   then                         order
 *   LIST     –                      0       element                      as inserted; leaves of its own (`list/leaves.ts`)
 *   SET      hash of the member     1       member                       unsigned hash; equal ones in any order
 *   HASH     hash of the field      1       field, value                 the same
 *   SCORES   hash of the member     1       score (double), member       the same
 *   RANKING  score (double)         2       member                       score, then the bytes of the member
 *   IDS      stream ID, 128 bits    4       one string                   unsigned
 *
 *   leaf   | header, count | dead << 16, heap | hole << 16 | slots: distance (2 bytes), key → | … free … | ← entries |
 *   inner  | header, count | unused           | children | entries below each | keys        |  Int32 words
 *
 * A slot has the distance of its entry from the end of the page, and the key of the entry: a search reads neighbouring
 * slots, and one entry at the end. Slots are in order: an insertion moves only slots.
 * `heap` is the distance of the lowest entry, `dead` the bytes of removed entries above it. `hole` is the distance of the
 * removed entry that the next one of its length replaces: so a leaf where entries come and go is rarely packed. There are
 * the distance of another such hole, 0: there is none, and its own length, of 2 bytes each. Leaves begin small, grow in
 * steps to LEAF_UNITS and are then split, so they are well filled; a page at the edge is split there, so that a list that
 * is pushed to, or a stream, fills its pages.
 *
 * The key of a child is not above any key below it; that of the first child is not used. An inner page of RANKING has
 * scores only: members are compared where scores are equal.
 *
 * An entry is: double if the kind has one, strings. A string is its length in one byte, below 240; or LONG, length in
 * two bytes; or SEPARATE, the number of a page of its own, the length. The members of a sorted set are in two trees: the
 * longer ones are in one page, which belongs to RANKING.
 */

export const TreeKind = {
  LIST: 0,
  SET: 1,
  HASH: 2,
  SCORES: 3,
  RANKING: 4,
  IDS: 5,
} as const
export type TreeKind = (typeof TreeKind)[keyof typeof TreeKind]

export const KEY_WORDS = [0, 1, 1, 1, 2, 4] as const
/** Bytes of a slot. */
export const SLOT_BYTES = [2, 6, 6, 6, 10, 18] as const
export const DOUBLE_BYTES = [0, 0, 0, 8, 0, 0] as const
export const STRINGS = [1, 1, 2, 1, 1, 1] as const

const LONG = 0xf0
const DATA = PAGE_HEADER_WORDS + 2
const LEAF_UNITS = 512
const INNER_UNITS = 256

/**
 * The files of the tree copy what they use into constants of their own: those are compiled into the code, while an imported
 * constant is loaded at each use.
 */
export const LAYOUT = {
  /** Words of a page. */
  COUNT: PAGE_HEADER_WORDS,
  HEAP: PAGE_HEADER_WORDS + 1,
  /** Bytes of the smallest hole. */
  MIN_HOLE: 4,
  DATA,
  DATA_BYTES: DATA * 4,
  /** Where the key is in a slot. */
  KEY_AT: 2,
  LEAF_UNITS,
  INNER_UNITS,
  FIRST_UNITS: 32,
  FIRST_CHILDREN: 8,
  MAX_HEIGHT: 16,
  LONG,
  SEPARATE: 0xf1,
  MAX_SHORT: LONG - 1,
  /** Longer strings have a page of their own, so that a full leaf has several entries. */
  MAX_INLINE: 512,
  /** The same for members of sorted sets: two copies of a longer one are larger than a page of its own. */
  MAX_INLINE_MEMBER: 48,
  SEPARATE_BYTES: 9,
} as const

const { MAX_SHORT, MAX_INLINE, MAX_INLINE_MEMBER, SEPARATE_BYTES } = LAYOUT

/** Children that an inner page of some units can have, by kind: a table, as a division at each level of a search costs more. */
export const CAPACITIES: readonly Uint16Array[] = KEY_WORDS.map((words) =>
  Uint16Array.from({ length: INNER_UNITS + 1 }, (_, units) => Math.max(0, (2 * units - DATA) / (2 + words))),
)

/** Bytes of a string in an entry. */
export function stringBytes(length: number): number {
  if (length <= MAX_SHORT) return 1 + length
  return length <= MAX_INLINE ? 3 + length : SEPARATE_BYTES
}

/** Bytes of a member of a sorted set in an entry. */
export function memberBytes(length: number): number {
  return length <= MAX_INLINE_MEMBER ? 1 + length : SEPARATE_BYTES
}

/** Whether a string, which is no member of a sorted set, has a page of its own. */
export function isSeparate(length: number): boolean {
  return length > MAX_INLINE
}

/** Bytes that one command may add to a region for new pages, whatever it inserts. */
export const TREE_SLACK: number = 3 * LEAF_UNITS * UNIT_BYTES
