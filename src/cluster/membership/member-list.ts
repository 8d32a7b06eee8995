// Lists of members: one spelling for an address, one order, and whether a list has changed.

import { isIPv6 } from 'node:net'
import { type Address, addressName, type Member, parseAddress } from '../member.ts'

/** The weight of a member whose list says nothing of weights. */
const USUAL_WEIGHT = 1

/**
 * The one spelling of a host, since members are told apart by their names: lower case, no dot at the end, IPv6
 * shortened (RFC 5952).
 */
export function canonicalHost(host: string): string {
  if (!isIPv6(host) || host.includes('%')) return host.toLowerCase().replace(/(?<=.)\.$/, '')
  return new URL(`http://[${host}]`).hostname.slice(1, -1)
}

/** Reads `host:port` in any spelling; undefined when it is no address. */
export function readAddress(text: string): Address | undefined {
  const address = parseAddress(text)
  return address && { host: canonicalHost(address.host), port: address.port }
}

/** The member that announces itself at an address. */
export function memberAt(host: string, port: number, weight = USUAL_WEIGHT): Member {
  const canonical = canonicalHost(host)
  return { name: addressName(canonical, port), host: canonical, port, weight }
}

/** Tells a list on when it differs from the last one, whatever order it came in. */
export class MemberList {
  readonly #changed: (members: readonly Member[]) => void
  #last: string | undefined

  constructor(changed: (members: readonly Member[]) => void) {
    this.#changed = changed
  }

  /** Whether there is a last one. */
  get isPublished(): boolean {
    return this.#last !== undefined
  }

  /** Of several members with one name the last counts. */
  publish(members: Iterable<Member>): void {
    const byName = new Map([...members].map((member) => [member.name, member]))
    const list = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    const text = list.map(({ name, weight }) => `${name} ${weight}`).join('\n')
    if (text === this.#last) return
    this.#last = text
    this.#changed(list)
  }
}
