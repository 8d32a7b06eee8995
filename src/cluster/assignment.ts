// Opens links to the listed members, and assigns slots to the members of the view that are not leaving.

import { createHash } from 'node:crypto'
import { SLOT_COUNT } from '../bytes/crc16.ts'
import type { Identity } from './links/handshake.ts'
import type { Mesh } from './links/mesh.ts'
import type { PeerReport, View } from './liveness/events.ts'
import type { Member } from './member.ts'
import { Aliases } from './membership/aliases.ts'
import type { Parts } from './parts.ts'
import { assignSlots } from './ring/slots.ts'

export interface AssignmentOptions {
  readonly parts: () => Parts
  readonly mesh: Mesh
  readonly identity: () => Identity
  /** The slots were assigned. `isAlone`: this node owns all of them and no other member is known to be alive. */
  readonly assigned: (isAlone: boolean) => void
}

export class Assignment {
  /** The names of the live members, including those that are leaving. */
  live: ReadonlySet<string> = new Set()
  readonly #options: AssignmentOptions
  /** The names of the leaving members when slots were last assigned. */
  #leaving = ''
  /** The listed members, and the names of members that are no longer listed but still leaving. */
  #listed: readonly Member[] = []
  #leavingUnlisted: readonly string[] = []
  readonly #aliases = new Aliases()

  constructor(options: AssignmentOptions) {
    this.#options = options
  }

  memberOf(name: string): Member {
    const { self, detector } = this.#options.parts()
    if (name === self.name) return self
    return (
      detector.view.members.find((each) => each.name === name) ?? this.#options.mesh.existing(name).member
    )
  }

  /** The list of members has changed. A leaving member is kept until it has handed over, even if it is not listed. */
  setListed(list: readonly Member[]): void {
    const { mesh, parts, identity } = this.#options
    const { self, detector, controlChannel, leaving } = parts()
    this.#listed = list
    const resolved = this.#aliases.resolve(list)
    const isListed = new Set(resolved.map(({ name }) => name))
    this.#leavingUnlisted = leaving.names.filter((name) => name !== self.name && !isListed.has(name))
    const members = [...resolved, ...this.#leavingUnlisted.map((name) => this.memberOf(name))]
    const names = new Set(members.map(({ name }) => name))
    const former = [...mesh].filter(({ name }) => !names.has(name))
    for (const peer of former) mesh.remove(peer)
    for (const member of members)
      if (member.name !== self.name && mesh.get(member.name) === undefined) mesh.add(member, identity())
    detector.setMembers(members)
    // A member that was removed from the list may not know that. This heartbeat tells it.
    for (const peer of former) void controlChannel.sendHeartbeat(peer).then(() => peer.pool.close())
  }

  /**
   * The node at a member's address announces another name, by which it is a member from now on. Call before its link is
   * closed, as the failure detector has not tried the member yet. False: the name was known.
   */
  rename(member: Member, announced: string): boolean {
    if (!this.#aliases.learn(member, announced)) return false
    this.setListed(this.#listed)
    return true
  }

  /** Assigns the slots to the members of the view, which are not leaving. */
  assign({ members, epoch }: View): void {
    const { self, detector, ownership, relocation, controlChannel, leaving } = this.#options.parts()
    const leavingNames = leaving.names
    this.#leaving = leavingNames.join()
    const names = members.map(({ name }) => name)
    const live = new Set([...names, ...leavingNames])
    for (const name of this.live) if (!live.has(name)) relocation.peerGone(name)
    this.live = live
    const target = members.length === 0 ? new Uint16Array(SLOT_COUNT) : assignSlots(members)
    ownership.setView({
      epoch: epoch + epochOfNames(leavingNames),
      members: names,
      target,
      leaving: leavingNames,
    })
    this.#options.assigned(names.length === 1 && names[0] === self.name && detector.peers().every(isNotAlive))
    controlChannel.requestAll()
  }

  /** Assigns slots again if the set of leaving members has changed: the view does not change when one is gone. */
  updateLeaving(): void {
    const { leaving, detector } = this.#options.parts()
    if (this.#leavingUnlisted.some((name) => !leaving.names.includes(name))) this.setListed(this.#listed)
    if (leaving.names.join() !== this.#leaving) this.assign(detector.view)
  }
}

/** Whether a peer is not known to be alive. */
function isNotAlive({ status }: PeerReport): boolean {
  return status === 'down' || status === 'unknown'
}

/** A fingerprint of sorted names. */
function epochOfNames(names: readonly string[]): number {
  if (names.length === 0) return 0
  return Number.parseInt(createHash('sha1').update(names.join()).digest('hex').slice(0, 12), 16)
}
