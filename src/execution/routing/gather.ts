// Reads the RESP2 replies of other nodes, and writes them in the client's protocol.

import { parseReplies, type Reply } from '../../cluster/links/request.ts'
import type { CompleteReply } from '../../commands/spec/client.ts'
import type { ReplyWriter } from '../../resp/reply.ts'

/** Where the merged reply to a command on all nodes goes. */
export interface ReplyTarget {
  readonly protocol: 2 | 3
  readonly reply: ReplyWriter
  readonly complete: CompleteReply
}

/** The reply of another node; an error if it is not valid RESP2. */
export function readReply(bytes: Buffer): Reply {
  try {
    return parseReplies(bytes)[0] ?? null
  } catch {
    return new Error('ERR another node sent an invalid reply')
  }
}

/** Whether a reply says that the node has left the cluster. */
export function isGone(answer: Reply): boolean {
  return answer instanceof Error && answer.message.startsWith('PEERDOWN')
}

export function writeReply(reply: ReplyWriter, value: Reply): void {
  if (value === null) reply.null()
  else if (typeof value === 'number') reply.integer(value)
  else if (value instanceof Error) reply.error(value.message)
  else if (Buffer.isBuffer(value)) reply.bulk(value, 0, value.length)
  else {
    reply.array(value.length)
    for (const each of value) writeReply(reply, each)
  }
}

/** Writes the reply in the client's protocol, and completes the command. */
export function completeWith(
  { protocol, reply, complete }: ReplyTarget,
  write: (reply: ReplyWriter) => void,
): void {
  reply.protocol = protocol
  write(reply)
  complete(reply.take())
}
