// The spans of commands that wait for loads or for other nodes, and of their hops to other nodes.

import type { Client, CompleteReply } from '../commands/spec/client.ts'
import type { Command } from '../commands/spec/ready-command.ts'
import type { Group } from '../group/group.ts'
import { isErrorReply } from '../resp/reply.ts'
import { begin, type Context, NO_PARENT, SpanKind, type Traced } from '../telemetry/tracing.ts'

/**
 * The span of a command on this node. Without a parent it begins a trace. OpenTelemetry's active context is not used:
 * it may belong to another request of the same event-loop batch.
 */
export function beginCommand(
  { peer }: Client,
  { fullName }: Command,
  group: Group,
  parent: Context | undefined,
): Traced | undefined {
  const isFromOutside = parent === undefined || peer !== undefined
  const attributes = { 'db.operation.name': fullName.toUpperCase(), 'erinys.group': group.name }
  const kind = isFromOutside ? SpanKind.SERVER : SpanKind.INTERNAL
  return begin(`erinys.command ${fullName}`, kind, attributes, parent ?? NO_PARENT)
}

/** The span of a request on its way to another node and back. */
export function beginHop(peer: string, group: Group, parent: Context | undefined): Traced | undefined {
  const attributes = { 'erinys.group': group.name, 'erinys.peer': peer }
  return begin('erinys.hop', SpanKind.CLIENT, attributes, parent ?? NO_PARENT)
}

/** Wraps `complete`, so that the span ends with the reply. */
export function endingWith(span: Traced | undefined, complete: CompleteReply): CompleteReply {
  if (span === undefined) return complete
  const ending: CompleteReply = (reply, rest) => {
    span.end(errorOf(reply))
    complete(reply, rest)
  }
  // The properties of `CompleteReply`: number, deadline, release.
  return Object.assign(ending, complete)
}

/** The text of an error reply; `undefined`: it is another reply. */
export function errorOf(reply: Buffer): string | undefined {
  return isErrorReply(reply) ? reply.toString('utf8', 1, reply.indexOf('\r')) : undefined
}
