// Failure detectors on a simulated network with delay, loss and partitions; processes pause, end and restart.

import { ManualClock } from '../../src/bytes/clock.ts'
import { Detector } from '../../src/cluster/liveness/detector.ts'
import type { DetectorOptions, View } from '../../src/cluster/liveness/events.ts'
import type { Repeat } from '../../src/cluster/liveness/heartbeats/repeat.ts'
import type { StateMessage } from '../../src/cluster/liveness/state.ts'
import type { Member } from '../../src/cluster/member.ts'
import { type Random, seededRandom } from './random.ts'
import { type DetectorEvent, type SimLink, SimNode } from './sim-node.ts'

export interface SimOptions {
  readonly nodes: number
  readonly seed?: number
  /** The one-way delay, ms: from, to. */
  readonly delay?: readonly [number, number]
  /** Probability that a message is lost. */
  readonly loss?: number
  readonly timeout?: number
  readonly heartbeatInterval?: number
  readonly probation?: DetectorOptions['probation']
  /** The least time between two conclusions, as in a large cluster; by default there is none. */
  readonly batchMs?: number | undefined
}

/** The wait between two connection attempts, ms. */
const RETRY = 50

/** A fingerprint of names and weights. */
function fingerprint(members: readonly Member[]): number {
  let hash = 17
  for (const char of members.map(({ name, weight }) => `${name}*${weight}`).join()) {
    hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0
  }
  return hash
}

export class SimCluster {
  readonly clock = new ManualClock(1_000_000)
  readonly nodes: SimNode[]
  readonly timeout: number
  readonly heartbeatInterval: number
  readonly #options: SimOptions
  readonly #random: Random
  readonly #cuts = new Set<string>()
  readonly #arrivals = new Map<string, number>()
  loss: number

  constructor(options: SimOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed ?? 1)
    this.timeout = options.timeout ?? 1000
    this.heartbeatInterval = options.heartbeatInterval ?? 200
    this.loss = options.loss ?? 0
    this.nodes = Array.from(
      { length: options.nodes },
      (_, i) => new SimNode(`${String.fromCharCode(97 + i)}:7000`),
    )
  }

  /** Starts all nodes, and runs until they know each other. */
  static started(options: SimOptions): SimCluster {
    const cluster = new SimCluster(options)
    for (const node of cluster.nodes) cluster.start(node)
    cluster.run(cluster.timeout * 2)
    return cluster
  }

  start(node: SimNode, list: readonly SimNode[] = this.nodes): void {
    const { timeout, clock } = this
    const { probation, batchMs } = this.#options
    const started = ++node.run
    node.alive = true
    node.isHostUp = true
    node.paused = false
    node.backlog = []
    node.links = new Map()
    const record = (event: DetectorEvent) => node.events.push(event)
    const at = () => clock.now()
    node.detector = new Detector({
      self: node.member,
      runId: `${node.name}/${node.run}`,
      clock,
      timeout,
      epochOf: fingerprint,
      tableVersion: 1,
      timers: {
        after: (ms, run) => clock.after(ms, () => node.run === started && this.#runProcess(node, run)),
      },
      ...(batchMs !== undefined && { batchMs: () => batchMs }),
      ...(probation && { probation }),
      events: {
        onView: (view) => record({ at: at(), what: 'view', members: text(view) }),
        onDeclaredDead: () => record({ at: at(), what: 'declaredDead' }),
        onLeaseCheck: (value) => record({ at: at(), what: 'leaseCheck', value }),
        onIsolated: (value) => record({ at: at(), what: 'isolated', value }),
        onPeerDown: () => undefined,
        onSettled: () => record({ at: at(), what: 'settled' }),
        onChanged: () => this.#broadcast(node),
      },
    })
    node.detector.setMembers(list.map(({ member }) => member))
    for (const other of list) if (other !== node) this.#connect(node, other)
    this.#heartbeats(node, node.run)
  }

  /** The process ends: its connections are closed and new ones refused. */
  kill(node: SimNode): void {
    this.#end(node)
    for (const other of this.nodes) {
      const link = other.links.get(node.name)
      if (link && link.run === node.run)
        this.#deliver(node, other, () => this.#breakLink(other, link, 'closed'))
    }
  }

  /** The machine is off: nothing answers. */
  powerOff(node: SimNode): void {
    this.#end(node)
    node.isHostUp = false
  }

  /** As with SIGSTOP: messages are received and wait for the process. */
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

  /** Drops everything that `from` sends to `to`. */
  cut(from: SimNode, to: SimNode): void {
    this.#cuts.add(`${from.name} ${to.name}`)
  }

  /** Drops everything between the two groups. */
  partition(some: readonly SimNode[], others: readonly SimNode[]): void {
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

  /** Closes a link, as a proxy in between may. */
  closeLink(from: SimNode, to: SimNode): void {
    const link = from.links.get(to.name)
    if (link && from.alive) this.#breakLink(from, link, 'closed')
  }

  run(ms: number): void {
    this.clock.advance(ms)
  }

  /** The different views of the nodes that are alive. */
  get views(): string[] {
    return [...new Set(this.nodes.filter(({ alive }) => alive).map(({ viewNames }) => viewNames))]
  }

  #end(node: SimNode): void {
    node.alive = false
    node.paused = false
    node.backlog = []
    node.links = new Map()
  }

  #heartbeats(node: SimNode, run: number): void {
    this.clock.after(this.heartbeatInterval, () => {
      if (node.run !== run || !node.alive) return
      this.#runProcess(node, () => {
        node.detector.tick()
        for (const link of node.links.values()) {
          if (link.state !== 'open') continue
          if (this.clock.now() - link.heard >= this.timeout) this.#breakLink(node, link, 'silent')
          else this.#sendHeartbeat(node, link)
        }
      })
      this.#heartbeats(node, run)
    })
  }

  #broadcast(node: SimNode): void {
    for (const link of node.links.values()) if (link.state === 'open') this.#sendHeartbeat(node, link)
  }

  #sendHeartbeat(node: SimNode, link: SimLink): void {
    const heartbeat = node.detector.exchange.heartbeat(link.to.name)
    const sentAt = this.clock.now()
    const { to } = link
    this.#deliver(node, to, () => {
      if (link.run !== to.run) return
      const message = read(to, node, heartbeat.text)
      if ('name' in message) to.detector.receive(node.name, message)
      const text = to.detector.exchange.answer(node.name, message)
      this.#deliver(to, node, () => {
        if (link.state !== 'open' || node.links.get(to.name) !== link) return
        link.heard = this.clock.now()
        node.detector.heard(to.name, link.heard - sentAt)
        const answer = read(node, to, text)
        if ('name' in answer) node.detector.receive(to.name, answer)
        if (node.detector.exchange.hasMissed(to.name, heartbeat, answer)) this.#sendHeartbeat(node, link)
      })
    })
  }

  #connect(node: SimNode, to: SimNode): void {
    if (!node.alive) return
    const link: SimLink = { to, run: 0, state: 'connecting', heard: this.clock.now() }
    node.links.set(to.name, link)
    const current = () => node.links.get(to.name) === link && link.state === 'connecting'
    this.clock.after(this.timeout, () => {
      if (current()) this.#runProcess(node, () => this.#breakLink(node, link, 'silent'))
    })
    const refuse = () => {
      if (to.isHostUp)
        this.#deliver(to, node, () => current() && this.#breakLink(node, link, 'refused'), true)
    }
    this.#deliver(
      node,
      to,
      () => {
        if (!to.alive) return refuse()
        if (link.run === 0) link.run = to.run
        const runId = `${to.name}/${to.run}`
        this.#deliver(to, node, () => {
          if (!current()) return
          link.state = 'open'
          link.heard = this.clock.now()
          node.detector.linkReady(to.name, runId)
          this.#sendHeartbeat(node, link)
        })
      },
      true,
    )
  }

  #breakLink(node: SimNode, link: SimLink, how: 'refused' | 'closed' | 'silent'): void {
    if (link.state === 'closed' || node.links.get(link.to.name) !== link) return
    link.state = 'closed'
    node.detector.linkBroken(link.to.name, how)
    const { run } = node
    const again = () => node.run === run && this.#connect(node, link.to)
    if (how === 'closed') again()
    else this.clock.after(RETRY, () => this.#runProcess(node, again))
  }

  /** Calls `arrive` at the other end, in the order of sending. Nothing arrives if the direction is cut or the node is gone. */
  #deliver(from: SimNode, to: SimNode, arrive: () => void, toMachine = false): void {
    const [least, most] = this.#options.delay ?? [1, 10]
    const direction = `${from.name} ${to.name}`
    if (this.#cuts.has(direction) || (this.loss > 0 && this.#random() / 2 ** 32 < this.loss)) return
    const at = Math.max(
      this.#arrivals.get(direction) ?? 0,
      this.clock.now() + least + (this.#random() % (most - least + 1)),
    )
    this.#arrivals.set(direction, at)
    this.clock.after(at - this.clock.now(), () => {
      if (this.#cuts.has(direction)) return
      if (to.alive) this.#runProcess(to, arrive)
      else if (toMachine) arrive()
    })
  }

  /** Runs an action of a process, after the pause if it is paused. */
  #runProcess(node: SimNode, run: () => void): void {
    if (!node.alive) return
    if (node.paused) node.backlog.push(run)
    else run()
  }
}

function text(view: View): string {
  return view.members.map(({ name }) => name[0]).join('')
}

function read(by: SimNode, { name }: SimNode, text: string): StateMessage | Repeat {
  const message = by.detector.exchange.read(name, JSON.parse(text))
  if (message === undefined) throw new Error(`${by.name} cannot read ${text}`)
  return message
}
