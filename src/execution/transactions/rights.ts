// What a user may run in a transaction when its rights change within it, or have changed since its commands were queued.

import type { Context } from '../../commands/spec/context.ts'
import { Command } from '../../commands/spec/ready-command.ts'
import type { Args } from '../../resp/args.ts'
import type { Block, BlockCommand } from './block.ts'

const RUNS_BEFORE =
  'ERR this cannot come after AUTH, HELLO or ACL in a transaction that another node runs, or that writes to an origin'

/** Commands that change rules. */
const CHANGES_RULES: ReadonlySet<string> = new Set(['acl|setuser', 'acl|deluser', 'acl|load'])

/** Whether the commands after it in a block may run as another user, or with other rules. */
export function changesRights({ fullName }: Command, { count }: Args): boolean {
  return fullName === 'auth' || (fullName === 'hello' && count > 2) || CHANGES_RULES.has(fullName)
}

/** Replies with an error instead of the command. */
export function refused(entry: BlockCommand, refusal: string): BlockCommand {
  const { name, arity, since, group, complexity, summary } = entry.command.spec
  const run = ({ reply }: Context): void => reply.error(refusal)
  const command = new Command(
    // `no_auth`: it is not checked, and refused, again.
    { name, arity, since, group, complexity, summary, flags: ['no_auth'], categories: [], run },
    () => entry.command.id,
  )
  return { ...entry, command, positions: [] }
}

/**
 * The block for a node, or for an origin, that runs the commands with keys before the others: those that come after a
 * change of rights are refused, as nobody knows yet whether they will be allowed. Most blocks are returned as they are.
 */
export function withoutUncertain(block: Block): Block {
  const change = block.findIndex(({ command, args }) => changesRights(command, args))
  if (change < 0) return block
  return block.map((entry, i) =>
    i > change && entry.positions.length > 0 ? refused(entry, RUNS_BEFORE) : entry,
  )
}
