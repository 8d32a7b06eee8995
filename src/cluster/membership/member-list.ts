// Lists of members in canonical form: one spelling for an address, sorted, published only when changed.

import { isIPv6 } from 'node:net'
import { type Address, addressName, type Member, parseAddress } from '../member.ts'

/** The weight of a member if none is given. */
const DEFAULT_WEIGHT = 1

/** IPv4 as `inet_aton` reads it: with fewer parts (127.1), hexadecimal or octal ones. */
const LOOSE_IPV4 = /^(?:0x[\da-f]+|\d+)(?:\.(?:0x[\da-f]+|\d+)){0,3}$/
const MAPPED_IPV4 = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/

/**
 * The canonical spelling of a host, as members are compared by name: lower case, no trailing dot, IPv4 in four decimal
 * parts, also where it is mapped to IPv6, and IPv6 shortened (RFC 5952).
 */
export function canonicalHost(host: string): string {
  if (!isIPv6(host) || host.includes('%')) {
    const plain = host.toLowerCase().replace(/(?<=.)\.$/, '')
    return LOOSE_IPV4.test(plain) && URL.canParse(`http://${plain}`)
      ? new URL(`http://${plain}`).hostname
      : plain
  }
  const short = new URL(`http://[${host}]`).hostname.slice(1, -1)
  const [, ...pairs] = MAPPED_IPV4.exec(short) ?? []
  if (pairs.length === 0) return short
  return pairs.flatMap((pair) => [Number.parseInt(pair, 16) >> 8, Number.parseInt(pair, 16) & 0xff]).join('.')
}

/** Parses `host:port` in any spelling; undefined if it is not an address. */
export function readAddress(text: string): Address | undefined {
  const address = parseAddress(text)
  return address && { host: canonicalHost(address.host), port: address.port }
}

/** The member that announces this address. */
export function memberAt(host: string, port: number, weight = DEFAULT_WEIGHT): Member {
  const canonical = canonicalHost(host)
  return { name: addressName(canonical, port), host: canonical, port, weight }
}

/** Publishes a list if it differs from the last one; the order does not matter. */
export class MemberList {
  readonly #changed: (members: readonly Member[]) => void
  #last: string | undefined

  constructor(changed: (members: readonly Member[]) => void) {
    this.#changed = changed
  }

  /** Whether a list was published. */
  get isPublished(): boolean {
    return this.#last !== undefined
  }

  /** Of several members with the same name the last one counts. */
  publish(members: Iterable<Member>): void {
    const byName = new Map([...members].map((member) => [member.name, member]))
    const list = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    const text = list.map(({ name, weight }) => `${name} ${weight}`).join('\n')
    if (text === this.#last) return
    this.#last = text
    this.#changed(list)
  }
}
