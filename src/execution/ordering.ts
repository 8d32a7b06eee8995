// The order of one connection's commands per key: whether a command has to wait for pending ones before it.

import type { Client, CompleteReply } from '../commands/spec/client.ts'
import type { Context } from '../commands/spec/context.ts'
import type { Command } from '../commands/spec/ready-command.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { keyName } from './loading/load-results.ts'

/** Limits of a connection: pending commands, and bytes of their arguments. At a limit the connection stalls. */
const MAX_PENDING = 10_000
const MAX_PENDING_BYTES = 16 * 2 ** 20
/** The same for a connection of another node, which carries the requests of many clients. */
const MAX_PENDING_OF_PEER = 1_000_000
const MAX_PENDING_BYTES_OF_PEER = 256 * 2 ** 20

/**
 * Whether the context's command could overtake a pending command of the same connection on the same key. Only two
 * reads that both load may overtake each other: a read that does not load must see what an earlier one has loaded.
 */
export function mustWait(client: Client, command: Command, context: Context): boolean {
  const { args } = context
  if (client.pending.isExclusive) return true
  if (usesWholeKeyspace(command, args) || isAtLimit(client)) return true
  const { loadsThrough } = command
  for (const position of command.keysOf(context)) {
    if (client.pending.blocks(keyName(args, position), !loadsThrough)) return true
  }
  return false
}

/**
 * Makes later commands of the connection on these keys wait until a deferred one has its reply. Returns the function
 * that completes the deferred one. Two reads of a group with an origin may overtake each other, as two loads may: all
 * reads of one key join its flight.
 */
export function holdKeys(
  { pending }: Client,
  command: Command,
  group: Group,
  args: Args,
  positions: readonly number[],
  complete: CompleteReply,
): CompleteReply {
  const keys = positions.map((i) => keyName(args, i))
  const bytes = args.end[args.count - 1] - args.start[0]
  const isLoad = command.loadsThrough && group.flights !== undefined
  const held = { keys, bytes, write: !isLoad }
  pending.add(held)
  let isHeld = true
  const end = (): void => {
    if (isHeld) pending.delete(held)
    isHeld = false
  }
  const released: CompleteReply = (reply, rest) => {
    end()
    complete(reply, rest)
    pending.runQueued()
  }
  released.release = () => {
    end()
    // In a microtask: a command is running.
    queueMicrotask(() => pending.runQueued())
  }
  if (complete.number !== undefined) released.number = complete.number
  return released
}

/** Whether a command may access every key. */
export function usesWholeKeyspace(command: Command, args: Args): boolean {
  return command.spec.wholeKeyspace === true || command.fanOutOf(args) !== undefined
}

/** Whether a connection has reached a limit of pending commands and has to wait. */
export function isAtLimit({ pending, peer }: Client): boolean {
  return peer === undefined
    ? pending.size >= MAX_PENDING || pending.bytes >= MAX_PENDING_BYTES
    : pending.size >= MAX_PENDING_OF_PEER || pending.bytes >= MAX_PENDING_BYTES_OF_PEER
}
