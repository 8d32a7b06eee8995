// Writes what other nodes have replied, read from RESP2, in the protocol of the client.

import { parseReplies, type Reply } from '../../cluster/links/request.ts'
import type { ReplyWriter } from '../../resp/reply.ts'

/** A reply of another node; an error if that is none in RESP2. */
export function readReply(bytes: Buffer): Reply {
  try {
    return parseReplies(bytes)[0] ?? null
  } catch {
    return new Error('ERR another node answered what is not understood')
  }
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
