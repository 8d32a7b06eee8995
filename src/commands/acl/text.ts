// Names and rules in replies: texts with one character per byte.

import type { ReplyWriter } from '../../resp/reply.ts'

export function bulkBytes(reply: ReplyWriter, text: string): void {
  const bytes = Buffer.from(text, 'latin1')
  reply.bulk(bytes, 0, bytes.length)
}
