// The cluster as this node sees it: live members, their addresses for clients, and problems for the operator.

import type { Mesh } from './links/mesh.ts'
import { type Address, clientPort } from './member.ts'
import { SELF } from './ownership/protocol.ts'
import type { Parts } from './parts.ts'
import { type ClusterReport, reportOf } from './report.ts'
import { type ScanStep, scanOrder } from './ring/scan-order.ts'

/** Members have numbers, as in `Cluster.owners`; 0 is this node. */
export class ClusterStatus {
  readonly #mesh: Mesh
  readonly #running: () => Parts | undefined

  /** @param running `undefined`: the node has not joined yet */
  constructor(mesh: Mesh, running: () => Parts | undefined) {
    this.#mesh = mesh
    this.#running = running
  }

  /** The address of a member for clients with or without TLS; `undefined`: it has none. */
  clientAddress(number: number, byTls: boolean): Address | undefined {
    const peer = this.#mesh.peers[number]
    if (peer === undefined) return undefined
    const { member, clientPorts } = peer
    return { host: member.host, port: clientPort(clientPorts ? { ...member, clientPorts } : member, byTls) }
  }

  /** Whether this node considers the member with this number down. Other nodes may still reach it. */
  isDown(number: number): boolean {
    const name = this.#mesh.peers[number]?.name
    const peers = this.#running()?.detector.peers() ?? []
    return peers.some((peer) => peer.name === name && peer.status === 'down')
  }

  /** The numbers of the live members, including this node. */
  get liveOwners(): readonly number[] {
    const { detector } = this.#joined
    const live = new Set(detector.view.members.map(({ name }) => name))
    for (const { name, status } of detector.peers()) if (status === 'up') live.add(name)
    return [SELF, ...[...live].map((name) => this.#mesh.get(name)?.index ?? SELF).filter((n) => n !== SELF)]
  }

  /** Whether most other members are silent: they may continue without this node. */
  get isCutOff(): boolean {
    return this.#running()?.detector.isCutOff ?? false
  }

  /** A problem that needs an operator; undefined: there is none. */
  get problem(): string | undefined {
    const { partition, listAgreement, nameConflict } = this.#running() ?? {}
    const problems = [nameConflict?.problem, partition?.problem, listAgreement?.problem].filter(
      (each) => each !== undefined,
    )
    return problems.length === 0 ? undefined : problems.join('; ')
  }

  /** The state of the cluster as seen by this node; `undefined`: it has not joined yet. */
  get report(): ClusterReport | undefined {
    const running = this.#running()
    return running && reportOf(running, this.#mesh, running.leaving.names)
  }

  /** The order in which SCAN visits the nodes. */
  get scanOrder(): readonly ScanStep[] {
    const { self } = this.#joined
    const { peers } = this.#mesh
    return scanOrder(this.liveOwners.map((owner) => ({ name: peers[owner]?.name ?? self.name, owner })))
  }

  get #joined(): Parts {
    const running = this.#running()
    if (running === undefined) throw new Error(NOT_STARTED)
    return running
  }
}

export const NOT_STARTED = 'the cluster has not been started'
