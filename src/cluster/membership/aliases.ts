// Maps listed addresses to the names that nodes announce: a list may spell an address differently.

import { addressName, type Member, parseAddress } from '../member.ts'

/**
 * A member's name is what the node itself announces, on every node. A list only says where to find members: as
 * `localhost:7000`, by a host name, or by an address of another network. The handshake tells the name.
 */
export class Aliases {
  /** By the listed name: the announced one, where they differ. */
  readonly #announced = new Map<string, string>()

  /** The node at this member's listed address announces a name. Returns whether that is new. */
  learn(member: Member, announced: string): boolean {
    const listed = listedName(member)
    if ((this.#announced.get(listed) ?? listed) === announced) return false
    if (announced === listed) this.#announced.delete(listed)
    else this.#announced.set(listed, announced)
    return true
  }

  /** The same members under the names that they announce, as far as these are known; each once. */
  resolve(list: readonly Member[]): Member[] {
    const byName = new Map<string, Member>()
    for (const member of list) {
      const announced = this.#announced.get(member.name)
      const address = announced === undefined ? undefined : parseAddress(announced)
      if (announced === undefined || address === undefined) byName.set(member.name, member)
      else if (!byName.has(announced)) {
        const { host, port, weight } = member
        byName.set(announced, { name: announced, ...address, weight, listed: { host, port } })
      }
    }
    return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}

/** The name of the address at which a member is listed. */
function listedName({ name, listed }: Member): string {
  return listed === undefined ? name : addressName(listed.host, listed.port)
}
