// SORT and SORT_RO: the elements of a list, set or sorted set in another order, or what belongs to them.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { PACKED_ELEMENTS } from '../../store/types/collections.ts'
import { StringList } from '../../store/types/string-list.ts'
import type { CommandSpec, KeyFlag, KeySpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { tooLarge, WRONG_TYPE } from '../spec/errors.ts'
import { arg, KEY, oneKey, oneOf, option, token } from '../spec/shorthand.ts'
import { destinationOf, optionWithPattern, readSortOptions, type SortOptions } from './options.ts'
import { alphabeticalOrder, indexes, numericOrder } from './order.ts'
import { Found } from './pattern.ts'

const NOT_NUMBERS = "ERR One or more scores can't be converted into double"

function sort(c: Context, mayStore: boolean): void {
  const options = readSortOptions(c, mayStore)
  if (options === undefined) return
  const ref = c.read(1)
  const type = ref === NULL_REF ? ValueType.LIST : c.store.records.type(ref)
  if (type !== ValueType.LIST && type !== ValueType.SORTED_SET && type !== ValueType.SET) {
    c.reply.error(WRONG_TYPE)
    return
  }
  const elements = new StringList()
  if (ref !== NULL_REF) copyElements(c, ref, type, elements)
  const order = orderOf(c, elements, options, type)
  if (order === undefined) {
    c.reply.error(NOT_NUMBERS)
    return
  }
  const selected = order.subarray(...limits(options, order.length))
  if (options.storeAt === 0) replyValues(c, elements, selected, options)
  else storeValues(c, elements, selected, options)
}

/** Copies the elements in their own order. */
function copyElements(c: Context, ref: Ref, type: ValueType, elements: StringList): void {
  const { collections, lists, sets, sortedSets } = c.store
  if (type === ValueType.SORTED_SET) {
    // Redis converts it, also for SORT_RO.
    collections.setLarge(ref, true)
    const { span } = sortedSets
    for (let is = sortedSets.seek(ref, 0); is; is = sortedSets.next())
      elements.add(span.bytes, span.start, span.end)
  } else if (type === ValueType.SET) {
    const { member } = sets
    for (let is = sets.first(ref); is; is = sets.next()) elements.add(member.bytes, member.start, member.end)
  } else {
    const { span } = lists
    for (let is = lists.seek(ref, 0); is; is = lists.next()) elements.add(span.bytes, span.start, span.end)
  }
}

/** The indexes of the elements in order. `undefined`: one is no number. */
function orderOf(
  c: Context,
  elements: StringList,
  { by, isAlphabetical, isDescending, storeAt }: SortOptions,
  type: ValueType,
): Int32Array | undefined {
  if (by === undefined || by.hasStar)
    return isAlphabetical
      ? alphabeticalOrder(c, elements, by, isDescending)
      : numericOrder(c, elements, by, isDescending)
  // The order of a set is arbitrary: what is stored must not depend on it, as in Redis.
  if (type === ValueType.SET && storeAt !== 0) return alphabeticalOrder(c, elements, undefined, isDescending)
  return type === ValueType.SET || !isDescending ? indexes(elements) : indexes(elements).reverse()
}

/** The range of LIMIT in a list of `length`. */
function limits({ skipped, count }: SortOptions, length: number): [start: number, end: number] {
  const start = Math.min(Math.max(0, skipped), length)
  return [start, count < 0 ? length : Math.min(length, start + count)]
}

function replyValues(c: Context, elements: StringList, selected: Int32Array, { gets }: SortOptions): void {
  const { reply } = c
  const found = new Found()
  const { bytes } = elements
  reply.array(selected.length * Math.max(1, gets.length))
  for (const i of selected) {
    const start = elements.starts[i]
    const end = elements.ends[i]
    if (gets.length === 0) reply.bulk(bytes, start, end)
    for (const get of gets) {
      if (get.find(c, bytes, start, end, found)) reply.bulk(found.bytes, found.start, found.end)
      else reply.null()
    }
  }
}

/** Stores the values as a list. */
function storeValues(
  c: Context,
  elements: StringList,
  selected: Int32Array,
  { gets, storeAt }: SortOptions,
): void {
  if (gets.length === 0) {
    storeList(c, storeAt, elements, selected)
    return
  }
  const values = new StringList()
  const found = new Found()
  for (const i of selected) {
    const { bytes } = elements
    const start = elements.starts[i]
    for (const get of gets) {
      const isFound = get.find(c, bytes, start, elements.ends[i], found)
      values.add(found.bytes, found.start, isFound ? found.end : found.start)
    }
  }
  storeList(c, storeAt, values, indexes(values))
}

/** Replaces what is under the key in argument `at` by a list of the selected values. */
function storeList(c: Context, at: number, values: StringList, selected: Int32Array): void {
  const { args, group, reply } = c
  const { collections, lists } = group.store
  const count = selected.length
  if (count === 0) {
    const old = c.peek(at)
    if (old !== NULL_REF) group.store.remove(old)
    reply.integer(0)
    return
  }
  const { bytes, starts, ends } = values
  const [start, end] = [args.start[at], args.end[at]]
  let size = 0
  for (const i of selected) size += ends[i] - starts[i]
  const fits = collections.fits(NULL_REF, size, count, end - start)
  let ref = fits ? collections.create(ValueType.LIST, args.buf, start, end, group.lifetime()) : NULL_REF
  if (ref === NULL_REF) {
    reply.error(tooLarge(group.store.maxBytes))
    return
  }
  if (count > PACKED_ELEMENTS) ref = lists.load(ref, values, selected)
  else for (const [n, i] of selected.entries()) ref = lists.insert(ref, n, bytes, starts[i], ends[i])
  collections.finish(ref, count)
  reply.integer(count)
}

const SHARED = {
  arity: -2,
  group: 'generic',
  complexity:
    'O(N+M*log(M)) where N is the number of elements to sort and M the number of returned ones. Where nothing is sorted, O(N).',
} as const satisfies Partial<CommandSpec>

const ARGUMENTS = [
  KEY,
  option('BY', 'pattern', 'pattern', { optional: true }),
  arg('offset_count', 'block', {
    token: 'LIMIT',
    optional: true,
    arguments: [arg('offset', 'integer'), arg('count', 'integer')],
  }),
  option('GET', 'pattern', 'pattern', { optional: true, multiple: true, multipleToken: true }),
  oneOf('order', [token('ASC'), token('DESC')], { optional: true }),
  arg('sorting', 'pure-token', { token: 'ALPHA', optional: true }),
] as const

const READ: readonly KeyFlag[] = ['RO', 'access']
const WRITTEN: readonly KeyFlag[] = ['OW', 'update']

/** The key, and those that BY and GET name. */
const SORTED_KEY: readonly KeySpec[] = [
  ...oneKey(...READ),
  { first: 0, last: 0, step: 0, flags: READ, unknown: true },
]

export const sortCommands: readonly CommandSpec[] = [
  {
    ...SHARED,
    name: 'sort',
    flags: ['write', 'denyoom', 'movablekeys'],
    categories: ['write', 'set', 'sortedset', 'list', 'slow', 'dangerous'],
    keys: [...SORTED_KEY, { first: 0, last: 0, step: 0, flags: WRITTEN, unknown: true }],
    findKeys({ args }, thatItReads) {
      const destination = thatItReads ? 0 : destinationOf(args)
      return destination === 0 ? [1] : [1, destination]
    },
    findKeyFlags: (_, i) => (i === 1 ? READ : WRITTEN),
    readsAnyKey: optionWithPattern,
    load: (args) => (destinationOf(args) === 0 ? 'through' : 'first'),
    repeatable: true,
    summary: 'Sorts the elements in a list, a set, or a sorted set, optionally storing the result.',
    since: '1.0.0',
    arguments: [...ARGUMENTS, option('STORE', 'destination', 'key', { optional: true })],
    run: (c) => sort(c, true),
  },
  {
    ...SHARED,
    name: 'sort_ro',
    flags: ['readonly', 'movablekeys'],
    categories: ['read', 'set', 'sortedset', 'list', 'slow', 'dangerous'],
    keys: SORTED_KEY,
    findKeys: () => [1],
    readsAnyKey: optionWithPattern,
    // Not simply 'through': a hot copy of the key does not have the keys of BY and GET beside it.
    load: () => 'through',
    summary: 'Returns the sorted elements of a list, a set, or a sorted set.',
    since: '7.0.0',
    arguments: ARGUMENTS,
    run: (c) => sort(c, false),
  },
]
