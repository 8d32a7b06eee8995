// A membership that DNS lists: a name with one record for each member, as a headless service of Kubernetes has.

import { promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import { type CancelTimer, systemTimers, type Timers } from '../../bytes/clock.ts'
import type { Member } from '../member.ts'
import { MemberList, memberAt } from './member-list.ts'
import type { DnsConfig, Membership, MembershipWatcher } from './membership.ts'

/** The part of Node.js's resolver that is used. */
export interface Resolver {
  resolve4(name: string): Promise<string[]>
  resolve6(name: string): Promise<string[]>
  resolveSrv(name: string): Promise<{ readonly name: string; readonly port: number }[]>
  /** Makes what is under way fail. */
  cancel(): void
}

export interface DnsEnvironment {
  readonly timers?: Timers
  /** From 0 to below 1. */
  readonly random?: () => number
  readonly resolver?: Resolver
}

/** A query goes out this often, and waits this long (ms), before the name counts as not resolvable for now. */
const TRIES = 2
const QUERY_TIMEOUT = 1000

/** Resolves come up to this fraction earlier or later, so that nodes started together do not ask together. */
const JITTER = 0.1

/** So many answers running that the name does not exist are not believed: name servers restart, zones reload. */
const PATIENCE = 3

const KEPT = '; the last list stands'

/**
 * Resolves a name again and again. Members are named as this node names itself: by IPv4 or IPv6 addresses where it
 * announces one, so that a member with both families is one member; by the targets of SRV records where it announces
 * a name. No answer and an empty one leave the list as it was: a name server that fails, or a service none of whose
 * pods is ready, says nothing of nodes whose links are up.
 */
export class DnsMembership implements Membership {
  readonly kind = 'dns'
  readonly isRegistered = true
  readonly #config: DnsConfig
  readonly #timers: Timers
  readonly #random: () => number
  readonly #resolver: Resolver
  #self: Member | undefined
  #watcher: MembershipWatcher | undefined
  #roster: MemberList | undefined
  #cancel: CancelTimer = () => {}
  #isClosed = false
  #trouble: string | undefined
  /** Answers running that the name does not exist. */
  #missing = 0

  constructor(config: DnsConfig, environment: DnsEnvironment = {}) {
    this.#config = config
    this.#timers = environment.timers ?? systemTimers
    this.#random = environment.random ?? Math.random
    this.#resolver = environment.resolver ?? createResolver(config.servers)
  }

  async start(self: Member, watcher: MembershipWatcher): Promise<void> {
    if (this.#config.type === 'a' && isIP(self.host) === 0) {
      throw new Error(
        `${self.name}: DNS lists the members by their IP addresses, so this node has to announce one`,
      )
    }
    this.#self = self
    this.#watcher = watcher
    this.#roster = new MemberList((list) => watcher.changed(list))
    await this.#round()
  }

  /** Who takes records away is who keeps the zone. */
  async leave(): Promise<void> {}

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    this.#resolver.cancel()
  }

  async #round(): Promise<void> {
    try {
      const members = await this.#resolve(this.#self!)
      if (this.#isClosed) return
      this.#missing = 0
      this.#note(members.length === 0 ? `the answer is empty${KEPT}` : undefined)
      const self = this.#self!
      if (members.length > 0)
        this.#roster!.publish(members.map((each) => (each.name === self.name ? self : each)))
    } catch (error) {
      if (this.#isClosed) return
      const { code = String(error) } = error as NodeJS.ErrnoException
      this.#missing = code === dns.NOTFOUND ? this.#missing + 1 : 0
      if (this.#missing > PATIENCE) {
        this.#note('there is no such name, again and again; the list is empty now')
        this.#roster!.publish([])
      } else {
        this.#note(
          `${code === dns.NOTFOUND ? 'there is no such name' : `it does not resolve (${code})`}${KEPT}`,
        )
      }
    }
    const spread = 1 + JITTER * (2 * this.#random() - 1)
    this.#cancel = this.#timers.after(this.#config.interval * spread, () => void this.#round())
  }

  async #resolve(self: Member): Promise<readonly Member[]> {
    const { name, type, port = self.port } = this.#config
    if (type === 'a') return (await this.#addresses(name, self)).map((address) => memberAt(address, port))
    const records = await orEmpty(this.#resolver.resolveSrv(name))
    if (isIP(self.host) === 0) return records.map((record) => memberAt(record.name, record.port))
    const members = records.map(async (record) => {
      // A target without an address is a member that has just gone; any other failure keeps the list.
      const addresses = await orEmpty(this.#addresses(record.name, self), dns.NOTFOUND)
      return addresses.map((address) => memberAt(address, record.port))
    })
    return (await Promise.all(members)).flat()
  }

  /** The addresses of a name that are of the family of this node's own. */
  #addresses(name: string, self: Member): Promise<string[]> {
    const resolver = this.#resolver
    return orEmpty(isIP(self.host) === 6 ? resolver.resolve6(name) : resolver.resolve4(name))
  }

  /** Tells of a trouble when it begins, changes and ends. */
  #note(trouble: string | undefined): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    this.#watcher!.warn(`members from DNS, ${this.#config.name}: ${trouble ?? 'it resolves again'}`)
  }
}

/** An answer without records of the type that was asked for is an empty list, not an error. */
async function orEmpty<Item>(answer: Promise<Item[]>, ...codes: string[]): Promise<Item[]> {
  try {
    return await answer
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === dns.NODATA || codes.includes(code)) return []
    throw error
  }
}

function createResolver(servers: readonly string[] | undefined): Resolver {
  const resolver = new dns.Resolver({ timeout: QUERY_TIMEOUT, tries: TRIES })
  if (servers !== undefined) resolver.setServers(servers)
  return resolver
}
