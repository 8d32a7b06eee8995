// Decides which members of the cluster are alive, from what the links tell and what the other members say.

import type { Clock } from '../bytes/clock.ts'
import { Correspondent } from './correspondent.ts'
import { type Break, type HealthRules, PeerHealth, type Verdict } from './health.ts'
import { DeathMarks } from './marks.ts'
import type { Member } from './member.ts'
import type { Charge, Charges, Hearsay, StateMessage } from './state.ts'
import { agree, type Opinion } from './view.ts'

/** The members that are alive, as this node sees it. */
export interface View {
  /** Sorted by name. Without this node, when it leaves or others took its slots over. */
  readonly members: readonly Member[]
  /** The fingerprint of the members: the same on every node that has the same view. */
  readonly epoch: number
  /** Counts the views of this process. */
  readonly counter: number
}

/** What the detector tells. All are called outside of its own work: they may call it. */
export interface DetectorEvents {
  /** The view has changed. Not called before the node is settled. */
  onView(view: View): void
  /** Others have declared this node dead and took its slots over: what it holds may be out of date. */
  onDeposed(): void
  /** True: this process stood still and may have been declared dead. False: it knows (`onDeposed` came before). */
  onDoubt(doubtful: boolean): void
  /** Whether most of the others are silent, so that this node may be the one that is cut off. */
  onIsolated(isolated: boolean): void
  /** Each listed member was reached, or failed, or the timeout has passed: the first view follows. */
  onSettled(): void
  /** What this node says of the others has changed: `message()` should go to all peers now. */
  onChanged(): void
}

export interface DetectorOptions {
  readonly self: Member
  /** Different for each start of the process. */
  readonly runId: string
  readonly clock: Clock
  /** A peer that is not heard for so long is down, in ms; several pings long. */
  readonly timeout: number
  /** The fingerprint of a set of members. */
  readonly epochOf: (members: readonly Member[]) => number
  readonly events: DetectorEvents
  /** This process stood still when it did not come to its turn for so long, in ms; the default is half the timeout. */
  readonly gap?: number
  /** Probation, in ms: the first one, the longest, and after how long without a fall it starts anew. */
  readonly probation?: { readonly shortest?: number; readonly longest?: number; readonly window?: number }
}

/** One peer, for INFO and CLUSTER NODES. Times in ms since the epoch of the clock. */
export interface PeerReport {
  readonly name: string
  readonly runId: string
  readonly verdict: Verdict
  readonly charge: Charge | undefined
  readonly since: number
  readonly lastHeard: number
  /** Milliseconds. */
  readonly latency: number | undefined
  readonly falls: number
  readonly linked: boolean
}

interface Peer {
  readonly member: Member
  readonly health: PeerHealth
  readonly said: Correspondent
}

interface Doubt {
  /** Only answers to later messages tell what happened while this process stood still. */
  readonly serial: number
  readonly until: number
  readonly waiting: Set<string>
}

export class Detector {
  readonly #options: DetectorOptions
  readonly #rules: HealthRules
  readonly #gap: number
  readonly #peers = new Map<string, Peer>()
  readonly #marks = new DeathMarks()
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
  #isolatedAlone = false
  #reached: ReadonlySet<string> = new Set()
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
    this.#view = { members: [], epoch: options.epochOf([]), counter: 0 }
    this.#said = this.#opinionText()
  }

  /** The members that the membership source lists, this node among them or not. */
  members(list: readonly Member[]): void {
    const now = this.#wake()
    const { self } = this.#options
    this.#listedAt ??= now
    const listed = new Map(list.map((member) => [member.name, member]))
    listed.delete(self.name)
    for (const [name, { health, said }] of this.#peers) {
      if (listed.has(name)) continue
      // It may not know that it is not listed any more, and think that it still owns its slots.
      if (health.talking) this.#marks.declare(name, said.runId, now)
      this.#peers.delete(name)
    }
    for (const [name, member] of listed) {
      const known = this.#peers.get(name)
      this.#peers.set(name, {
        member,
        health: known?.health ?? new PeerHealth(this.#rules, now),
        said: known?.said ?? new Correspondent(self.name),
      })
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
  broken(name: string, how: Break): void {
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
    if (message.answers !== undefined) {
      const { verdict, tried } = health
      health.answered(now)
      said.unsure = false
      if (this.#doubt && message.answers > this.#doubt.serial) this.#doubt.waiting.delete(name)
      news ||= health.verdict !== verdict || !tried
    }
    if (news || this.#deposed || this.#doubt) this.#judge(now)
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
    this.#marks.prune((name) => this.#peers.has(name), now)
    this.#judge(now)
  }

  /** The state of this node, for a ping. */
  message(): StateMessage {
    return { ...this.#message(), serial: ++this.#serial }
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

  get doubtful(): boolean {
    return this.#doubtTold
  }

  peers(): PeerReport[] {
    return [...this.#peers].map(([name, { said, health }]) => {
      const { verdict, charge, since, lastHeard, latency, falls, linked } = health
      return { name, runId: said.runId, verdict, charge, since, lastHeard, latency, falls, linked }
    })
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
      said.unsure = true
      if (health.talking) waiting.add(name)
    }
    this.#doubt = { serial: this.#serial, until: now + this.#options.timeout, waiting }
    this.#conclude(now)
    return now
  }

  #meet(name: string, { said, health }: Peer, runId: string, now: number): void {
    if (said.meet(runId)) health.replaced(now)
    this.#marks.met(name, runId)
  }

  /** Takes in what a peer has heard of members that this node cannot hear. */
  #listen(message: StateMessage): void {
    for (const [name, { runId, deposed }] of Object.entries(message.hearsay)) {
      if (this.#peers.get(name)?.said.condemns(runId, deposed, {})) this.#deposed = true
    }
  }

  /** Does something that may change the verdict on a peer, and marks it when that declared it dead. */
  #change(name: string, { health, said }: Peer, now: number, act: () => void): void {
    const { verdict } = health
    act()
    if (health.verdict === 'down' && verdict !== 'down') this.#marks.declare(name, said.runId, now)
  }

  #judge(now: number): void {
    const { name: self } = this.#options.self
    for (const [name, peer] of this.#peers) {
      this.#change(name, peer, now, () => peer.health.tick(now, peer.said.message?.accused[self]))
    }
    this.#conclude(now)
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
    const view = this.#computeView()
    if (this.#doubt) this.#pruneDoubt(this.#doubt, now)
    const said = this.#opinionText()

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
    const settles = !this.#settled && this.#triedAll(now)
    this.#settled ||= settles
    if (settles) events.onSettled()
    const key = JSON.stringify(view.map(({ name, weight }) => [name, weight]))
    if (key !== this.#viewKey || settles) {
      this.#viewKey = key
      const counter = this.#settled ? this.#view.counter + 1 : 0
      this.#view = { members: view, epoch: this.#options.epochOf(view), counter }
      if (this.#settled) events.onView(this.#view)
    }
    if (said !== this.#said) {
      this.#said = said
      events.onChanged()
    }
  }

  #triedAll(now: number): boolean {
    if (this.#listedAt === undefined) return false
    if (now - this.#listedAt >= this.#options.timeout) return true
    for (const { health } of this.#peers.values()) if (!health.tried) return false
    return true
  }

  #pruneDoubt(doubt: Doubt, now: number): void {
    for (const name of doubt.waiting) if (!this.#peers.get(name)?.health.talking) doubt.waiting.delete(name)
    if (doubt.waiting.size === 0 || now >= doubt.until) this.#doubt = undefined
  }

  /** Whether more than half of the others are silent; those whose process is certainly gone do not count. */
  #measureIsolation(now: number): boolean {
    let silent = 0
    let others = 0
    for (const { health, said } of this.#peers.values()) {
      if (health.charge === 'refused' || said.message?.leaving) continue
      others++
      if (health.charge === 'silent') silent++
    }
    const isolated = silent * 2 > others
    // Of two, nobody can tell who was cut off: what each declared holds.
    const alone = isolated && others > 1
    if (alone) {
      for (const [name, { health }] of this.#peers) {
        if (health.charge === 'silent') this.#marks.doubt(name, now - this.#options.timeout)
      }
    }
    if (alone && !this.#isolatedAlone) for (const { said } of this.#peers.values()) said.unsure = true
    this.#isolatedAlone = alone
    return isolated
  }

  #computeView(): Member[] {
    const { self } = this.#options
    const eligible = new Set<string>()
    const opinions = new Map<string, Opinion | undefined>()
    const hearsay = new Map<string, Charges>()
    if (this.#present) eligible.add(self.name)
    opinions.set(self.name, this.#opinion())
    for (const [name, { health, said }] of this.#peers) {
      if (!said.message?.leaving) eligible.add(name)
      if (health.talking) opinions.set(name, said.message)
    }
    for (const [witness, { health, said }] of this.#peers) {
      if (!health.talking || !eligible.has(witness) || !said.message) continue
      for (const [name, { accused }] of Object.entries(said.message.hearsay)) {
        hearsay.set(name, { ...hearsay.get(name), ...accused })
      }
    }
    const { members, reached } = agree({ eligible, opinions, hearsay })
    this.#reached = reached
    return [...members].sort().map((name) => {
      if (name === self.name) return self
      const { member, said } = this.#peers.get(name)!
      const weight = said.message?.weight ?? member.weight
      return weight === member.weight ? member : { ...member, weight }
    })
  }

  get #present(): boolean {
    return this.#standing && !this.#leaving
  }

  #opinion(): Opinion {
    const accused: Record<string, Charge> = {}
    const unknown: string[] = []
    for (const [name, { health }] of this.#peers) {
      if (health.charge) accused[name] = health.charge
      if (health.verdict === 'unknown') unknown.push(name)
    }
    return { accused, unknown }
  }

  #opinionText(): string {
    return JSON.stringify([this.#opinion(), this.#present])
  }

  #message(): Omit<StateMessage, 'serial'> {
    const { self, runId } = this.#options
    return {
      name: self.name,
      runId,
      epoch: this.#view.epoch,
      weight: self.weight,
      leaving: !this.#present,
      ...this.#opinion(),
      deposed: this.#marks.deposed,
      alone: this.#marks.alone,
      hearsay: this.#hearsay(),
    }
  }

  /** What the peers say against members that somebody can talk to: those cannot hear it from them. */
  #hearsay(): Record<string, Hearsay> {
    const all: Record<string, Hearsay> = {}
    for (const [name, { health, said }] of this.#peers) {
      if (!health.talking || !said.message || said.message.leaving) continue
      const accused: Record<string, Charge> = {}
      const deposed: Record<string, number> = {}
      for (const [other, charge] of Object.entries(said.message.accused)) {
        if (!this.#reached.has(other)) continue
        accused[other] = charge
        if (said.message.deposed[other]) deposed[other] = said.message.deposed[other]
      }
      if (Object.keys(accused).length > 0) all[name] = { runId: said.runId, accused, deposed }
    }
    return all
  }
}
