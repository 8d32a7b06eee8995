// The common part of the specifications of PEER's subcommands.

import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { NOT_A_PEER } from '../spec/errors.ts'

type Subcommand = Pick<
  CommandSpec,
  'name' | 'arity' | 'summary' | 'arguments' | 'run' | 'keys' | 'findKeys' | 'fencesItself' | 'isForPeers'
> & {
  readonly flags?: CommandSpec['flags']
  readonly complexity?: string
}

export function subcommand({ flags = [], complexity = 'O(1)', ...spec }: Subcommand): CommandSpec {
  return {
    flags: ['admin', 'noscript', 'loading', 'stale', 'skip_slowlog', ...flags],
    categories: [...(flags.includes('write') ? ['write'] : []), 'admin', 'slow', 'dangerous'],
    since: '7.0.0',
    group: 'erinys',
    complexity,
    isSystem: true,
    ...spec,
  }
}

/** For connections that have completed the handshake. */
export function forPeers(run: (c: Context) => void): Pick<CommandSpec, 'isForPeers' | 'run'> {
  return {
    isForPeers: true,
    run(c) {
      if (c.client.peer === undefined) c.reply.error(NOT_A_PEER)
      else run(c)
    },
  }
}

/** The nodes have different groups, and the context's group is that of an earlier request. */
export function hasNoSuchGroup({ client }: Context): boolean {
  return client.peer?.isUnknownGroup === true
}
