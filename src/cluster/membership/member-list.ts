// Lists of members in canonical form: one spelling for an address, sorted, published only when changed.

import { isIPv6 } from 'node:net'
import { type Address, addressName, type Member, parseAddress } from '../member.ts'

/** The weight of a member if none is given. */
const DEFAULT_WEIGHT = 1

/**
 * The canonical spelling of a host, as members are compared by name: lower case, no trailing dot, IPv6 shortened
 * (RFC 5952).
 */
export function canonicalHost(host: string): string {
  if (!isIPv6(host) || host.includes('%')) return host.toLowerCase().replace(/(?<=.)\.$/, '')
  return new URL(`http://[${host}]`).hostname.slice(1, -1)
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
