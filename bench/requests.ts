// Requests of benchmarks that prepare data: many at a time on one connection.

import type { Socket } from 'node:net'
import { countReplies } from './load.ts'

/** Bytes that are sent at a time: what a server has to keep of larger ones, until they are collected, would look like memory of data. */
const CHUNK_BYTES = 8 * 1024

export type Command = readonly (string | number)[]

/** Sends commands `0 … count - 1`, many at a time, and waits for their replies. */
export async function fill(socket: Socket, count: number, command: (i: number) => Command): Promise<void> {
  for (let i = 0; i < count; ) {
    let text = ''
    const first = i
    for (; i < count && text.length < CHUNK_BYTES; i++) text += encoded(command(i))
    socket.write(text)
    await replies(socket)(i - first)
  }
}

/** Sends commands at once, and waits for their replies, which must be simple strings or integers. */
export async function send(socket: Socket, commands: readonly Command[]): Promise<void> {
  socket.write(commands.map(encoded).join(''))
  await replies(socket)(commands.length)
}

const counters = new WeakMap<Socket, (count: number) => Promise<void>>()

/** Waits for `count` replies. */
export function replies(socket: Socket): (count: number) => Promise<void> {
  let counter = counters.get(socket)
  if (counter === undefined) {
    counter = countReplies(socket)
    counters.set(socket, counter)
  }
  return counter
}

export function encoded(command: Command): string {
  const parts = command.map(String)
  return `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`
}
