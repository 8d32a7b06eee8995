// HOTKEYS: the keys that are accessed most. A command of Erinys; Redis 8.6 has another one of this name.

import type { CommandSpec } from '../spec/command.ts'
import { wrongArguments } from '../spec/errors.ts'
import { findGroup, unknownGroup } from '../spec/selection.ts'
import { arg } from '../spec/shorthand.ts'

/** The maximum number of keys of a group on each node. */
const MAX_KEYS = 16
/** The name of a node that is in no cluster, as in EXPLAIN. */
const SELF = 'self'

export const hotKeysCommands: readonly CommandSpec[] = [
  {
    name: 'hotkeys',
    arity: -1,
    flags: ['loading', 'stale'],
    categories: ['keyspace', 'read', 'slow', 'dangerous'],
    fanOut: 'list',
    summary: 'Returns the keys that are accessed most on each node, of a group or of all groups.',
    since: '0.1.0',
    group: 'erinys',
    complexity: 'O(N) where N is the number of groups.',
    tips: ['nondeterministic_output'],
    arguments: [arg('group', 'string', { optional: true })],
    groups: (c) => (c.args.count > 1 ? [findGroup(c, 1)] : c.host.groups),
    run(c) {
      const { args, host, reply } = c
      const group = args.count > 1 ? findGroup(c, 1) : undefined
      if (args.count > 2) reply.error(wrongArguments('hotkeys'))
      else if (args.count > 1 && group === undefined) reply.error(`ERR no such group: ${unknownGroup(c, 1)}`)
      else {
        const node = host.cluster?.status.report?.self.name ?? SELF
        const groups = group === undefined ? host.groups : [group]
        const found = groups
          .flatMap((each) => each.hotKeys.top(MAX_KEYS).map((hot) => ({ ...hot, group: each.name })))
          .sort((a, b) => b.rate - a.rate)
        reply.array(found.length)
        // Arrays of bulk strings and integers: alike in both protocols, as the reply of another node has to be.
        for (const { key, rate, share, group: name } of found) {
          reply.array(5)
          reply.bulkText(name)
          reply.bulk(key, 0, key.length)
          reply.integer(Math.round(rate))
          reply.integer(Math.round(share * 100))
          reply.bulkText(node)
        }
      }
    },
  },
]
