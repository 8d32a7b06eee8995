// One node of a simulated cluster: its failure detector and control channel are real, the messages of its peers are not.

import type { ManualClock } from '../../src/bytes/clock.ts'
import { ControlChannel } from '../../src/cluster/control-channel.ts'
import type { Peer } from '../../src/cluster/links/peer.ts'
import type { Receiver } from '../../src/cluster/links/receiver.ts'
import { Detector } from '../../src/cluster/liveness/detector.ts'
import type { StateMessage, Tombstone } from '../../src/cluster/liveness/state.ts'
import type { Member } from '../../src/cluster/member.ts'
import { MemberNames } from '../../src/cluster/membership/member-names.ts'
import type { Ownership } from '../../src/cluster/ownership/ownership.ts'
import { epochOf, TABLE_VERSION } from '../../src/cluster/ring/slots.ts'
import { defaultOf } from './defaults.ts'
import { membersOf } from './slot-table.ts'

/** The length of a real run ID. */
const RUN_ID_LENGTH = 40

const runIdOf = (name: string): string => name.padEnd(RUN_ID_LENGTH, '0')

export class SimulatedNode {
  readonly detector: Detector
  readonly peers: readonly Member[]
  readonly clock: ManualClock
  readonly heartbeatInterval: number
  /** How many peers this node has contacted: those at the beginning of `peers`. */
  reached = 0
  /** The heartbeats that it has sent, and their bytes on the wire. */
  messages = 0
  bytes = 0
  readonly #channel: ControlChannel
  /** Of the list that all members have. */
  readonly #list: string
  readonly #links: Peer[] = []
  readonly #serials = new Map<string, number>()
  /** By name: the answer to the next heartbeat. */
  readonly #answers = new Map<string, Buffer>()
  #dead: readonly Member[] = []

  constructor(count: number, clock: ManualClock) {
    const [self, ...peers] = membersOf(count)
    const timeout = defaultOf('clusterTimeout')
    const nothing = (): void => undefined
    this.peers = peers
    this.clock = clock
    // The default of a node.
    this.heartbeatInterval = timeout / 4
    this.#list = new MemberNames([self, ...peers].map(({ name }) => name)).fingerprint
    this.detector = new Detector({
      self,
      runId: runIdOf(self.name),
      clock,
      timeout,
      epochOf,
      tableVersion: TABLE_VERSION,
      events: {
        onView: nothing,
        onDeclaredDead: nothing,
        onLeaseCheck: nothing,
        onPeerDown: nothing,
        onIsolated: nothing,
        onSettled: nothing,
        onChanged: () => this.#channel.sendHeartbeats(),
      },
    })
    this.#channel = new ControlChannel({
      detector: this.detector,
      // Slot ownership is not simulated here.
      ownership: { request: nothing, isPending: false } as unknown as Ownership,
      peers: () => this.#links,
      clock,
      timers: clock,
      pingInterval: this.heartbeatInterval,
      isLeaving: () => false,
      stateReceived: (_name, message) => this.#process(message),
      context: () => 0,
      agreementChanged: nothing,
    })
    this.detector.setMembers([self, ...peers])
    this.#channel.start()
  }

  get alive(): readonly Member[] {
    return this.peers.filter((peer) => !this.#dead.includes(peer))
  }

  /** This node contacts one more peer, which has contacted as many as itself, and tells all contacted peers. */
  reach(): void {
    const { name } = this.peers[this.reached++]
    const link = this.#linkTo(name)
    this.#links.push(link)
    this.detector.linkReady(name, runIdOf(name))
    this.#channel.sendHeartbeat(link)
    this.#process({ ...this.#messageOf(name), answers: 1 })
  }

  /** All nodes have contacted each other, without messages in between. */
  reachAll(): void {
    this.reached = this.peers.length
    for (const { name } of this.peers) {
      this.detector.linkReady(name, runIdOf(name))
      this.#process({ ...this.#messageOf(name), answers: 1 })
    }
    this.#links.push(...this.peers.map(({ name }) => this.#linkTo(name)))
  }

  /** A tenth of the peers ends, which all others know. */
  killTenth(): readonly Member[] {
    this.#dead = this.peers.slice(0, Math.ceil(this.peers.length / 10))
    this.#links.splice(0, this.#dead.length)
    return this.#dead
  }

  /** The heartbeat of a peer that has contacted as many peers as this node. */
  heartbeatOf({ name }: Member): string {
    return JSON.stringify(this.#messageOf(name))
  }

  /** A peer's heartbeat is received and answered. */
  receive(text: string): string {
    const message: StateMessage = JSON.parse(text)
    this.#process(message)
    return JSON.stringify(this.detector.answer(message))
  }

  /** Prepares an immediate answer to the next heartbeat to each peer. */
  prepareAnswers(): void {
    for (const { name } of this.alive) {
      const text = JSON.stringify({ ...this.#messageOf(name), answers: 1 })
      this.#answers.set(name, Buffer.from(`$${text.length}\r\n${text}\r\n`))
    }
  }

  clearAnswers(): void {
    this.#answers.clear()
  }

  #process(message: StateMessage): void {
    this.detector.receive(message.name, message)
    // The caller does this with every message, to find leaving members and lists that differ.
    this.detector.leavingPeers
    this.detector.listDifferences()
  }

  #sender(name: string) {
    return (receiver: Receiver, _context: number, _buf: Buffer, from: number, to: number): boolean => {
      this.messages++
      this.bytes += to - from
      const answer = this.#answers.get(name)
      if (answer !== undefined) receiver.replies(answer, 1)
      return true
    }
  }

  #linkTo(name: string): Peer {
    return { name, isReachable: true, control: { send: this.#sender(name) } } as unknown as Peer
  }

  #messageOf(name: string): StateMessage {
    const serial = (this.#serials.get(name) ?? 0) + 1
    this.#serials.set(name, serial)
    const dead = this.#dead.map((each) => each.name)
    return {
      name,
      runId: runIdOf(name),
      serial,
      epoch: this.detector.view.epoch,
      weight: 1,
      leaving: false,
      suspects: Object.fromEntries(dead.map((each) => [each, 'refused' as const])),
      disconnected: false,
      unknown: this.peers.slice(this.reached).map((peer) => peer.name),
      list: this.#list,
      tombstones: Object.fromEntries(
        dead.map((each): [string, Tombstone] => [each, { runId: runIdOf(each), count: 1 }]),
      ),
      weakTombstones: {},
      gossip: {},
    }
  }
}
