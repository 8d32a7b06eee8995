// A client of a simulated node that sends commands and collects the replies.

import { encodeRequest, parseReplies, type Reply } from '../../../src/cluster/links/request.ts'
import type { Network, SimSocket } from './network.ts'

export type Answer = string | number | null | readonly (string | null)[]

export class SimConnection {
  bytes = Buffer.alloc(0)
  readonly #socket: SimSocket

  constructor(network: Network, name: string, at: string) {
    this.#socket = network.connect(name, at)
    this.#socket.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk])
    })
  }

  send(commands: readonly (readonly string[])[]): void {
    this.#socket.write(Buffer.concat(commands.map((command) => encodeRequest(command))))
  }

  /** All replies so far. */
  get replies(): readonly Answer[] {
    try {
      return parseReplies(this.bytes).map(plain)
    } catch {
      return []
    }
  }
}

function plain(reply: Reply): Answer {
  if (Buffer.isBuffer(reply)) return reply.toString()
  if (reply instanceof Error) return reply.message
  return Array.isArray(reply)
    ? reply.map((each) => (each === null ? null : String(each)))
    : (reply as number | null)
}
