// One node of a simulated cluster: its failure detector and control channel are real, the messages of its peers are not.

import type { ManualClock } from '../../src/bytes/clock.ts'
import { ControlChannel } from '../../src/cluster/control-channel.ts'
import type { Peer } from '../../src/cluster/links/peer.ts'
import type { Receiver } from '../../src/cluster/links/receiver.ts'
import { Detector } from '../../src/cluster/liveness/detector.ts'
import { OwnState, type State } from '../../src/cluster/liveness/heartbeats/own-state.ts'
import type { StateMessage, Tombstone } from '../../src/cluster/liveness/state.ts'
import type { Member } from '../../src/cluster/member.ts'
import { ListAgreement } from '../../src/cluster/membership/list-agreement.ts'
import { MemberNames } from '../../src/cluster/membership/member-names.ts'
import type { Ownership } from '../../src/cluster/ownership/ownership.ts'
import { assignSlots, epochOf, TABLE_VERSION } from '../../src/cluster/ring/slots.ts'
import { defaultOf } from './defaults.ts'
import { membersOf } from './slot-table.ts'

/** The length of a real run ID. */
const RUN_ID_LENGTH = 40

const runIdOf = (name: string): string => name.padEnd(RUN_ID_LENGTH, '0')

/** A peer: what it tells, and what this node and the peer have of each other. */
interface SimulatedPeer {
  readonly own: OwnState
  state: State | undefined
  serial: number
  /** The version of its state that this node has. */
  told: number
  /** The version of this node's state that it has. */
  seen: number
  /** The last message that was given to this node. */
  message: StateMessage | undefined
}

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
  readonly #agreement: ListAgreement
  /** Of the list that all members have. */
  readonly #list: string
  readonly #links: Peer[] = []
  readonly #peers = new Map<string, SimulatedPeer>()
  /** By name: the answer to the next heartbeat. */
  readonly #answers = new Map<string, Buffer>()
  #dead: readonly Member[] = []
  #stateKey = ''
  #state: State | undefined

  constructor(count: number, clock: ManualClock) {
    const [self, ...peers] = membersOf(count)
    const timeout = defaultOf('clusterTimeout')
    const nothing = (): undefined => undefined
    this.peers = peers
    this.clock = clock
    // The default of a node.
    this.heartbeatInterval = timeout / 4
    this.#list = new MemberNames([self, ...peers].map(({ name }) => name)).fingerprint
    for (const { name } of peers) {
      const own = new OwnState({ name, runId: runIdOf(name) })
      this.#peers.set(name, { own, state: undefined, serial: 0, told: 0, seen: 0, message: undefined })
    }
    this.detector = new Detector({
      self,
      runId: runIdOf(self.name),
      clock,
      timers: clock,
      timeout,
      epochOf,
      tableVersion: TABLE_VERSION,
      events: {
        // A node does the same.
        onView: ({ members }) => members.length > 0 && assignSlots(members),
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
      peer: nothing,
      clock,
      timers: clock,
      pingInterval: this.heartbeatInterval,
      isLeaving: () => false,
      refused: () => undefined,
      stateReceived: (_name, message) => this.#process(message),
      context: () => 0,
      agreementChanged: nothing,
    })
    this.#agreement = new ListAgreement({
      differences: () => this.detector.listDifferences(),
      otherVersions: () => this.detector.peersOfOtherVersions,
      lists: () => true,
      clock,
      log: { info: nothing, warn: nothing },
      interval: this.heartbeatInterval,
      delay: timeout,
      timeout: 2 * timeout,
    })
    this.detector.setMembers([self, ...peers])
    this.#channel.start()
  }

  get alive(): readonly Member[] {
    return this.peers.filter((peer) => !this.#dead.includes(peer))
  }

  /** The names of the peers that it has contacted and that are alive. */
  get linked(): readonly string[] {
    return this.#links.map(({ name }) => name)
  }

  /** Whether all members are in its view, and all peers have told that they have the same view. */
  get isAgreed(): boolean {
    const { members, epoch } = this.detector.view
    if (members.length !== this.peers.length + 1) return false
    return [...this.#peers.values()].every(({ message }) => message?.epoch === epoch)
  }

  /** This node contacts one more peer, which has contacted as many as itself. */
  reach(): void {
    const { name } = this.peers[this.reached++]
    const link = this.#linkTo(name)
    this.#links.push(link)
    this.detector.linkReady(name, runIdOf(name))
    this.#channel.sendHeartbeat(link)
  }

  /** All nodes have contacted each other, without messages in between. */
  reachAll(): void {
    this.reached = this.peers.length
    for (const { name } of this.peers) {
      this.detector.linkReady(name, runIdOf(name))
      this.receiveAnswer(name)
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
  heartbeatOf(name: string): string {
    return this.#textOf(name)
  }

  /** The answer of such a peer. */
  answerOf(name: string): string {
    return this.#textOf(name, { answers: this.detector.exchange.serial, answersAt: 0, lease: 0 })
  }

  /** A peer's heartbeat is received and answered. */
  receive(name: string, text: string): string {
    this.#read(name, text)
    return this.detector.exchange.answer(name, this.#peers.get(name)!.message!)
  }

  /** A peer's answer is received. */
  receiveAnswer(name: string, text = this.answerOf(name)): void {
    this.#read(name, text)
  }

  /** Prepares an immediate answer to the next heartbeat to each peer. */
  prepareAnswers(): void {
    for (const name of this.linked) {
      const text = this.answerOf(name)
      this.#answers.set(name, Buffer.from(`$${text.length}\r\n${text}\r\n`))
    }
  }

  clearAnswers(): void {
    this.#answers.clear()
  }

  #read(name: string, text: string): void {
    const message = this.detector.exchange.read(name, JSON.parse(text))
    if (message === undefined || !('name' in message)) throw new Error(`not readable: ${text}`)
    this.#process(message)
  }

  #process(message: StateMessage): void {
    this.#peers.get(message.name)!.message = message
    this.detector.receive(message.name, message)
    // The caller does this with every message, to find leaving members and lists that differ.
    this.detector.leavingPeers
    this.#agreement.heard(message.name)
  }

  #sender(name: string) {
    const peer = this.#peers.get(name)!
    return (receiver: Receiver, _context: number, _buf: Buffer, from: number, to: number): boolean => {
      this.messages++
      this.bytes += to - from
      peer.seen = this.detector.exchange.version
      const answer = this.#answers.get(name)
      if (answer !== undefined) receiver.replies(answer, 1)
      return true
    }
  }

  #linkTo(name: string): Peer {
    return { name, isReachable: true, control: { send: this.#sender(name) } } as unknown as Peer
  }

  /** What the peer sends: its whole state if this node does not have it. */
  #textOf(name: string, answer: Pick<StateMessage, 'answers' | 'answersAt' | 'lease'> = {}): string {
    const peer = this.#peers.get(name)!
    const state = this.#peerState()
    if (peer.state !== state) peer.own.set((peer.state = state))
    const envelope = { serial: ++peer.serial, at: this.clock.now(), seen: peer.seen, ...answer }
    const { version } = peer.own
    if (peer.told === version) return peer.own.encodeRepeat(envelope)
    peer.told = version
    return peer.own.encode(envelope)
  }

  /** The same for all peers, as they have contacted the same members. */
  #peerState(): State {
    const { epoch } = this.detector.view
    const key = [epoch, this.reached, this.#dead.length].join()
    if (key !== this.#stateKey) [this.#stateKey, this.#state] = [key, this.#stateOf(epoch)]
    return this.#state!
  }

  #stateOf(epoch: number): State {
    const dead = this.#dead.map((each) => each.name)
    return {
      epoch,
      table: TABLE_VERSION,
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
