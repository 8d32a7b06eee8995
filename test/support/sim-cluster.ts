// Detectors on a simulated network: links with delays, cuts and loss, processes that pause, die and come back.

import { ManualClock } from '../../src/bytes/clock.ts'
import { Detector } from '../../src/cluster/liveness/detector.ts'
import type { DetectorOptions, View } from '../../src/cluster/liveness/events.ts'
import type { Member } from '../../src/cluster/member.ts'
import { type Random, seededRandom } from './random.ts'

export interface SimOptions {
  readonly nodes: number
  readonly seed?: number
  /** Milliseconds that bytes travel, one way: from, to. */
  readonly delay?: readonly [number, number]
  /** Probability that a message is lost. */
  readonly loss?: number
  readonly timeout?: number
  readonly ping?: number
  readonly probation?: DetectorOptions['probation']
}

/** Something that a detector told. */
export type DetectorEvent =
  | { readonly at: number; readonly what: 'view'; readonly members: string }
  | { readonly at: number; readonly what: 'deposed' | 'settled' }
  | { readonly at: number; readonly what: 'doubt' | 'isolated'; readonly value: boolean }

/** Pause between two attempts to connect, in ms. */
const RETRY = 50

interface Link {
  readonly to: SimNode
  /** The run that it was opened to. */
  run: number
  state: 'connecting' | 'open' | 'closed'
  heard: number
  pinged: Map<number, number>
}

/** An arbitrary fingerprint of names and weights. */
function fingerprint(members: readonly Member[]): number {
  let hash = 17
  for (const char of members.map(({ name, weight }) => `${name}*${weight}`).join()) {
    hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0
  }
  return hash
}

export class SimNode {
  readonly name: string
  readonly member: Member
  detector!: Detector
  events: DetectorEvent[] = []
  /** Runs so far; the process is there while `alive`. */
  run = 0
  alive = false
  /** The machine answers for its ports: who connects to a process that is gone is refused. */
  host = true
  paused = false
  backlog: (() => void)[] = []
  links = new Map<string, Link>()

  constructor(name: string, weight = 1) {
    this.name = name
    this.member = { name, host: name.slice(0, -5), port: 7000, weight }
  }

  /** The names in its view, or what it is instead. */
  get sees(): string {
    return this.detector.view.members.map(({ name }) => name[0]).join('')
  }

  count(what: DetectorEvent['what'], since = 0): number {
    return this.events.filter((told) => told.what === what && told.at >= since).length
  }

  /** What was told, in order, without times. */
  get story(): string[] {
    return this.events.map((told) => {
      if (told.what === 'view') return told.members
      return 'value' in told ? `${told.what}:${told.value}` : told.what
    })
  }
}

export class SimCluster {
  readonly clock = new ManualClock(1_000_000)
  readonly nodes: SimNode[]
  readonly timeout: number
  readonly ping: number
  readonly #options: SimOptions
  readonly #random: Random
  readonly #cuts = new Set<string>()
  readonly #arrivals = new Map<string, number>()
  loss: number

  constructor(options: SimOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed ?? 1)
    this.timeout = options.timeout ?? 1000
    this.ping = options.ping ?? 200
    this.loss = options.loss ?? 0
    this.nodes = Array.from(
      { length: options.nodes },
      (_, i) => new SimNode(`${String.fromCharCode(97 + i)}:7000`),
    )
  }

  /** Starts all, and runs until each has met the others. */
  static started(options: SimOptions): SimCluster {
    const cluster = new SimCluster(options)
    for (const node of cluster.nodes) cluster.start(node)
    cluster.run(cluster.timeout * 2)
    return cluster
  }

  start(node: SimNode, list: readonly SimNode[] = this.nodes): void {
    const { timeout, clock } = this
    const { probation } = this.#options
    node.run++
    node.alive = true
    node.host = true
    node.paused = false
    node.backlog = []
    node.links = new Map()
    const tell = (told: DetectorEvent) => node.events.push(told)
    const at = () => clock.now()
    node.detector = new Detector({
      self: node.member,
      runId: `${node.name}/${node.run}`,
      clock,
      timeout,
      epochOf: fingerprint,
      ...(probation && { probation }),
      events: {
        onView: (view) => tell({ at: at(), what: 'view', members: text(view) }),
        onDeclaredDead: () => tell({ at: at(), what: 'deposed' }),
        onLeaseCheck: (value) => tell({ at: at(), what: 'doubt', value }),
        onIsolated: (value) => tell({ at: at(), what: 'isolated', value }),
        onSettled: () => tell({ at: at(), what: 'settled' }),
        onChanged: () => this.#broadcast(node),
      },
    })
    node.detector.setMembers(list.map(({ member }) => member))
    for (const other of list) if (other !== node) this.#connect(node, other)
    this.#beat(node, node.run)
  }

  /** The process ends; its machine closes its connections and refuses new ones. */
  kill(node: SimNode): void {
    this.#end(node)
    for (const other of this.nodes) {
      const link = other.links.get(node.name)
      if (link && link.run === node.run) this.#travel(node, other, () => this.#lose(other, link, 'closed'))
    }
  }

  /** The machine is gone: nothing answers. */
  vanish(node: SimNode): void {
    this.#end(node)
    node.host = false
  }

  /** As SIGSTOP: the machine goes on to take what comes in. */
  pause(node: SimNode): void {
    node.paused = node.alive
  }

  resume(node: SimNode): void {
    if (!node.paused) return
    node.paused = false
    const backlog = node.backlog
    node.backlog = []
    for (const run of backlog) if (node.alive) run()
  }

  /** Nothing that `from` sends reaches `to`. */
  cut(from: SimNode, to: SimNode): void {
    this.#cuts.add(`${from.name} ${to.name}`)
  }

  /** Nothing passes between the two groups. */
  part(some: readonly SimNode[], others: readonly SimNode[]): void {
    for (const a of some) {
      for (const b of others) {
        this.cut(a, b)
        this.cut(b, a)
      }
    }
  }

  healAll(): void {
    this.#cuts.clear()
    this.loss = 0
    for (const node of this.nodes) this.resume(node)
  }

  /** Closes the link of one to another, as a proxy between them may. */
  drop(from: SimNode, to: SimNode): void {
    const link = from.links.get(to.name)
    if (link && from.alive) this.#lose(from, link, 'closed')
  }

  run(ms: number): void {
    this.clock.advance(ms)
  }

  /** The different views that there are among those that live. */
  get views(): string[] {
    return [...new Set(this.nodes.filter(({ alive }) => alive).map(({ sees }) => sees))]
  }

  #end(node: SimNode): void {
    node.alive = false
    node.paused = false
    node.backlog = []
    node.links = new Map()
  }

  #beat(node: SimNode, run: number): void {
    this.clock.after(this.ping, () => {
      if (node.run !== run || !node.alive) return
      this.#process(node, () => {
        node.detector.tick()
        for (const link of node.links.values()) {
          if (link.state !== 'open') continue
          if (this.clock.now() - link.heard >= this.timeout) this.#lose(node, link, 'silent')
          else this.#sendPing(node, link)
        }
      })
      this.#beat(node, run)
    })
  }

  #broadcast(node: SimNode): void {
    for (const link of node.links.values()) if (link.state === 'open') this.#sendPing(node, link)
  }

  #sendPing(node: SimNode, link: Link): void {
    const message = node.detector.message()
    link.pinged.set(message.serial, this.clock.now())
    const { to } = link
    this.#travel(node, to, () => {
      if (link.run !== to.run) return
      to.detector.receive(node.name, message)
      const answer = to.detector.answer(message)
      this.#travel(to, node, () => {
        if (link.state !== 'open' || node.links.get(to.name) !== link) return
        link.heard = this.clock.now()
        node.detector.heard(to.name, link.heard - (link.pinged.get(message.serial) ?? link.heard))
        link.pinged.delete(message.serial)
        node.detector.receive(to.name, answer)
      })
    })
  }

  #connect(node: SimNode, to: SimNode): void {
    if (!node.alive) return
    const link: Link = { to, run: 0, state: 'connecting', heard: this.clock.now(), pinged: new Map() }
    node.links.set(to.name, link)
    const current = () => node.links.get(to.name) === link && link.state === 'connecting'
    this.clock.after(this.timeout, () => {
      if (current()) this.#process(node, () => this.#lose(node, link, 'silent'))
    })
    const refuse = () => {
      if (to.host) this.#travel(to, node, () => current() && this.#lose(node, link, 'refused'), true)
    }
    this.#travel(
      node,
      to,
      () => {
        if (!to.alive) return refuse()
        if (link.run === 0) link.run = to.run
        const runId = `${to.name}/${to.run}`
        this.#travel(to, node, () => {
          if (!current()) return
          link.state = 'open'
          link.heard = this.clock.now()
          node.detector.linkReady(to.name, runId)
          this.#sendPing(node, link)
        })
      },
      true,
    )
  }

  #lose(node: SimNode, link: Link, how: 'refused' | 'closed' | 'silent'): void {
    if (link.state === 'closed' || node.links.get(link.to.name) !== link) return
    link.state = 'closed'
    node.detector.linkBroken(link.to.name, how)
    const { run } = node
    const again = () => node.run === run && this.#connect(node, link.to)
    if (how === 'closed') again()
    else this.clock.after(RETRY, () => this.#process(node, again))
  }

  /** Calls `arrive` at the other end, in the order of sending; not when the way is cut or nobody is there. */
  #travel(from: SimNode, to: SimNode, arrive: () => void, toMachine = false): void {
    const [least, most] = this.#options.delay ?? [1, 10]
    const way = `${from.name} ${to.name}`
    if (this.#cuts.has(way) || (this.loss > 0 && this.#random() / 2 ** 32 < this.loss)) return
    const at = Math.max(
      this.#arrivals.get(way) ?? 0,
      this.clock.now() + least + (this.#random() % (most - least + 1)),
    )
    this.#arrivals.set(way, at)
    this.clock.after(at - this.clock.now(), () => {
      if (this.#cuts.has(way)) return
      if (to.alive) this.#process(to, arrive)
      else if (toMachine) arrive()
    })
  }

  /** Runs what a process has to do, later when it stands still. */
  #process(node: SimNode, run: () => void): void {
    if (!node.alive) return
    if (node.paused) node.backlog.push(run)
    else run()
  }
}

function text(view: View): string {
  return view.members.map(({ name }) => name[0]).join('')
}
