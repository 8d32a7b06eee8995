// Reading lists by index: LRANGE, LINDEX.

import { NULL_REF } from '../../store/arena.ts'
import { ValueType } from '../../store/record.ts'
import { readInteger } from '../spec/arguments.ts'
import type { CommandSpec } from '../spec/command.ts'
import { arg, KEY, oneKey } from '../spec/shorthand.ts'
import { readCollection, replySpan } from '../spec/values/collection.ts'
import { endOf, startOf } from '../spec/values/positions.ts'

export const listRangeCommands: readonly CommandSpec[] = [
  {
    name: 'lrange',
    arity: 4,
    flags: ['readonly'],
    categories: ['read', 'list', 'slow'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns a range of elements from a list.',
    since: '1.0.0',
    group: 'list',
    complexity: 'O(log N + M) where N is the length of the list and M the number of elements in the range.',
    arguments: [KEY, arg('start', 'integer'), arg('stop', 'integer')],
    run(c) {
      const start = readInteger(c, 2)
      if (Number.isNaN(start)) return
      const stop = readInteger(c, 3)
      if (Number.isNaN(stop)) return
      const ref = readCollection(c, 1, ValueType.LIST)
      if (ref === undefined) return
      const { lists } = c.store
      const length = ref === NULL_REF ? 0 : lists.length(ref)
      const from = startOf(start, length)
      const count = Math.max(0, endOf(stop, length) - from)
      c.reply.array(count)
      if (count === 0) return
      lists.seek(ref, from)
      for (let left = count; left > 0; left--) {
        replySpan(c)
        if (left > 1) lists.next()
      }
    },
  },
  {
    name: 'lindex',
    arity: 3,
    flags: ['readonly'],
    categories: ['read', 'list', 'slow'],
    keys: oneKey('RO', 'access'),
    load: 'through',
    summary: 'Returns an element from a list by its index.',
    since: '1.0.0',
    group: 'list',
    complexity: 'O(log N) where N is the length of the list.',
    arguments: [KEY, arg('index', 'integer')],
    run(c) {
      const ref = readCollection(c, 1, ValueType.LIST)
      if (ref === undefined) return
      if (ref === NULL_REF) {
        c.reply.null()
        return
      }
      const index = readInteger(c, 2)
      if (Number.isNaN(index)) return
      const { lists } = c.store
      const length = lists.length(ref)
      const at = index < 0 ? index + length : index
      if (at < 0 || at >= length) c.reply.null()
      else {
        lists.seek(ref, at)
        replySpan(c)
      }
    },
  },
]
