// The requests that the floor programs can tell apart: those of redis-benchmark with keys of 16 and values of 32 bytes.

/** The length of a request and of its reply, for every request of one connection. */
export interface Exchange {
  readonly requestBytes: number
  readonly reply: Buffer
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const encoded = (...words: readonly string[]): string => `*${words.length}\r\n${words.map(bulk).join('')}`

const KEY = 'k'.repeat(16)
const VALUE = 'x'.repeat(32)

const GET: Exchange = { requestBytes: encoded('GET', KEY).length, reply: Buffer.from(bulk(VALUE)) }
const SET: Exchange = { requestBytes: encoded('SET', KEY, VALUE).length, reply: Buffer.from('+OK\r\n') }

/** Where the name of a command begins: after the number of words, and its length of one digit. */
const NAME_AT = 8

/** The replies to what redis-benchmark asks on a connection of its own before it begins: two settings. */
export const SETTINGS = Buffer.from(encoded('save', '') + encoded('appendonly', 'no'))

/** What a connection asks that begins with these bytes; undefined: the two settings. */
export function exchangeOf(chunk: Uint8Array): Exchange | undefined {
  const name = chunk[NAME_AT]
  return name === 0x47 ? GET : name === 0x53 ? SET : undefined
}
