// Handles changes of links, of peers' states, of the view and of the registration.

import type { Assignment } from './assignment.ts'
import type { HotCopies } from './copies/copying.ts'
import type { Hello } from './links/handshake.ts'
import type { Link, LinkFailure } from './links/link.ts'
import type { Peer } from './links/peer.ts'
import type { View } from './liveness/events.ts'
import type { StateMessage } from './liveness/state.ts'
import type { ClientPorts } from './member.ts'
import { SAME_NAME } from './membership/name-conflict.ts'
import type { ClusterOptions } from './options.ts'
import type { Parts } from './parts.ts'

export interface ClusterEventsOptions {
  readonly cluster: ClusterOptions
  readonly parts: () => Parts
  readonly assignment: Assignment
  readonly copies: HotCopies
  readonly ownersChanged: () => void
  /** A peer has sent the ports at which clients reach it. */
  readonly portsReceived: (name: string, ports: ClientPorts | undefined) => void
}

export class ClusterEvents {
  readonly #options: ClusterEventsOptions

  constructor(options: ClusterEventsOptions) {
    this.#options = options
  }

  /**
   * Only etcd can end a registration. That alone changes nothing: etcd may be unavailable to all nodes, which still
   * agree over their links. If the others have removed this node from their lists, they tell it.
   */
  registrationChanged(isRegistered: boolean): void {
    this.#options.cluster.log.warn(
      {},
      isRegistered ? 'this node is registered again' : 'the registration of this node may have expired',
    )
  }

  /**
   * The list spells the address of a node in another way than the node itself, or that node is this one. Returns
   * whether it is known by its own name now.
   */
  peerRenamed({ member }: Peer, { name, runId }: Hello): boolean {
    const { cluster, assignment, parts } = this.#options
    if (name === parts().self.name && runId !== cluster.runId) {
      cluster.log.warn({ name }, SAME_NAME)
      return false
    }
    cluster.log.info({ listed: member.name, name }, 'a member is listed in another spelling')
    return assignment.rename(member, name)
  }

  peerReady(peer: Peer, isNew: boolean): void {
    const { detector, controlChannel, relocation, ownership } = this.#options.parts()
    if (isNew) {
      relocation.peerGone(peer.name)
      ownership.peerRestarted(peer.name)
    }
    detector.linkReady(peer.name, peer.runId)
    void controlChannel.sendHeartbeat(peer)
    controlChannel.requestAll()
  }

  linkClosed(peer: Peer, link: Link, how: LinkFailure | undefined): void {
    const { detector } = this.#options.parts()
    if (link === peer.copyLink) this.#options.copies.linkLost(peer.name)
    if (how !== undefined) detector.linkBroken(peer.name, how)
    if (detector.settled) this.#options.assignment.updateLeaving()
  }

  viewChanged(view: View): void {
    const names = view.members.map(({ name }) => name)
    this.#options.cluster.log.info({ members: names, epoch: view.epoch }, 'the cluster has changed')
    this.#options.copies.dropAll()
    const { detector, partition } = this.#options.parts()
    detector.majority.viewAdopted(names)
    partition.viewChanged()
    this.#options.assignment.assign(view)
  }

  /** A peer has sent its state, which says whether it is leaving. */
  stateReceived(name: string, message: StateMessage): void {
    const { controlChannel, detector, listAgreement, partition } = this.#options.parts()
    detector.receive(name, message)
    this.#options.portsReceived(name, message.clientPorts)
    controlChannel.epochHeard(name, message.epoch)
    listAgreement.heard(name)
    partition.check()
    this.#options.assignment.updateLeaving()
  }

  /** The others declared this node dead and took its slots: its entries may be out of date. */
  declaredDead(): void {
    this.#options.cluster.log.warn(
      {},
      'other nodes took over the slots of this node: its entries are dropped',
    )
    for (const group of this.#options.cluster.groups) group.clear()
    const { ownership, controlChannel } = this.#options.parts()
    ownership.declaredDead()
    this.#options.ownersChanged()
    // If the view does not change, nothing else requests the votes.
    controlChannel.requestAll()
  }

  /**
   * Most other members are silent (or are back). They may have declared this node dead, and may write its keys. So
   * entries that an origin can load again are dropped, and new ones live no longer than failure detection takes.
   */
  isolationChanged(isolated: boolean): void {
    const { log, groups, settings } = this.#options.cluster
    log.warn({}, isolated ? 'most of the other nodes are silent' : 'the other nodes are back')
    for (const group of groups) {
      if (group.flights === undefined || group.refuses) continue
      group.limitLifetime(isolated ? settings.timeout : 0)
      if (isolated) group.clear()
    }
  }
}
