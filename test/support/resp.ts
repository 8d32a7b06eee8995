// The Redis protocol on the side of a client: requests as bytes, replies as values.

/** Strings are latin1, one character per byte. */
export type Argument = string | number | Uint8Array

/** Strings are latin1, one character per byte; an error reply is an Error. */
export type RedisReply = string | number | null | Error | RedisReply[]

export function bytesOf(argument: Argument): Uint8Array {
  return typeof argument === 'object' ? argument : Buffer.from(String(argument), 'latin1')
}

/** A command as an array of bulk strings. */
export function encodeCommand(command: readonly Argument[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${command.length}\r\n`)]
  for (const argument of command) {
    const bytes = bytesOf(argument)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** A reply of redis-parser with its buffers as latin1 strings. */
export function asText(reply: unknown): RedisReply {
  if (Buffer.isBuffer(reply)) return reply.toString('latin1')
  if (Array.isArray(reply)) return reply.map(asText)
  return reply as RedisReply
}
