// String commands.

import { NULL_REF } from '../store/arena.ts'
import type { CommandSpec } from './command.ts'
import { tooLarge } from './errors.ts'

export const stringCommands: readonly CommandSpec[] = [
  {
    name: 'get',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['read', 'string', 'fast'],
    keys: [{ first: 1, last: 1, step: 1, flags: ['RO', 'access'] }],
    load: 'through',
    summary: 'Returns the string value of a key.',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    arguments: [{ name: 'key', type: 'key' }],
    run(c) {
      const ref = c.read(1)
      if (ref === NULL_REF) c.reply.null()
      else c.replyValue(ref)
    },
  },
  {
    name: 'set',
    arity: -3,
    flags: ['write', 'denyoom'],
    categories: ['write', 'string', 'slow'],
    keys: [{ first: 1, last: 1, step: 1, flags: ['RW', 'access', 'update', 'variable_flags'] }],
    summary: 'Sets the string value of a key.',
    since: '1.0.0',
    group: 'string',
    complexity: 'O(1)',
    run(c) {
      const { args, group } = c
      const ref = group.set(args.buf, args.start[1], args.end[1], args.buf, args.start[2], args.end[2], 0)
      if (ref === NULL_REF) c.reply.error(tooLarge(c.group.store.maxBytes))
      else c.reply.ok()
    },
  },
]
