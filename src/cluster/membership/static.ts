// Membership from a fixed list in the configuration.

import { addressName } from '../member.ts'
import { MemberList, memberAt, readAddress } from './member-list.ts'
import type { Membership, MembershipWatcher, StaticConfig } from './membership.ts'

/** A member that leaves stays listed; the failure detector notices that it is gone. */
export class StaticMembership implements Membership {
  readonly kind = 'static'
  readonly isRegistered = true
  readonly #peers: readonly string[]

  constructor({ peers }: StaticConfig) {
    this.#peers = peers
  }

  async start(
    self: { readonly name: string; readonly weight: number },
    watcher: MembershipWatcher,
  ): Promise<void> {
    const members = this.#peers.map((peer) => {
      const address = readAddress(peer)
      if (address === undefined) throw new Error(`got '${peer}', wants host:port`)
      const { host, port } = address
      return memberAt(host, port, addressName(host, port) === self.name ? self.weight : undefined)
    })
    new MemberList((list) => watcher.changed(list)).publish(members)
  }

  async leave(): Promise<void> {}

  async close(): Promise<void> {}
}
