// Requests that a node itself makes to a peer, and their replies, parsed by redis-parser.

import Parser from 'redis-parser'
import type { Receiver, Sender } from './receiver.ts'

/** An error reply. Its message begins with the code: `ERR syntax error`. */
type ReplyError = Error

/** A RESP2 reply. */
export type Reply = Buffer | number | null | ReplyError | Reply[]

/** A request in the form that clients send: an array of bulk strings. */
export function encodeRequest(args: readonly (string | Buffer)[]): Buffer {
  if (args.every(isText)) return encodeTexts(args)
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, LINE_END)
  }
  return Buffer.concat(parts)
}

function isText(arg: string | Buffer): arg is string {
  return typeof arg === 'string'
}

/** The same for arguments that are all text, in one buffer: most requests are heartbeats. */
function encodeTexts(args: readonly string[]): Buffer {
  let text = `*${args.length}\r\n`
  for (const arg of args) text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`
  return Buffer.from(text)
}

const LINE_END = Buffer.from('\r\n')
const [DOLLAR, ZERO, NINE] = Buffer.from('$09')

/**
 * Parses whole RESP2 replies. Strings are views of `bytes`.
 *
 * @throws Error on anything else, RESP3 types included
 */
export function parseReplies(bytes: Buffer): Reply[] {
  const only = onlyBulk(bytes)
  if (only !== undefined) return [only]
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

/** The only reply, if it is one bulk string: the answer to a heartbeat needs no parser. */
function onlyBulk(bytes: Buffer): Buffer | undefined {
  if (bytes[0] !== DOLLAR) return undefined
  let length = 0
  let at = 1
  for (; bytes[at] >= ZERO && bytes[at] <= NINE; at++) length = 10 * length + bytes[at] - ZERO
  const start = at + LINE_END.length
  const end = start + length
  const isWhole =
    at > 1 && bytes.length === end + LINE_END.length && isLineEnd(bytes, at) && isLineEnd(bytes, end)
  return isWhole ? bytes.subarray(start, end) : undefined
}

function isLineEnd(bytes: Buffer, at: number): boolean {
  return bytes[at] === LINE_END[0] && bytes[at + 1] === LINE_END[1]
}

/** Joins the parts of a reply. */
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
    const request = encodeRequest(args)
    link.send(new Asking(resolve, reject), context, request, 0, request.length)
  })
}

class Asking implements Receiver {
  readonly #resolve: (reply: Reply) => void
  readonly #reject: (error: unknown) => void

  constructor(resolve: (reply: Reply) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  replies(bytes: Buffer): void {
    try {
      this.#resolve(parseReplies(bytes)[0])
    } catch (error) {
      this.#reject(error)
    }
  }

  deferred(): Receiver {
    return this
  }

  moved(_request: Buffer, to: string): void {
    this.#reject(new NoReplyError(`not run: ${to} owns the key`, false, to))
  }

  lost(_request: Buffer, sent: boolean, reason: string): void {
    this.#reject(new NoReplyError(reason, sent, ''))
  }
}

/** Sends one request whose reply is ignored, without a context. */
export function tell(link: Sender, args: readonly (string | Buffer)[]): void {
  const request = encodeRequest(args)
  link.send(NOBODY, 0, request, 0, request.length)
}

const NOBODY: Receiver = { replies() {}, deferred: () => NOBODY, moved() {}, lost() {} }
