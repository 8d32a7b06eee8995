// The port through which a node learns who may be in its cluster; a list, DNS and etcd are behind it.

import type { Member } from '../member.ts'

/** What a membership tells, from `start` on. */
export interface MembershipWatcher {
  /**
   * The whole list, sorted by name, each name once: at first and after every change, never the same twice running.
   * This node may be in it or not. A source that cannot be asked changes nothing: the last list stands.
   */
  changed(members: readonly Member[]): void
  /** This node's standing, after every change of it; it is true at first. */
  registered(standing: boolean): void
  /** Something that a person should know: at its beginning and at its end, not each time it is tried again. */
  warn(message: string): void
}

/** Who may be in the cluster; whether each is alive is found out on the links. One object serves one start. */
export interface Membership {
  readonly kind: 'static' | 'dns' | 'etcd'
  /**
   * Whether this node may still count itself a member. Only etcd takes it away: with the lease, until this node is
   * registered again. What others wrote meanwhile is not known here.
   */
  readonly isRegistered: boolean
  /**
   * Begins to watch, and to say that this node is there. Resolves once the source was asked for the first time,
   * after `changed` if it gave a list; one that cannot be reached is no error: `warn` says so and it is asked
   * again for as long as it takes.
   * @throws Error only when the configuration can never work
   */
  start(self: Member, watcher: MembershipWatcher): Promise<void>
  /**
   * Takes this node off the list, where that is the node's to do, and keeps watching (a planned leave). It does not
   * come back by itself.
   */
  leave(): Promise<void>
  /** Ends all of it; the watcher is told nothing more. Without `leave` first, the list forgets this node in its own time. */
  close(): Promise<void>
}

/** Where the members are listed, and what that needs. Times in ms. */
export type MembershipConfig = StaticConfig | DnsConfig | EtcdConfig

export interface StaticConfig {
  readonly kind: 'static'
  /** `host:port` of every member; this node may be among them. */
  readonly peers: readonly string[]
}

export interface DnsConfig {
  readonly kind: 'dns'
  readonly name: string
  /** `a`: A and AAAA records, one for each member; `srv`: SRV records, with ports. */
  readonly type: 'a' | 'srv'
  /** The port of the members in A and AAAA records; by default this node's own. */
  readonly port?: number
  /** How often the name is resolved. */
  readonly interval: number
  /** Addresses of name servers, with their port where it is not 53; by default the system's. */
  readonly servers?: readonly string[]
}

export interface EtcdConfig {
  readonly kind: 'etcd'
  /** `host:port`, `http://host:port` or `https://host:port` of etcd's members. */
  readonly endpoints: readonly string[]
  /** What the keys begin with: `<prefix>/members/<name>`. */
  readonly prefix: string
  /** How long a node that says nothing stays on the list. */
  readonly lease: number
  readonly username?: string
  readonly password?: string
}
