// OBJECT: metadata of one cached record. Loads nothing and does not count as an access.

import { NULL_REF, type Ref } from '../../store/arena.ts'
import type { CommandSpec } from '../spec/command.ts'
import { helpCommand, runSubcommand } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { KEY } from '../spec/shorthand.ts'
import { encodingName } from '../spec/values/names.ts'

const NO_FREQUENCY =
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching ' +
  'between policies at runtime LRU and LFU data will take some time to adjust.'

const HELP = [
  'ENCODING <key>',
  '    Return the kind of internal representation used in order to store the value',
  '    associated with a <key>.',
  'FREQ <key>',
  '    Return the access frequency index of the <key>. The returned integer is',
  '    proportional to the logarithm of the recent access frequency of the key.',
  'IDLETIME <key>',
  '    Return the idle time of the <key>, that is the approximated number of',
  '    seconds elapsed since the last access to the key.',
  'REFCOUNT <key>',
  '    Return the number of references of the value associated with the specified',
  '    <key>.',
]

export const objectCommands: readonly CommandSpec[] = [
  {
    name: 'object',
    arity: -2,
    flags: [],
    categories: ['slow'],
    summary: 'A container for object introspection commands.',
    since: '2.2.3',
    group: 'generic',
    complexity: 'Depends on subcommand.',
    run: runSubcommand,
    subcommands: [
      inspection('encoding', 'Returns the internal encoding of a Redis object.', '2.2.3', (c, ref) => {
        c.reply.bulkText(encodingName(c.store, ref))
      }),
      inspection(
        'freq',
        'Returns the logarithmic access frequency counter of a Redis object.',
        '4.0.0',
        // No policy keeps the counter of Redis's LFU.
        (c) => c.reply.error(NO_FREQUENCY),
      ),
      helpCommand('object', '6.2.0', HELP, { group: 'generic', categories: ['keyspace', 'slow'] }),
      inspection(
        'idletime',
        'Returns the time since the last access to a Redis object.',
        '2.2.3',
        (c, ref) => {
          c.reply.integer(c.store.idleSeconds(ref))
        },
      ),
      inspection(
        'refcount',
        'Returns the reference count of a value of a key.',
        '2.2.3',
        // Values are not shared, as in Redis with an LRU policy.
        (c) => c.reply.integer(1),
      ),
    ],
  },
]

/** A subcommand about the record of argument 2; null if there is none. */
function inspection(
  name: string,
  summary: string,
  since: string,
  answer: (c: Context, ref: Ref) => void,
): CommandSpec {
  return {
    name,
    arity: 3,
    flags: ['readonly'],
    categories: ['keyspace', 'read', 'slow'],
    keys: [{ first: 2, last: 2, step: 1, flags: ['RO'] }],
    summary,
    since,
    group: 'generic',
    complexity: 'O(1)',
    tips: ['nondeterministic_output'],
    arguments: [KEY],
    run(c) {
      const ref = c.peek(2)
      if (ref === NULL_REF) c.reply.null()
      else answer(c, ref)
    },
  }
}
