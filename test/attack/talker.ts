// A client that says anything and understands what comes back: the reference parser reads its replies.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import Parser from 'redis-parser'
import type { Argument } from '../support/harness.ts'
import { asText, type RedisReply } from '../support/redis-server.ts'

export class Talker {
  readonly socket: Socket
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>
  /** What came that is no reply. */
  nonsense: Error | undefined
  /** Replies that nobody has taken; who waits for the next ones. */
  readonly #replies: RedisReply[] = []
  readonly #takers: ((reply: RedisReply | undefined) => void)[] = []
  #isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    const parser = new Parser({
      returnBuffers: true,
      returnReply: (reply: unknown) => this.#arrived(asText(reply)),
      returnError: (error) => this.#arrived(error),
      returnFatalError: (error) => {
        this.nonsense = error
      },
    })
    socket.on('data', (chunk: Buffer) => parser.execute(chunk))
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true
        for (const take of this.#takers.splice(0)) take(undefined)
        resolve()
      })
    })
  }

  static async connect(port: number): Promise<Talker> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return new Talker(socket)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whole replies that nobody has taken. */
  get pending(): number {
    return this.#replies.length
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Sends commands at once; their replies are taken later. */
  say(...commands: readonly (readonly Argument[])[]): void {
    this.send(Buffer.concat(commands.map(request)))
  }

  /** The next reply; `undefined` when the connection is gone before it has come. */
  next(): Promise<RedisReply | undefined> {
    if (this.#replies.length > 0 || this.#isClosed) return Promise.resolve(this.#replies.shift())
    return new Promise((resolve) => this.#takers.push(resolve))
  }

  /** The next `count` replies, fewer when the connection is gone before they have come. */
  async take(count: number): Promise<RedisReply[]> {
    const replies = await Promise.all(Array.from({ length: count }, () => this.next()))
    return replies.filter((reply) => reply !== undefined)
  }

  /** The replies of commands that are sent at once. */
  pipeline(...commands: readonly (readonly Argument[])[]): Promise<RedisReply[]> {
    this.say(...commands)
    return this.take(commands.length)
  }

  async call(...command: readonly Argument[]): Promise<RedisReply | undefined> {
    this.say(command)
    return this.next()
  }

  /** All replies until the connection is gone. */
  async rest(): Promise<RedisReply[]> {
    await this.closed
    return this.#replies.splice(0)
  }

  #arrived(reply: RedisReply): void {
    const take = this.#takers.shift()
    if (take === undefined) this.#replies.push(reply)
    else take(reply)
  }
}

/** A command as clients send it. */
function request(command: readonly Argument[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${command.length}\r\n`)]
  for (const argument of command) {
    const bytes = typeof argument === 'object' ? argument : Buffer.from(String(argument), 'latin1')
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}
