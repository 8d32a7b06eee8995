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
  readonly #replies: RedisReply[] = []
  #isClosed = false
  #arrived: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
    const parser = new Parser({
      returnBuffers: true,
      returnReply: (reply: unknown) => this.#replies.push(asText(reply)),
      returnError: (error) => this.#replies.push(error),
      returnFatalError: (error) => {
        this.nonsense = error
      },
    })
    socket.on('data', (chunk: Buffer) => {
      parser.execute(chunk)
      this.#arrived()
    })
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isClosed = true
        this.#arrived()
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
  async next(): Promise<RedisReply | undefined> {
    while (this.#replies.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
    return this.#replies.shift()
  }

  /** The next `count` replies, fewer when the connection is gone before they have come. */
  async take(count: number): Promise<RedisReply[]> {
    const replies: RedisReply[] = []
    for (let i = 0; i < count; i++) {
      const reply = await this.next()
      if (reply === undefined) break
      replies.push(reply)
    }
    return replies
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
