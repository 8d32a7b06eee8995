// A member of the cluster: its name, its address as text, and its id.

import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'

/** A node of a cluster, as every node of it knows it. */
export interface Member {
  /** `host:port` as the node announces it. The same on every node, since the slot assignment depends on it. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** The share of slots relative to the other members; normally 1. */
  readonly weight: number
  /** The address in the list of members, if it differs from the announced one: other members connect to it. */
  readonly listed?: Address
  /** The ports at which clients reach it; `undefined`: `port`, or it has not sent them yet. */
  readonly clientPorts?: ClientPorts
}

/** The ports of a node for clients. */
export interface ClientPorts {
  /** 0: there is none. */
  readonly tcp: number
  readonly tls: number
}

/** The port of a member for a client with or without TLS. If the member has only one port, that one. */
export function clientPort(
  { port, clientPorts }: Pick<Member, 'port' | 'clientPorts'>,
  byTls: boolean,
): number {
  const { tcp = 0, tls = 0 } = clientPorts ?? {}
  return (byTls ? tls || tcp : tcp || tls) || port
}

export interface Address {
  /** A host name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
}

const MAX_PORT = 65_535

/** A host has no white space, no control characters and none of the delimiters of an address. */
const HOST = /^[^\s\p{Cc}:[\]/@,]+$/u
const PORT = /^0*[1-9]\d{0,4}$/

/** The id of a member in CLUSTER replies: the SHA-1 of its name in hexadecimal. */
export function nodeId(name: string): string {
  return createHash('sha1').update(name).digest('hex')
}

/** Parses `host:port` or `[IPv6]:port`; undefined if the text is neither. */
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

/** The inverse of `parseAddress`: an IPv6 host gets brackets. */
export function addressName(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
