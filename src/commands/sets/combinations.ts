// Several sets: SINTER, SUNION, SDIFF, their STORE forms, and SINTERCARD.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { DistinctStrings } from '../../store/types/bulk/distinct-strings.ts'
import { PACKED_ELEMENTS } from '../../store/types/collections.ts'
import type { Sets } from '../../store/types/sets.ts'
import { StringList } from '../../store/types/string-list.ts'
import { readPositive } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, countedKeys, manyKeys, option } from '../spec/shorthand.ts'
import { createCollection, findCollection, hasRoom, readCollection } from '../spec/values/collection.ts'

/** Visits each member of a combination; `sets.member` is the member. `visit` returns false to end. */
type Combine = (sets: Sets, refs: readonly Ref[], visit: () => boolean) => void

/** Cleared after each command: a large result gives its memory back. */
const result = new StringList()

/** The sets of the keys from argument `first` to `last`; `NULL_REF`: none. `undefined` after WRONGTYPE. */
function readSets(c: Context, first: number, last: number, read = readCollection): Ref[] | undefined {
  const refs: Ref[] = []
  for (let i = first; i <= last; i++) {
    const ref = read(c, i, ValueType.SET)
    if (ref === undefined) return undefined
    refs.push(ref)
  }
  return refs
}

function intersect(sets: Sets, refs: readonly Ref[], visit: () => boolean): void {
  if (refs.includes(NULL_REF)) return
  const [smallest, ...others] = [...new Set(refs)].sort((a, b) => sets.size(a) - sets.size(b))
  const { member } = sets
  for (let is = sets.first(smallest); is; is = sets.next()) {
    const { bytes, start, end } = member
    if (others.every((other) => sets.has(other, bytes, start, end)) && !visit()) return
  }
}

/** Visits a member once for each set that has it. */
function unite(sets: Sets, refs: readonly Ref[], visit: () => boolean): void {
  for (const ref of new Set(refs)) {
    if (ref === NULL_REF) continue
    for (let is = sets.first(ref); is; is = sets.next()) if (!visit()) return
  }
}

function subtract(sets: Sets, [first, ...rest]: readonly Ref[], visit: () => boolean): void {
  if (first === NULL_REF) return
  // Large sets first: they are the most likely to contain a member.
  const others = rest.filter((ref) => ref !== NULL_REF).sort((a, b) => sets.size(b) - sets.size(a))
  const { member } = sets
  for (let is = sets.first(first); is; is = sets.next()) {
    const { bytes, start, end } = member
    if (!others.some((other) => sets.has(other, bytes, start, end)) && !visit()) return
  }
}

/** How many members a union has at most: a set that is named many times counts once. */
function sizeOfAll({ store: { sets } }: Context, refs: readonly Ref[]): number {
  let size = 0
  for (const ref of new Set(refs)) if (ref !== NULL_REF) size += sets.size(ref)
  return size
}

/** Collects a combination in `result`, in the order of Redis if that makes an `intset` of it. */
function collect(c: Context, combine: Combine, refs: readonly Ref[]): void {
  const { store } = c
  const { member } = store.sets
  const distinct = combine === unite ? new DistinctStrings(result, sizeOfAll(c, refs)) : undefined
  combine(store.sets, refs, () => {
    const { bytes, start, end } = member
    if (distinct === undefined || distinct.indexOf(store.hashOf(bytes, start, end), bytes, start, end) < 0)
      result.add(bytes, start, end)
    return true
  })
  const { setMaxIntsetEntries } = c.store.collections.limits
  if (result.count > 1 && result.count <= setMaxIntsetEntries && result.areIntegers()) result.sortIntegers()
}

function reply(c: Context, combine: Combine): void {
  const refs = readSets(c, 1, c.args.count - 1)
  if (refs === undefined) return
  try {
    collect(c, combine, refs)
    replyMembers(c)
  } finally {
    result.clear()
  }
}

function replyMembers(c: Context): void {
  const { bytes, view, starts, ends, count } = result
  c.reply.set(count)
  for (let i = 0; i < count; i++) c.reply.bulk(bytes, starts[i], ends[i], view)
}

function store(c: Context, combine: Combine): void {
  const refs = readSets(c, 2, c.args.count - 1, findCollection)
  if (refs === undefined) return
  try {
    collect(c, combine, refs)
    storeMembers(c)
  } finally {
    result.clear()
  }
}

function storeMembers(c: Context): void {
  const { bytes, starts, ends, count } = result
  if (count > 0 && !hasRoom(c, NULL_REF, 1, result.size, count)) return
  const old = c.find(1)
  if (old !== NULL_REF) c.group.store.remove(old)
  if (count > 0) {
    const { sets, collections } = c.group.store
    let ref = createCollection(c, 1, ValueType.SET)
    if (count > PACKED_ELEMENTS) ref = sets.load(ref, result)
    else for (let i = 0; i < count; i++) ref = sets.add(ref, bytes, starts[i], ends[i])
    collections.finish(ref, count)
  }
  c.reply.integer(count)
}

const NUMKEYS = 'ERR numkeys should be greater than 0'

/** The number of keys of SINTERCARD; 0 after an error reply. */
function readKeyCount(c: Context): number {
  const count = readPositive(c, 1, 1, NUMKEYS)
  if (count <= c.args.count - 2) return count
  if (!Number.isNaN(count)) c.reply.error("ERR Number of keys can't be greater than number of args")
  return 0
}

function countIntersection(c: Context): void {
  const { args } = c
  const keys = readKeyCount(c)
  if (keys === 0) return
  let limit = 0
  for (let i = 2 + keys; i < args.count; i += 2) {
    if (!args.is(i, 'LIMIT') || i + 1 === args.count) {
      c.reply.error(SYNTAX_ERROR)
      return
    }
    limit = readPositive(c, i + 1, 0, "ERR LIMIT can't be negative")
    if (Number.isNaN(limit)) return
  }
  const refs = readSets(c, 2, 1 + keys)
  if (refs === undefined) return
  let count = 0
  intersect(c.store.sets, refs, () => ++count !== limit)
  c.reply.integer(count)
}

const KEYS = arg('key', 'key', { multiple: true })
const MAX_WORK =
  'O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.'
const SUM = 'O(N) where N is the total number of elements in all given sets.'

const READ = {
  arity: -2,
  flags: ['readonly'],
  categories: ['read', 'set', 'slow'],
  keys: manyKeys(1, 'RO', 'access'),
  load: 'through',
  since: '1.0.0',
  group: 'set',
  tips: ['nondeterministic_output_order'],
  arguments: [KEYS],
} as const satisfies Partial<CommandSpec>

const STORE = {
  arity: -3,
  flags: ['write', 'denyoom'],
  categories: ['write', 'set', 'slow'],
  keys: [
    { first: 1, last: 1, step: 1, flags: ['OW', 'update'] },
    { first: 2, last: -1, step: 1, flags: ['RO', 'access'] },
  ],
  load: 'first',
  since: '1.0.0',
  group: 'set',
  arguments: [arg('destination', 'key'), KEYS],
} as const satisfies Partial<CommandSpec>

export const setCombinationCommands: readonly CommandSpec[] = [
  {
    ...READ,
    name: 'sinter',
    summary: 'Returns the members that all of the sets have.',
    complexity: MAX_WORK,
    run: (c) => reply(c, intersect),
  },
  {
    ...READ,
    name: 'sunion',
    summary: 'Returns the members that any of the sets has.',
    complexity: SUM,
    run: (c) => reply(c, unite),
  },
  {
    ...READ,
    name: 'sdiff',
    summary: 'Returns the members of the first set that no other set has.',
    complexity: SUM,
    run: (c) => reply(c, subtract),
  },
  {
    ...STORE,
    name: 'sinterstore',
    keys: [
      { first: 1, last: 1, step: 1, flags: ['RW', 'update'] },
      { first: 2, last: -1, step: 1, flags: ['RO', 'access'] },
    ],
    // Redis's flag of the destination is RW, though it is only overwritten.
    findKeys: ({ args }, thatItReads) =>
      Array.from({ length: args.count - 1 }, (_, i) => i + 1).slice(thatItReads ? 1 : 0),
    summary: 'Stores the members that all of the sets have in a key.',
    complexity: MAX_WORK,
    run: (c) => store(c, intersect),
  },
  {
    ...STORE,
    name: 'sunionstore',
    summary: 'Stores the members that any of the sets has in a key.',
    complexity: SUM,
    run: (c) => store(c, unite),
  },
  {
    ...STORE,
    name: 'sdiffstore',
    summary: 'Stores the members of the first set that no other set has in a key.',
    complexity: SUM,
    run: (c) => store(c, subtract),
  },
  {
    ...READ,
    name: 'sintercard',
    arity: -3,
    flags: ['readonly', 'movablekeys'],
    keys: [{ first: 1, last: 1, step: 1, counted: true, flags: ['RO', 'access'] }],
    findKeys: countedKeys(1),
    summary: 'Returns the number of members that all of the sets have.',
    since: '7.0.0',
    complexity: MAX_WORK,
    tips: [],
    arguments: [arg('numkeys', 'integer'), KEYS, option('LIMIT', 'limit', 'integer', { optional: true })],
    run: countIntersection,
  },
]
