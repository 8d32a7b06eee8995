// Requests that a node itself makes to a peer, and their replies, parsed by redis-parser.

import Parser from 'redis-parser'
import type { Receiver, Sender } from './receiver.ts'

/** An error reply. Its message begins with the code: `ERR syntax error`. */
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
 * Parses whole RESP2 replies. Strings are views of `bytes`.
 *
 * @throws Error on anything else, RESP3 types included
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

/** A reply that came in parts as a whole. */
export function wholeReply(first: Buffer, rest: readonly Buffer[]): Buffer {
  return rest.length === 0 ? first : Buffer.concat([first, ...rest])
}

/** A request got no reply. */
export class NoReplyError extends Error {
  override readonly name = 'NoReplyError'
  /** Whether the peer may have run it. */
  readonly sent: boolean
  /** The member to send it to instead; '' if none is known. */
  readonly to: string

  constructor(reason: string, sent: boolean, to: string) {
    super(reason)
    this.sent = sent
    this.to = to
  }
}

/**
 * Sends one request in a context whose protocol is RESP2. Resolves to the reply, which may be an error reply. Rejects
 * with {@link NoReplyError} if there is none.
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
      moved: (_request, to) => reject(new NoReplyError(`not run: ${to} owns the key`, false, to)),
      lost: (_request, sent, reason) => reject(new NoReplyError(reason, sent, '')),
    }
    const request = encodeRequest(args)
    link.send(receiver, context, request, 0, request.length)
  })
}

/** Sends one request whose reply is ignored, without a context. */
export function tell(link: Sender, args: readonly (string | Buffer)[]): void {
  const request = encodeRequest(args)
  link.send(NOBODY, 0, request, 0, request.length)
}

const NOBODY: Receiver = { replies() {}, deferred: () => NOBODY, moved() {}, lost() {} }
