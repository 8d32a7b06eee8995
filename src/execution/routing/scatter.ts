// Scatter-gather: splits a command whose keys have several owners, and merges the replies of these into one.

import { encodeRequest, type Reply } from '../../cluster/links/request.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Args } from '../../resp/args.ts'
import type { ReplyWriter } from '../../resp/reply.ts'
import { readReply, writeReply } from './gather.ts'

/** The keys that one node owns: their positions among the arguments. */
export interface Part {
  readonly owner: number
  readonly positions: number[]
}

interface Whole {
  readonly command: Command
  readonly args: Args
  readonly parts: readonly Part[]
  readonly protocol: 2 | 3
  readonly reply: ReplyWriter
  readonly complete: (reply: Buffer) => void
}

/** Sends a request in RESP2 to the node `owner`. */
export type Ask = (owner: number, request: Buffer, complete: (reply: Buffer) => void) => void

export function scatter(whole: Whole, ask: Ask): void {
  const { command, args, parts } = whole
  const replies: Reply[] = []
  let missing = parts.length
  // All requests are encoded before one is sent: this node's own part runs at once and may reuse the arguments.
  const requests = parts.map((part) => encodeRequest(partArguments(command, args, part)))
  parts.forEach(({ owner }, i) => {
    ask(owner, requests[i], (bytes) => {
      replies[i] = readReply(bytes)
      if (--missing === 0) gather(whole, replies)
    })
  })
}

/** The command's name, and each key of the part with its further arguments (MSET: its value). */
function partArguments(command: Command, args: Args, { positions }: Part): Buffer[] {
  const head = command.spec.partHead?.(args) ?? []
  const own = [args.copy(0), ...head.map((word) => Buffer.from(word))]
  for (const i of positions) for (let j = i; j < i + command.keyStep; j++) own.push(args.copy(j))
  return own
}

function gather({ command, parts, protocol, reply, complete }: Whole, replies: readonly Reply[]): void {
  reply.protocol = protocol
  const error = replies.find((each) => each instanceof Error)
  const { merge } = command.spec
  if (error !== undefined) writeReply(reply, error)
  else if (merge === 'sum') reply.integer(replies.reduce<number>((sum, each) => sum + Number(each), 0))
  else if (merge === 'ok') reply.ok()
  else writeValues(reply, parts, replies)
  complete(reply.take())
}

/** One value per key, in the order of the keys. */
function writeValues(reply: ReplyWriter, parts: readonly Part[], replies: readonly Reply[]): void {
  const values = new Map<number, Reply>()
  parts.forEach(({ positions }, part) => {
    const own = replies[part]
    positions.forEach((position, i) => void values.set(position, Array.isArray(own) ? own[i] : null))
  })
  const positions = [...values.keys()].sort((a, b) => a - b)
  reply.array(positions.length)
  for (const position of positions) writeReply(reply, values.get(position) ?? null)
}
