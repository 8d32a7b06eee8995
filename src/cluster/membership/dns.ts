// Membership from DNS: a name with one record for each member, such as a headless service of Kubernetes.

import { promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import { type CancelTimer, systemTimers, type Timers } from '../../bytes/clock.ts'
import type { Member } from '../member.ts'
import { MemberList, memberAt } from './member-list.ts'
import type { DnsConfig, Membership, MembershipWatcher } from './membership.ts'

/** The methods of Node.js's resolver that are used. */
export interface Resolver {
  resolve4(name: string): Promise<string[]>
  resolve6(name: string): Promise<string[]>
  resolveSrv(name: string): Promise<{ readonly name: string; readonly port: number }[]>
  /** Fails all pending queries. */
  cancel(): void
}

export interface DnsEnvironment {
  readonly timers?: Timers
  /** Uniform in [0, 1). */
  readonly random?: () => number
  readonly resolver?: Resolver
}

/** Attempts of a query, and the timeout of each, ms. */
const TRIES = 2
const QUERY_TIMEOUT = 1000

/** The interval varies by this fraction, so that nodes started together do not query together. */
const JITTER = 0.1

/** NXDOMAIN is ignored this many times in a row: name servers restart, and zones are reloaded. */
const IGNORED_NXDOMAIN = 3

const KEPT = '; keeping the last list'

/**
 * Resolves a name at intervals. Members are named in the form in which this node announces itself: by IPv4 or IPv6
 * addresses of its own family, so that a dual-stack member is listed once; by the targets of SRV records if it
 * announces a host name. A failed query or an empty answer keeps the list: neither a broken name server nor a service
 * without ready pods says anything about nodes whose links are up.
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
  #list: MemberList | undefined
  #cancel: CancelTimer = () => {}
  #isClosed = false
  #problem: string | undefined
  /** NXDOMAIN answers in a row. */
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
        `${self.name}: DNS lists members by IP address, so this node must announce an IP address`,
      )
    }
    this.#self = self
    this.#watcher = watcher
    this.#list = new MemberList((list) => watcher.changed(list))
    await this.#round()
  }

  /** Nothing to do: the operator of the zone removes records. */
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
      this.#report(members.length === 0 ? `the answer is empty${KEPT}` : undefined)
      const self = this.#self!
      if (members.length > 0)
        this.#list!.publish(members.map((each) => (each.name === self.name ? self : each)))
    } catch (error) {
      if (this.#isClosed) return
      const { code = String(error) } = error as NodeJS.ErrnoException
      this.#missing = code === dns.NOTFOUND ? this.#missing + 1 : 0
      if (this.#missing > IGNORED_NXDOMAIN) {
        this.#report('the name has not existed for several queries; the list is empty now')
        this.#list!.publish([])
      } else {
        this.#report(
          `${code === dns.NOTFOUND ? 'the name does not exist' : `it does not resolve (${code})`}${KEPT}`,
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
      // A target without an address has just been removed. Any other failure keeps the list.
      const addresses = await orEmpty(this.#addresses(record.name, self), dns.NOTFOUND)
      return addresses.map((address) => memberAt(address, record.port))
    })
    return (await Promise.all(members)).flat()
  }

  /** The addresses of a name in this node's own family. */
  #addresses(name: string, self: Member): Promise<string[]> {
    const resolver = this.#resolver
    return orEmpty(isIP(self.host) === 6 ? resolver.resolve6(name) : resolver.resolve4(name))
  }

  /** Warns when a problem begins, changes or ends. */
  #report(problem: string | undefined): void {
    if (problem === this.#problem) return
    this.#problem = problem
    this.#watcher!.warn(`members from DNS, ${this.#config.name}: ${problem ?? 'it resolves again'}`)
  }
}

/** Turns NODATA, and the other codes given, into an empty list. */
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
