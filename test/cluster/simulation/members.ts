// Whole nodes on a simulated network: real servers, routing, ownership and handover; clock, timers and sockets are not.

import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { Cluster } from '../../../src/cluster/cluster.ts'
import { memberAt } from '../../../src/cluster/membership/member-list.ts'
import { StaticMembership } from '../../../src/cluster/membership/static.ts'
import { Group } from '../../../src/group/group.ts'
import { Server } from '../../../src/server/server.ts'
import { defaultServerSettings } from '../../../src/server/settings.ts'
import type { Network } from './network.ts'

/** No node is declared dead. */
const TIMEOUT = 60_000

export const GROUPS = ['cache', 'flushed'] as const

/** As `shutdownTimeout` of a node, ms. */
const SHUTDOWN_TIMEOUT = 10_000

export interface SimMemberOptions {
  /** `cluster.timeout`, ms. */
  readonly timeout?: number
  /** Of the first group. */
  readonly onPartition?: 'serve' | 'refuse'
  /** Bytes per second; 0: no limit. */
  readonly handoverRate?: number
}

export class SimMember {
  readonly name: string
  readonly server: Server
  readonly cluster: Cluster
  readonly groups: readonly Group[]
  readonly warnings: string[] = []
  /** Whether everything was handed over; `undefined`: it has not left. */
  hasLeft: boolean | undefined
  readonly #network: Network

  constructor(
    name: string,
    run: number,
    peers: readonly string[],
    network: Network,
    { timeout = TIMEOUT, onPartition = 'serve', handoverRate = 0 }: SimMemberOptions = {},
  ) {
    this.name = name
    this.#network = network
    const { clock } = network
    const instant = new Instant(clock)
    const hasher = new Hasher({ low: run, high: 7 })
    const random = (): number => network.draw(1000) / 1000
    const policy = { maxBytes: 10_000_000, ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 }
    this.groups = GROUPS.map(
      (each, i) =>
        new Group(
          { ...policy, name: each, onPartition: i === 0 ? onPartition : 'serve' },
          { instant, hasher, timers: clock, random },
        ),
    )
    const warn = (_fields: object, message: string): void => void this.warnings.push(message)
    const log = { info: () => undefined, warn, error: warn }
    let micros = 0
    const runId = `${name} ${run}`
    this.cluster = new Cluster({
      settings: {
        secret: '',
        redirect: 'forward',
        timeout,
        pingInterval: Math.min(500, timeout / 4),
        links: 1,
        copies: 0,
        copyMaxAge: 0,
        handoverRate,
      },
      membership: new StaticMembership({ kind: 'static', peers }),
      groups: this.groups,
      runId,
      clock,
      instant,
      hasher,
      timers: clock,
      micros: () => (micros += 300),
      random,
      connect: (member) => network.connect(name, member.name).socket,
      log,
    })
    this.server = new Server({
      groups: this.groups,
      cluster: this.cluster,
      instant,
      hasher,
      settings: { ...defaultServerSettings(0), timeout: 0, tcpKeepalive: 0 },
      timers: clock,
      micros: () => (micros += 1),
      log,
      identity: { version: '0', runId, startedAt: instant.now, configFile: '' },
      onShutdown: () => undefined,
    })
  }

  start(): void {
    const [host, port] = this.name.split(':')
    this.#network.listen(this.name, (socket) => this.server.accept(socket))
    void this.cluster.start(memberAt(host, Number(port), undefined))
  }

  /** As a node ends in order. */
  async leave(): Promise<void> {
    const isDone = await this.cluster.drain(100_000)
    this.#network.unlisten(this.name)
    await this.server.close(SHUTDOWN_TIMEOUT)
    await this.cluster.close()
    this.hasLeft = isDone
  }

  /** As a process that is killed: nothing is handed over. */
  async end(): Promise<void> {
    this.#network.unlisten(this.name)
    await Promise.all([this.cluster.close(), this.server.close(0)])
  }

  get holdsEntries(): boolean {
    return this.groups.some(({ store }) => store.size > 0)
  }

  /** Whether it agrees with as many others as there are, and has and waits for nothing that is not its own. */
  isSettled(members: number): boolean {
    const { report } = this.cluster.status
    return (
      report !== undefined &&
      report.living === members &&
      !report.isPending &&
      !this.cluster.isSettling &&
      !this.cluster.isLeasePending
    )
  }
}
