// Requests of a node's own to a peer, and replies that it has to understand.

import Parser from 'redis-parser'
import type { Receiver, Sender } from './receiver.ts'

/** An error that a peer answered; its message begins with the code, `ERR syntax error`. */
type ReplyError = Error

/** A RESP2 reply. */
export type Reply = Buffer | number | null | ReplyError | Reply[]

/** A request in the form that clients send: an array of bulk strings. */
export function encodeRequest(args: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, LINE_END)
  }
  return Buffer.concat(parts)
}

const LINE_END = Buffer.from('\r\n')

/**
 * Whole RESP2 replies, understood. Strings are views of `bytes`.
 *
 * @throws Error when `bytes` are anything else, RESP3 types included.
 */
export function parseReplies(bytes: Buffer): Reply[] {
  const replies: Reply[] = []
  const parser = new Parser({
    returnReply: (reply: Reply) => replies.push(reply),
    returnError: (error: ReplyError) => replies.push(error),
    returnFatalError: (error: Error) => {
      throw error
    },
    returnBuffers: true,
  })
  parser.execute(bytes)
  return replies
}

/** Why a request has no reply. */
export class NoReplyError extends Error {
  override readonly name = 'Unanswered'
  /** Whether the peer may have run it. */
  readonly sent: boolean
  /** The member to ask instead; '' if there is none. */
  readonly to: string

  constructor(reason: string, sent: boolean, to: string) {
    super(reason)
    this.sent = sent
    this.to = to
  }
}

/**
 * Sends one request whose context has RESP2 for its protocol, and resolves to its reply, which may be an error.
 * Rejects with {@link NoReplyError} when there is none.
 */
export function ask(link: Sender, context: number, args: readonly (string | Buffer)[]): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const receiver: Receiver = {
      replies(bytes) {
        try {
          resolve(parseReplies(bytes)[0])
        } catch (error) {
          reject(error)
        }
      },
      deferred: () => receiver,
      moved: (_request, to) => reject(new NoReplyError(`not run: ${to} is to be asked`, false, to)),
      lost: (_request, sent, reason) => reject(new NoReplyError(reason, sent, '')),
    }
    const request = encodeRequest(args)
    link.send(receiver, context, request, 0, request.length)
  })
}
