// Names the members of a cluster: what one is, its address as text, and its id.

import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'

/** A node of a cluster, as every node of it knows it. */
export interface Member {
  /** `host:port` as the node announces itself: the same on every node, as owners are chosen by it. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** The share of slots relative to the other members; 1 is usual. */
  readonly weight: number
}

export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
}

const MAX_PORT = 65_535

/** What cannot be in a host: white space, control characters and what delimits an address. */
const HOST = /^[^\s\p{Cc}:[\]/@,]+$/u
const PORT = /^[1-9]\d{0,4}$/

/** The id of the member of this name, as cluster-aware clients see it: 40 hexadecimal digits, of SHA-1. */
export function nodeId(name: string): string {
  return createHash('sha1').update(name).digest('hex')
}

/** Reads `host:port` or `[IPv6]:port`; undefined when the text is neither, as without a port. */
export function parseAddress(text: string): Address | undefined {
  const colon = text.lastIndexOf(':')
  if (colon < 1) return undefined
  const digits = text.slice(colon + 1)
  const port = Number(digits)
  if (!PORT.test(digits) || port > MAX_PORT) return undefined
  const before = text.slice(0, colon)
  const bracketed = before.startsWith('[') && before.endsWith(']')
  const host = bracketed ? before.slice(1, -1) : before
  return (bracketed ? isIPv6(host) : HOST.test(host)) ? { host, port } : undefined
}

/** The text that `parseAddress` reads: an IPv6 host gets brackets. */
export function addressName(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
