// TIME, SHUTDOWN, LOLWUT: commands about the node itself.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NOT_AN_INTEGER, SYNTAX_ERROR } from '../spec/errors.ts'
import { REDIS_VERSION } from '../spec/redis-version.ts'
import { oneOf, option, token } from '../spec/shorthand.ts'
import { artwork } from './lolwut.ts'

const SINCE_7 = { optional: true, since: '7.0.0' } as const

export const serverCommands: readonly CommandSpec[] = [
  {
    name: 'time',
    arity: 1,
    flags: ['loading', 'stale', 'fast'],
    categories: ['fast'],
    summary: 'Returns the server time.',
    since: '2.6.0',
    group: 'server',
    complexity: 'O(1)',
    tips: ['nondeterministic_output'],
    run({ instant, reply }) {
      reply.array(2)
      reply.bulkText(String(Math.floor(instant.now / 1000)))
      reply.bulkText(String(Math.floor((instant.now % 1000) * 1000)))
    },
  },
  {
    name: 'shutdown',
    arity: -1,
    flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
    categories: ['admin', 'slow', 'dangerous'],
    summary: 'Synchronously saves the database(s) to disk and shuts down the Redis server.',
    since: '1.0.0',
    group: 'server',
    complexity:
      'O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)',
    history: [['7.0.0', 'Added the `NOW`, `FORCE` and `ABORT` modifiers.']],
    arguments: [
      oneOf('save-selector', [token('NOSAVE'), token('SAVE')], { optional: true }),
      token('NOW', SINCE_7),
      token('FORCE', SINCE_7),
      token('ABORT', SINCE_7),
    ],
    run: shutdown,
  },
  {
    name: 'lolwut',
    arity: -1,
    flags: ['readonly', 'fast'],
    categories: ['read', 'fast'],
    summary: 'Displays computer art and the Redis version',
    since: '5.0.0',
    group: 'server',
    complexity: '',
    arguments: [option('VERSION', 'version', 'integer', { optional: true })],
    run({ args, host, instant, reply }) {
      const isVersioned = args.count > 2 && args.is(1, 'VERSION')
      if (isVersioned && Number.isNaN(parseInteger(args.buf, args.start[2], args.end[2]))) {
        reply.error(NOT_AN_INTEGER)
        return
      }
      const { version } = host.stats.identity
      const signature = `Redis ver. ${REDIS_VERSION}, Erinys ver. ${version}`
      reply.verbatim('txt', `${artwork(instant.now)}\n${signature}\n`)
    },
  },
]

/** There is no reply on success, as in Redis. */
function shutdown({ args, host, reply }: Context): void {
  const given = { NOSAVE: false, SAVE: false, NOW: false, FORCE: false, ABORT: false }
  for (let i = 1; i < args.count; i++) {
    const word = (Object.keys(given) as (keyof typeof given)[]).find((each) => args.is(i, each))
    if (word === undefined) {
      reply.error(SYNTAX_ERROR)
      return
    }
    given[word] = true
  }
  if ((given.ABORT && args.count > 2) || (given.NOSAVE && given.SAVE)) reply.error(SYNTAX_ERROR)
  // A node that shuts down accepts no commands, so there is never a shutdown to abort.
  else if (given.ABORT) reply.error('ERR No shutdown in progress.')
  else if (given.SAVE && !given.FORCE)
    reply.error('ERR SHUTDOWN SAVE is not possible, this server keeps nothing on disk: use NOSAVE, or FORCE')
  else host.shutdown(given.NOW)
}
