// A block: the commands of a transaction that is to run, each with its group and its keys.

import type { Context } from '../../commands/spec/context.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import { findGroup } from '../../commands/spec/selection.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import { keyName } from '../loading/load-results.ts'
import type { QueuedRequest } from './queue.ts'

export interface BlockCommand extends QueuedRequest {
  readonly group: Group
  /** The positions of its keys; empty if the node of the client runs it, whichever node owns its keys. */
  readonly positions: readonly number[]
  /** The protocol of its reply, if a HELLO before it in the block has changed that. */
  readonly protocol: 2 | 3 | undefined
}

export type Block = readonly BlockCommand[]

/**
 * SELECT and HELLO within a transaction apply to the commands after it, unless they are refused.
 *
 * @param allowed the command, or what replies with an error in its place
 */
export function blockOf(
  requests: readonly QueuedRequest[],
  group: Group,
  context: Context,
  allowed: (entry: BlockCommand) => BlockCommand,
): Block {
  const { args: before } = context
  let selected = group
  let protocol: 2 | 3 | undefined
  const block = requests.map(({ command, args }) => {
    context.args = args
    const entry = allowed(blockCommand(command, args, selected, context, protocol))
    if (entry.command !== command) return entry
    if (command.fullName === 'hello' && args.count > 1) protocol = protocolOf(args.latin1(1)) ?? protocol
    if (command.fullName === 'select') selected = findGroup(context, 1) ?? selected
    return entry
  })
  context.args = before
  return block
}

/** `context.args` must be `args`. */
export function blockCommand(
  command: Command,
  args: Args,
  group: Group,
  context: Context,
  protocol: 2 | 3 | undefined,
): BlockCommand {
  const hasKeys = command.isRouted && command.fanOutOf(args) === undefined
  return { command, args, group, positions: hasKeys ? command.keysOf(context) : [], protocol }
}

/** Undefined: there is no such protocol. */
export function protocolOf(text: string | undefined): 2 | 3 | undefined {
  return text === '2' ? 2 : text === '3' ? 3 : undefined
}

/** Names of all keys, without their groups. */
export function keyNamesOf(block: Block): string[] {
  return block.flatMap(({ args, positions }) => positions.map((i) => keyName(args, i)))
}

/** Whether it may change the state of its client: later commands of the client must not run before it. */
export function changesSession(block: Block): boolean {
  return block.some(({ command }) => !command.isRouted && !STATELESS.has(command.fullName))
}

/** Commands without keys that read or change nothing of their connection. */
const STATELESS: ReadonlySet<string> = new Set(['ping', 'echo', 'time', 'unwatch'])
