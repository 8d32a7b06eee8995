// Writes what other nodes have replied, read from RESP2, in the protocol of the client.

import type { Reply } from '../cluster/request.ts'
import type { ReplyWriter } from '../resp/reply.ts'

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
