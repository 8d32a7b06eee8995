// The interface of membership, from which a node learns the members of its cluster: a fixed list, DNS or etcd.

import type { Member } from '../member.ts'

/** The callbacks of a membership. */
export interface MembershipWatcher {
  /**
   * The whole list, sorted by name, each name once: at the start and after each change. It may or may not contain this
   * node. While the source cannot be reached, the last list remains valid.
   */
  changed(members: readonly Member[]): void
  /** `isRegistered` has changed; it is true at first. */
  registered(isRegistered: boolean): void
  /** A problem for the operator's attention: once when it begins and once when it ends, not at each attempt. */
  warn(message: string): void
}

/** The listed members. Which of them are alive is up to the failure detector. An object is started once. */
export interface Membership {
  readonly kind: 'static' | 'dns' | 'etcd'
  /**
   * Whether this node is registered as a member. Only in etcd can it be false: from the loss of the lease until this
   * node is registered again. Writes of others in that time are not known here.
   */
  readonly isRegistered: boolean
  /**
   * Registers this node and begins to watch. Resolves after the first query of the source, and after `changed` if there
   * was a list. A source that cannot be reached is not an error: it is reported by `warn`, and queried again until it
   * answers.
   *
   * @throws Error only if the configuration can never work
   */
  start(self: Member, watcher: MembershipWatcher): Promise<void>
  /**
   * Removes this node from the list for good, if the source lets nodes register themselves, and keeps watching (a
   * planned leave).
   */
  leave(): Promise<void>
  /** Ends the watch; no callback follows. Without `leave` this node stays listed until its lease expires. */
  close(): Promise<void>
}

/** The source of the list. Times in ms. */
export type MembershipConfig = StaticConfig | DnsConfig | EtcdConfig

export interface StaticConfig {
  readonly kind: 'static'
  /** `host:port` of every member, with or without this node. */
  readonly peers: readonly string[]
}

export interface DnsConfig {
  readonly kind: 'dns'
  readonly name: string
  /** `a`: A and AAAA records, one for each member; `srv`: SRV records, with ports. */
  readonly type: 'a' | 'srv'
  /** The port of the members in A and AAAA records; by default this node's own. */
  readonly port?: number
  /** The time between queries. */
  readonly interval: number
  /** Addresses of name servers, with a port if it is not 53; by default the system's. */
  readonly servers?: readonly string[]
}

export interface EtcdConfig {
  readonly kind: 'etcd'
  /** `host:port`, `http://host:port` or `https://host:port` of etcd's members. */
  readonly endpoints: readonly string[]
  /** The prefix of the keys `<prefix>/members/<name>`. */
  readonly prefix: string
  /** The TTL of a node's lease: a node that ends without leaving stays listed this long. */
  readonly lease: number
  readonly username?: string
  readonly password?: string
}
