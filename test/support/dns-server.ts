// A minimal DNS server on UDP for A, AAAA and SRV queries (RFC 1035, RFC 2782), with records set by the test.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'

/** The answer for a name: addresses, SRV records or an error. A name that is not set is answered with NXDOMAIN. */
type Answer =
  | { readonly addresses: readonly string[] }
  | { readonly services: readonly (readonly [target: string, port: number])[] }
  | { readonly error: 'SERVFAIL' | 'REFUSED' | 'silence' }

export interface DnsServer {
  /** `127.0.0.1:<port>`. */
  readonly address: string
  /** By name, without a trailing dot. */
  readonly names: Map<string, Answer>
  close(): Promise<void>
}

const RESPONSE = 0x8480
const RECURSION = 0x0100
const CODES = { none: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 }
const TYPES = new Map([
  [1, 4],
  [28, 6],
])
const SRV = 33
const TTL = 300

/** Starts a server without names. */
export async function startDns(): Promise<DnsServer> {
  const names = new Map<string, Answer>()
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.on('message', (question, { port, address }) => {
    const answer = reply(question, names)
    if (answer !== undefined) socket.send(answer, port, address)
  })
  return {
    address: `127.0.0.1:${socket.address().port}`,
    names,
    async close() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

function reply(query: Buffer, names: ReadonlyMap<string, Answer>): Buffer | undefined {
  const { name, end } = readName(query, 12)
  const type = query.readUInt16BE(end)
  const question = query.subarray(12, end + 4)
  const known = names.get(name.toLowerCase())
  if (known !== undefined && 'error' in known) {
    return known.error === 'silence' ? undefined : message(query, question, CODES[known.error], [])
  }
  if (known === undefined) return message(query, question, CODES.NXDOMAIN, [])
  const records =
    'services' in known
      ? known.services.map(([target, port]) => record(SRV, service(target, port)))
      : known.addresses.map((address) => record(isIP(address) === 6 ? 28 : 1, addressBytes(address)))
  const asked = type === SRV ? SRV : TYPES.has(type) ? type : -1
  return message(
    query,
    question,
    CODES.none,
    records.filter((bytes) => bytes.readUInt16BE(2) === asked),
  )
}

function message(query: Buffer, question: Buffer, code: number, records: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(12)
  query.copy(head, 0, 0, 2)
  head.writeUInt16BE(RESPONSE | (query.readUInt16BE(2) & RECURSION) | code, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(records.length, 6)
  return Buffer.concat([head, question, ...records])
}

/** A record for the name in the question. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(TTL, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function service(target: string, port: number): Buffer {
  const head = Buffer.alloc(6)
  head.writeUInt16BE(port, 4)
  const labels = target.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]))
  return Buffer.concat([head, ...labels, Buffer.from([0])])
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const [before, after] = address.split('::').map((part) => part.split(':').filter((word) => word !== ''))
  const words =
    after === undefined ? before : [...before, ...Array(8 - before.length - after.length).fill('0'), ...after]
  return Buffer.from(words.map((word) => word.padStart(4, '0')).join(''), 'hex')
}

function readName(query: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let at = start
  for (; query[at] !== 0; at += 1 + query[at])
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]))
  return { name: labels.join('.'), end: at + 1 }
}
