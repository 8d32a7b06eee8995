// SLOWLOG: the latest slow commands, and slow loads and writes of origins.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { wrongSubcommand } from '../spec/errors.ts'
import { arg } from '../spec/shorthand.ts'

const COMMON = {
  flags: ['admin', 'loading', 'stale'],
  categories: ['admin', 'slow', 'dangerous'],
  group: 'server',
  since: '2.2.12',
} as const

const DEFAULT_COUNT = 10

const subcommands: readonly CommandSpec[] = [
  {
    ...COMMON,
    name: 'get',
    arity: -2,
    summary: "Returns the slow log's entries.",
    complexity: 'O(N) where N is the number of entries returned',
    tips: ['request_policy:all_nodes', 'nondeterministic_output'],
    history: [['4.0.0', 'Added client IP address, port and name to the reply.']],
    arguments: [arg('count', 'integer', { optional: true })],
    run: get,
  },
  {
    ...COMMON,
    name: 'len',
    arity: 2,
    summary: 'Returns the number of entries in the slow log.',
    complexity: 'O(1)',
    tips: ['request_policy:all_nodes', 'response_policy:agg_sum', 'nondeterministic_output'],
    run: ({ host, reply }) => reply.integer(host.telemetry.slowLog.entries.length),
  },
  {
    ...COMMON,
    name: 'reset',
    arity: 2,
    summary: 'Clears all entries from the slow log.',
    complexity: 'O(N) where N is the number of entries in the slowlog',
    tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
    run({ host, reply }) {
      host.telemetry.slowLog.reset()
      reply.ok()
    },
  },
]

export const slowLogCommands: readonly CommandSpec[] = [
  container({
    name: 'slowlog',
    flags: [],
    categories: ['slow'],
    summary: 'A container for slow log commands.',
    since: '2.2.12',
    helpSince: '6.2.0',
    group: 'server',
    subcommands,
  }),
]

function get({ args, host, reply }: Context): void {
  const count = args.count === 2 ? DEFAULT_COUNT : parseInteger(args.buf, args.start[2], args.end[2])
  if (args.count > 3) {
    reply.error(wrongSubcommand('SLOWLOG', args.latin1(1)), 'latin1')
    return
  }
  if (!(count >= -1)) {
    reply.error('ERR count should be greater than or equal to -1')
    return
  }
  const { entries } = host.telemetry.slowLog
  const shown = count === -1 ? entries : entries.slice(0, count)
  reply.array(shown.length)
  for (const { id, second, micros, args: request, address, clientName } of shown) {
    reply.array(6)
    reply.integer(id)
    reply.integer(second)
    reply.integer(micros)
    reply.array(request.length)
    for (const each of request) reply.bulk(each, 0, each.length)
    reply.bulkText(address)
    reply.bulkText(clientName)
  }
}
