// One node of a simulated cluster: its own view of the others is real, what they say to it is made up.

import type { ManualClock } from '../../src/bytes/clock.ts'
import { ControlChannel } from '../../src/cluster/control-channel.ts'
import type { Peer } from '../../src/cluster/links/peer.ts'
import type { Receiver } from '../../src/cluster/links/receiver.ts'
import { Detector } from '../../src/cluster/liveness/detector.ts'
import type { StateMessage, Tombstone } from '../../src/cluster/liveness/state.ts'
import type { Member } from '../../src/cluster/member.ts'
import type { Ownership } from '../../src/cluster/ownership/ownership.ts'
import { epochOf } from '../../src/cluster/ring/slots.ts'
import { fallbackOf } from './defaults.ts'
import { membersOf } from './table.ts'

/** Of a run's name, as nodes make it. */
const RUN_ID_LENGTH = 40

const runIdOf = (name: string): string => name.padEnd(RUN_ID_LENGTH, '0')

export class Talker {
  readonly detector: Detector
  readonly peers: readonly Member[]
  readonly clock: ManualClock
  readonly pingInterval: number
  /** How many others this node has reached, from the first on. */
  reached = 0
  /** Messages that it has sent unasked, and their bytes on the wire. */
  messages = 0
  bytes = 0
  readonly #conversation: ControlChannel
  readonly #links: Peer[] = []
  readonly #serials = new Map<string, number>()
  /** By name: what a ping is answered with. */
  readonly #answers = new Map<string, Buffer>()
  #dead: readonly Member[] = []

  constructor(count: number, clock: ManualClock) {
    const [self, ...peers] = membersOf(count)
    const timeout = fallbackOf('clusterTimeout')
    const nothing = (): void => undefined
    this.peers = peers
    this.clock = clock
    // As a node does by default.
    this.pingInterval = timeout / 4
    this.detector = new Detector({
      self,
      runId: runIdOf(self.name),
      clock,
      timeout,
      epochOf,
      events: {
        onView: nothing,
        onDeclaredDead: nothing,
        onLeaseCheck: nothing,
        onIsolated: nothing,
        onSettled: nothing,
        onChanged: () => this.#conversation.sendHeartbeats(),
      },
    })
    this.#conversation = new ControlChannel({
      detector: this.detector,
      // Who owns what is none of the matters here.
      ownership: { claim: nothing, pending: false } as unknown as Ownership,
      peers: () => this.#links,
      clock,
      timers: clock,
      pingInterval: this.pingInterval,
      isLeaving: () => false,
      heard: (_name, message) => this.#take(message),
      context: () => 0,
      changed: nothing,
    })
    this.detector.setMembers([self, ...peers])
    this.#conversation.start()
  }

  get alive(): readonly Member[] {
    return this.peers.filter((peer) => !this.#dead.includes(peer))
  }

  /** One more peer is there and has answered: it has reached as many as this node. All those reached are told. */
  reach(): void {
    const { name } = this.peers[this.reached++]
    const link = this.#linkTo(name)
    this.#links.push(link)
    this.detector.linkReady(name, runIdOf(name))
    this.#conversation.tell(link)
    this.#take({ ...this.#says(name), answers: 1 })
  }

  /** Everybody has reached everybody, and was told nothing until then. */
  reachAll(): void {
    this.reached = this.peers.length
    for (const { name } of this.peers) {
      this.detector.linkReady(name, runIdOf(name))
      this.#take({ ...this.#says(name), answers: 1 })
    }
    this.#links.push(...this.peers.map(({ name }) => this.#linkTo(name)))
  }

  /** A tenth of the others is gone, as everybody knows. */
  killTenth(): readonly Member[] {
    this.#dead = this.peers.slice(0, Math.ceil(this.peers.length / 10))
    this.#links.splice(0, this.#dead.length)
    return this.#dead
  }

  /** What a peer says of itself and the others, knowing as many as this node does. */
  textFrom({ name }: Member): string {
    return JSON.stringify(this.#says(name))
  }

  /** A peer's ping arrives, and is answered. */
  hear(text: string): string {
    const message: StateMessage = JSON.parse(text)
    this.#take(message)
    return JSON.stringify(this.detector.answer(message))
  }

  /** The next ping to each peer is answered at once. */
  prepareAnswers(): void {
    for (const { name } of this.alive) {
      const text = JSON.stringify({ ...this.#says(name), answers: 1 })
      this.#answers.set(name, Buffer.from(`$${text.length}\r\n${text}\r\n`))
    }
  }

  forgetAnswers(): void {
    this.#answers.clear()
  }

  #take(message: StateMessage): void {
    this.detector.receive(message.name, message)
    // With every message a node looks who is about to leave.
    this.detector.peers()
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

  #says(name: string): StateMessage {
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
      tombstones: Object.fromEntries(
        dead.map((each): [string, Tombstone] => [each, { runId: runIdOf(each), count: 1 }]),
      ),
      weakTombstones: {},
      gossip: {},
    }
  }
}
