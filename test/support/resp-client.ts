// A client that can send any bytes; redis-parser reads the replies.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import Parser from 'redis-parser'
import type { Target } from './proxy.ts'
import { type Argument, asText, encodeCommand, type RedisReply } from './resp.ts'

export class RespClient {
  readonly socket: Socket
  /** Resolves when the connection is closed by either side. */
  readonly closed: Promise<void>
  /** The error of a reply that cannot be parsed. */
  parseError: Error | undefined
  /** Replies that were not taken yet; calls that wait for the next ones. */
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
        this.parseError = error
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

  /** @param to a local port, or what else leads to a server */
  static async connect(to: number | Target): Promise<RespClient> {
    const target = typeof to === 'number' ? { port: to } : to
    const socket = connect({ host: '127.0.0.1', noDelay: true, ...target })
    await once(socket, 'connect')
    return new RespClient(socket)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The number of replies that were not taken yet. */
  get pending(): number {
    return this.#replies.length
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Sends commands without waiting for their replies. */
  sendCommands(...commands: readonly (readonly Argument[])[]): void {
    this.send(Buffer.concat(commands.map(encodeCommand)))
  }

  /** The next reply; `undefined` if the connection is closed before. */
  next(): Promise<RedisReply | undefined> {
    if (this.#replies.length > 0 || this.#isClosed) return Promise.resolve(this.#replies.shift())
    return new Promise((resolve) => this.#takers.push(resolve))
  }

  /** The next `count` replies, fewer if the connection is closed before. */
  async take(count: number): Promise<RedisReply[]> {
    const replies = await Promise.all(Array.from({ length: count }, () => this.next()))
    return replies.filter((reply) => reply !== undefined)
  }

  /** Sends commands at once, and returns their replies. */
  pipeline(...commands: readonly (readonly Argument[])[]): Promise<RedisReply[]> {
    this.sendCommands(...commands)
    return this.take(commands.length)
  }

  async call(...command: readonly Argument[]): Promise<RedisReply | undefined> {
    this.sendCommands(command)
    return this.next()
  }

  /** All replies until the connection is closed. */
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
