// GROUP: lists, describes and flushes groups. A command of Erinys, not of Redis.

import { replyToFlush } from '../cluster/flush.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import { CUT_OFF, wrongSubcommand } from '../spec/errors.ts'
import { replyObject } from '../spec/fields.ts'
import { findGroup, unknownGroup } from '../spec/selection.ts'
import { arg } from '../spec/shorthand.ts'
import { DOUBLES, groupStats } from './group-stats.ts'

export const groupCommands: readonly CommandSpec[] = [
  container({
    name: 'group',
    flags: [],
    categories: ['slow'],
    summary: 'A container for commands about groups.',
    since: '0.1.0',
    group: 'erinys',
    helpSince: '0.1.0',
    subcommands: [
      {
        name: 'flush',
        arity: -2,
        flags: ['write'],
        categories: ['keyspace', 'write', 'slow', 'dangerous'],
        wholeKeyspace: true,
        fanOut: 'ok',
        repeatable: true,
        summary: 'Removes all keys of a group, by default the selected one, from the caches of all nodes.',
        since: '0.1.0',
        group: 'erinys',
        complexity: 'O(1)',
        arguments: [arg('name', 'string', { optional: true })],
        groups: (c, selected) => [c.args.count > 2 ? findGroup(c, 2) : selected],
        run(c) {
          const group = c.args.count > 2 ? findGroup(c, 2) : c.group
          if (c.args.count > 3) c.reply.error(wrongSubcommand('GROUP', c.args.latin1(1)), 'latin1')
          else if (group === undefined) c.reply.error(`ERR no such group: ${unknownGroup(c, 2)}`)
          else {
            group.clear()
            if (c.host.cluster?.status.isCutOff) c.reply.error(CUT_OFF)
            else replyToFlush(c, [group])
          }
        },
      },
      {
        name: 'info',
        arity: 3,
        flags: ['loading', 'stale', 'fast'],
        categories: ['fast'],
        summary: 'Returns the contents, counters and policies of a group.',
        since: '0.1.0',
        group: 'erinys',
        complexity: 'O(1)',
        tips: ['nondeterministic_output'],
        arguments: [arg('name', 'string')],
        groups: (c) => [findGroup(c, 2)],
        run(c) {
          const group = findGroup(c, 2)
          if (group === undefined) c.reply.error(`ERR no such group: ${unknownGroup(c, 2)}`)
          else replyObject(c.reply, groupStats(group, c.host.groups.indexOf(group)), DOUBLES)
        },
      },
      {
        name: 'list',
        arity: 2,
        flags: ['loading', 'stale', 'fast'],
        categories: ['fast'],
        summary: 'Returns the names of the groups in the order of their indexes.',
        since: '0.1.0',
        group: 'erinys',
        complexity: 'O(N) where N is the number of groups.',
        run(c) {
          const { groups } = c.host
          c.reply.array(groups.length)
          for (const group of groups) c.reply.bulkText(group.name)
        },
      },
    ],
  }),
]
