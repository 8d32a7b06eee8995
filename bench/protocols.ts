// The protocols of the load generator: how GET and SET are written, and where a reply ends.

export interface Protocol {
  get(key: string): string
  set(key: string, value: string): string
  /**
   * How many bytes of a reply follow its first line.
   * @throws Error when the server answers with an error
   */
  bytesAfter(line: string): number
  /** The end of a common reply that begins at `at`, or -1: it is another one, or it is not whole. A load reads most by this. */
  endOf(chunk: Uint8Array, at: number): number
}

const CRLF_BYTES = 2
const DOLLAR = 0x24
const ZERO = 0x30
const NINE = 0x39
const MEMCACHED_END = 'END\r\n'

/** Of Redis: simple strings, bulk strings and nulls. */
const resp: Protocol = {
  get: (key) => `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`,
  set: (key, value) => `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`,
  bytesAfter(line) {
    if (line[0] === '-') throw new Error(`the server answered ${line.trim()}`)
    if (line[0] !== '$' || line[1] === '-') return 0
    return Number.parseInt(line.slice(1), 10) + CRLF_BYTES
  },
  endOf(chunk, at) {
    if (chunk[at] !== DOLLAR) return -1
    let length = 0
    let next = at + 1
    for (; chunk[next] >= ZERO && chunk[next] <= NINE; next++) length = length * 10 + chunk[next] - ZERO
    const end = next + CRLF_BYTES + length + CRLF_BYTES
    return next > at + 1 && end <= chunk.length ? end : -1
  },
}

/** The text protocol of memcached: `VALUE <key> <flags> <bytes>`, the value and `END`; `END` alone; `STORED`. */
const memcached: Protocol = {
  get: (key) => `get ${key}\r\n`,
  set: (key, value) => `set ${key} 0 0 ${value.length}\r\n${value}\r\n`,
  bytesAfter(line) {
    if (line === MEMCACHED_END || line === 'STORED\r\n') return 0
    if (!line.startsWith('VALUE ')) throw new Error(`the server answered ${line.trim()}`)
    return Number.parseInt(line.slice(line.lastIndexOf(' ')), 10) + CRLF_BYTES + MEMCACHED_END.length
  },
  endOf: () => -1,
}

export const PROTOCOLS = { resp, memcached } as const satisfies Record<string, Protocol>

export type ProtocolName = keyof typeof PROTOCOLS
