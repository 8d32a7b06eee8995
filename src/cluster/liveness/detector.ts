// Decides which members of the cluster are alive, from what the links tell and what the other members say.

import type { LinkFailure } from '../links/link.ts'
import type { Member } from '../member.ts'
import type { DetectorOptions, PeerReport, View } from './events.ts'
import { type HealthRules, PeerHealth } from './health.ts'
import { Doubt } from './lease-check.ts'
import { Standpoint } from './local-view.ts'
import { Correspondent } from './peer-state.ts'
import { hearsayOf, isolationOf, type Peer, reportsOf } from './reports.ts'
import type { StateMessage } from './state.ts'
import { DeathMarks } from './tombstones.ts'

/** How many members that are not listed any more are remembered. */
const FORMER_KEPT = 1000

export class Detector {
  readonly #options: DetectorOptions
  readonly #rules: HealthRules
  readonly #gap: number
  readonly #peers = new Map<string, Peer>()
  /** What those that are not listed any more have said: they may come back. */
  readonly #former = new Map<string, Correspondent>()
  readonly #marks = new DeathMarks()
  readonly #standpoint: Standpoint
  #serial = 0
  /** When this process was last seen running. */
  #beat: number
  #listedAt: number | undefined
  #settled = false
  #standing = true
  #leaving = false
  #deposed = false
  #doubt: Doubt | undefined
  #doubtTold = false
  #isolated = false
  #alone = false
  #view: View
  #viewKey = ''
  #said = ''
  #concluding = false
  #again = false

  constructor(options: DetectorOptions) {
    this.#options = options
    const { clock, timeout, probation = {} } = options
    const { shortest = 500, longest = 30_000, window = 120_000 } = probation
    this.#rules = { timeout, shortest, longest, window }
    this.#gap = options.gap ?? timeout / 2
    this.#beat = clock.now()
    this.#standpoint = new Standpoint(options.self, this.#peers)
    this.#view = { members: [], epoch: options.epochOf([]), counter: 0 }
  }

  /** The members that the membership source lists, this node among them or not. */
  members(list: readonly Member[]): void {
    const now = this.#wake()
    const { self, runId } = this.#options
    this.#listedAt ??= now
    const listed = new Map(list.map((member) => [member.name, member]))
    listed.delete(self.name)
    for (const [name, { health, said }] of this.#peers) {
      if (listed.has(name)) continue
      // It may not know that it is not listed any more, and think that it still owns its slots.
      if (health.talking && !said.message?.leaving) this.#marks.declare(name, said.runId, now)
      this.#peers.delete(name)
      said.message = undefined
      this.#former.set(name, said)
    }
    for (const [name, member] of listed) {
      const known = this.#peers.get(name)
      const health = known?.health ?? new PeerHealth(this.#rules, now)
      const said = known?.said ?? this.#former.get(name) ?? new Correspondent(self.name, runId)
      this.#peers.set(name, { member, health, said })
      this.#former.delete(name)
    }
    for (const name of this.#former.keys()) {
      if (this.#former.size <= FORMER_KEPT) break
      this.#former.delete(name)
    }
    this.#conclude(now)
  }

  /** Our link to that peer is through its handshake. */
  ready(name: string, runId: string): void {
    const now = this.#wake()
    const peer = this.#peers.get(name)
    if (!peer || peer.said.over(runId)) return
    this.#meet(name, peer, runId, now)
    peer.health.ready(now)
    this.#conclude(now)
  }

  /**
   * Something came over a link that this node opened to that peer.
   *
   * @param latency the round trip of a ping, in ms, when that is what came
   */
  heard(name: string, latency?: number): void {
    const now = this.#wake()
    this.#peers.get(name)?.health.heard(now, latency)
  }

  /** Our link to that peer broke, or could not be opened. */
  broken(name: string, how: LinkFailure): void {
    const now = this.#wake()
    const peer = this.#peers.get(name)
    if (!peer) return
    this.#change(name, peer, now, () => peer.health.broken(how, now))
    this.#conclude(now)
  }

  /** A state message of that peer has come, over its link or as an answer over ours. */
  state(name: string, message: StateMessage): void {
    const now = this.#wake()
    const peer = this.#peers.get(name)
    if (!peer || peer.said.over(message.runId)) return
    const { said, health } = peer
    this.#meet(name, peer, message.runId, now)
    if (said.condemns(message.runId, message.deposed, message.alone)) this.#deposed = true
    this.#listen(message)
    let news = said.take(message)
    const { verdict, tried, talking } = health
    if (message.answers !== undefined) health.answered(now)
    const met = !talking && health.talking
    const owns = this.#view.members.includes(this.#options.self)
    if (said.rivalryEnds(message, met, owns, this.#view.epoch)) this.#deposed = true
    if (message.answers !== undefined) {
      if (this.#marks.alive(name)) this.#deposed = true
      said.answered(message.answers)
      this.#doubt?.answered(name, message.answers)
      news ||= health.verdict !== verdict || !tried
    }
    if (news || this.#deposed || this.#doubt) this.#conclude(now)
  }

  /** Whether this node may be a member: false while its lease is lost. */
  standing(standing: boolean): void {
    const now = this.#wake()
    if (this.#standing && !standing) this.#deposed = true
    this.#standing = standing
    this.#conclude(now)
  }

  /** This node drains and will close: it is in no view from now on. */
  leave(): void {
    const now = this.#wake()
    this.#leaving = true
    this.#conclude(now)
  }

  /** Looks at the clock: to be called with each ping, and whenever this process may have stood still. */
  tick(): void {
    const now = this.#wake()
    const { name: self } = this.#options.self
    this.#marks.prune((name) => this.#peers.has(name), now)
    for (const [name, peer] of this.#peers) {
      this.#change(name, peer, now, () => peer.health.tick(now, peer.said.message?.accused[self]))
    }
    this.#conclude(now)
  }

  /** The state of this node, for a ping. */
  message(): StateMessage {
    const { self, runId } = this.#options
    const { opinion, reached } = this.#standpoint
    return {
      name: self.name,
      runId,
      serial: ++this.#serial,
      epoch: this.#view.epoch,
      weight: self.weight,
      leaving: !this.#present,
      ...opinion,
      deposed: this.#marks.deposed,
      alone: this.#marks.alone,
      hearsay: hearsayOf(this.#peers, reached, opinion),
    }
  }

  /** The state of this node, as the answer to a ping whose message was given to `state` before. */
  answer(ping: StateMessage): StateMessage {
    return { ...this.message(), answers: ping.serial }
  }

  get view(): View {
    return this.#view
  }

  get settled(): boolean {
    return this.#settled
  }

  get isolated(): boolean {
    return this.#isolated
  }

  /** Whether most of several others are silent: of two nodes, what each has declared of the other holds. */
  get isCutOff(): boolean {
    return this.#alone
  }

  get doubtful(): boolean {
    return this.#doubtTold
  }

  peers(): PeerReport[] {
    return reportsOf(this.#peers)
  }

  /** Every entry passes here: finds out whether this process stood still since the last one. */
  #wake(): number {
    const now = this.#options.clock.now()
    const stood = now - this.#beat
    this.#beat = now
    if (stood <= this.#gap) return now
    const waiting = new Set<string>()
    for (const [name, { health, said }] of this.#peers) {
      health.excused(now)
      said.doubt(this.#serial)
      if (health.talking) waiting.add(name)
    }
    this.#doubt = new Doubt(waiting, this.#serial, now + this.#options.timeout)
    // Whoever is asked now tells soonest.
    this.#said = ''
    this.#conclude(now)
    return now
  }

  #meet(name: string, { said, health }: Peer, runId: string, now: number): void {
    if (said.meet(runId)) health.replaced(now)
    this.#marks.met(name, runId)
  }

  /** Takes in what a peer has heard of members that this node cannot hear. */
  #listen(message: StateMessage): void {
    for (const [name, heard] of Object.entries(message.hearsay)) {
      const said = this.#peers.get(name)?.said
      if (said?.condemns(heard.runId, heard.deposed, {})) this.#deposed = true
      if (said?.agrees(heard, this.#view.epoch)) this.#deposed = true
    }
  }

  /** Does something that may change the verdict on a peer, and marks it when that declared it dead. */
  #change(name: string, { health, said }: Peer, now: number, act: () => void): void {
    const { verdict } = health
    act()
    if (health.verdict === 'down' && verdict !== 'down') this.#marks.declare(name, said.runId, now)
  }

  /** Draws the conclusions from all that is known, and tells those that are new. */
  #conclude(now: number): void {
    if (this.#concluding) {
      this.#again = true
      return
    }
    this.#concluding = true
    try {
      do {
        this.#again = false
        this.#tell(now)
      } while (this.#again)
    } finally {
      this.#concluding = false
    }
  }

  #tell(now: number): void {
    const { events } = this.#options
    const isolated = this.#measureIsolation(now)
    const view = this.#standpoint.look(this.#present)
    const awaited = (name: string) => this.#peers.get(name)?.health.talking === true
    if (this.#doubt?.over(now, awaited)) this.#doubt = undefined
    const said = JSON.stringify([this.#standpoint.opinion, this.#present])

    // What must be forgotten is told before anything that lets this node serve.
    if (this.#deposed) {
      this.#deposed = false
      if (this.#settled) events.onDeposed()
    }
    if (this.#doubtTold !== (this.#doubt !== undefined)) {
      this.#doubtTold = this.#doubt !== undefined
      events.onDoubt(this.#doubtTold)
    }
    if (this.#isolated !== isolated) {
      this.#isolated = isolated
      events.onIsolated(isolated)
    }
    if (!this.#settled && this.#triedAll(now)) {
      this.#settled = true
      events.onSettled()
    }
    if (this.#settled) this.#show(view)
    if (said !== this.#said) {
      this.#said = said
      events.onChanged()
    }
  }

  #show(members: readonly Member[]): void {
    const key = JSON.stringify(members.map(({ name, weight }) => [name, weight]))
    if (key === this.#viewKey) return
    this.#viewKey = key
    const { epochOf, events } = this.#options
    this.#view = { members, epoch: epochOf(members), counter: this.#view.counter + 1 }
    events.onView(this.#view)
  }

  #triedAll(now: number): boolean {
    if (this.#listedAt === undefined) return false
    if (now - this.#listedAt >= this.#options.timeout) return true
    for (const { health } of this.#peers.values()) if (!health.tried) return false
    return true
  }

  #measureIsolation(now: number): boolean {
    const { isolated, others } = isolationOf(this.#peers)
    // Of two, nobody can tell who was cut off: what each declared holds.
    const alone = isolated && others > 1
    for (const [name, { health, said }] of this.#peers) {
      if (alone && health.charge === 'silent') this.#marks.doubt(name, now - this.#options.timeout)
      if (alone && !this.#alone) said.doubt(this.#serial)
    }
    this.#alone = alone
    return isolated
  }

  get #present(): boolean {
    return this.#standing && !this.#leaving
  }
}
