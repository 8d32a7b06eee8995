// A simulated cluster of `Ownership` instances that exchange delayed, reordered and lost messages.

import { Ownership } from '../../../src/cluster/ownership/ownership.ts'
import type { OwnershipReply, OwnershipRequest, View } from '../../../src/cluster/ownership/protocol.ts'
import { SELF } from '../../../src/cluster/ownership/protocol.ts'
import type { Random } from '../../support/random.ts'

export const SLOTS = 24

/** The state of a member in its current incarnation. States only increase. */
const LIVE = 0
const LEAVING = 1
const GONE = 2
const DEAD = 3
const STATES = 4
type Known = Map<string, number>

interface Message {
  readonly from: string
  readonly to: string
  readonly run: (to: Node) => void
  readonly lose?: () => void
}

export interface Node {
  readonly name: string
  readonly ownership: Ownership
  readonly known: Known
  /** By slot: the node that still has its entries. */
  readonly gaining: Map<number, string>
  /** Handovers that are not acknowledged yet. */
  unacknowledged: { readonly to: string; readonly slots: readonly number[] }[]
  readonly asking: Set<string>
  incarnation: number
  leaving: boolean
  running: boolean
}

/** Rendezvous hashing. */
function assign(members: readonly string[]): Uint16Array {
  const weigh = (name: string, slot: number): number => {
    let h = (slot + 1) * 0x9e3779b1
    for (const char of name) h = Math.imul(h ^ char.charCodeAt(0), 0x85ebca6b) ^ (h >>> 13)
    return h >>> 0
  }
  return Uint16Array.from({ length: SLOTS }, (_, slot) => {
    let best = 0
    for (let i = 1; i < members.length; i++)
      if (weigh(members[i], slot) > weigh(members[best], slot)) best = i
    return best
  })
}

function fingerprint(text: string): number {
  let h = 7
  for (const char of text) h = (Math.imul(h, 31) + char.charCodeAt(0)) | 0
  return (h >>> 0) + 1
}

export class Cluster {
  readonly nodes = new Map<string, Node>()
  deaths = 0
  /** By slot: the node that has its entries. */
  readonly entries: (string | undefined)[] = Array(SLOTS).fill(undefined)
  readonly #messages: Message[] = []
  readonly #random: Random
  readonly #numbers = new Map<string, number>()
  #born = 1000
  #created = 0

  constructor(random: Random) {
    this.#random = random
  }

  draw(below: number): number {
    return this.#random() % below
  }

  get running(): Node[] {
    return [...this.nodes.values()].filter(({ running }) => running)
  }

  /** Whether the node runs requests for the slot. */
  runs(node: Node, slot: number): boolean {
    return node.ownership.owners[slot] === SELF
  }

  join(): void {
    const { running } = this
    const name = `n${this.#created++}`
    const contact = running.length === 0 ? undefined : running[this.draw(running.length)]
    this.#start(name, new Map(contact?.known), 0)
  }

  leave(): void {
    const staying = this.running.filter(({ leaving }) => !leaving)
    if (staying.length < 2) return
    const node = staying[this.draw(staying.length)]
    node.leaving = true
    this.#learn(node, new Map([[node.name, node.incarnation * STATES + LEAVING]]))
    this.#gossip(node)
  }

  /** A node ends without leaving, and some of the others detect it. */
  kill(): void {
    const { running } = this
    if (running.length < 3) return
    const node = running[this.draw(running.length)]
    node.running = false
    this.deaths++
    for (const other of this.running) if (this.draw(2) === 0) this.#declareDead(other, node.name)
  }

  /** A live node is wrongly declared dead. */
  declareDead(): void {
    const { running } = this
    if (running.length < 3) return
    const reporter = running[this.draw(running.length)]
    const reported = running[this.draw(running.length)]
    if (reporter === reported || reported.leaving || !reporter.known.has(reported.name)) return
    this.deaths++
    this.#declareDead(reporter, reported.name)
  }

  gossip(): void {
    const { running } = this
    if (running.length > 0) this.#gossip(running[this.draw(running.length)])
  }

  /** Some node repeats its pending requests. */
  retry(): void {
    const { running } = this
    if (running.length > 0) this.#requestSlots(running[this.draw(running.length)])
  }

  /** A random message in flight arrives, is lost, or is delayed. */
  deliver(lossy: boolean): boolean {
    const { length } = this.#messages
    if (length === 0) return false
    const [message] = this.#messages.splice(this.draw(length), 1)
    const to = this.nodes.get(message.to)
    if (lossy && this.draw(8) === 0) {
      message.lose?.()
      // Only delayed: it arrives after its sender has given up.
      if (this.draw(2) === 0) this.#messages.push({ ...message, lose: undefined })
    } else if (to?.running) message.run(to)
    else message.lose?.()
    return true
  }

  /** The table that follows from the view of a node. */
  targetOf(node: Node): Uint16Array {
    const members = this.running.map(({ name }) => name).sort()
    const numbers = members.map((name) => (name === node.name ? SELF : this.numberOf(name)))
    return assign(members).map((place) => numbers[place])
  }

  settle(): void {
    for (let round = 0; round < 60; round++) {
      for (const node of this.running) {
        for (const { name, incarnation } of this.nodes.values())
          if (!this.nodes.get(name)!.running && node.known.has(name))
            this.#learn(node, new Map([[name, incarnation * STATES + DEAD]]))
        this.#gossip(node)
        this.#requestSlots(node)
        this.#reportHandovers(node)
      }
      while (this.deliver(false));
    }
  }

  #start(name: string, known: Known, incarnation: number): void {
    const node: Node = {
      name,
      known,
      gaining: new Map(),
      unacknowledged: [],
      asking: new Set(),
      incarnation,
      leaving: false,
      running: true,
      ownership: new Ownership({
        self: name,
        slots: SLOTS,
        firstSequence: this.#born++,
        assign,
        indexOf: (other) => this.numberOf(other),
        nameOf: (index) => this.#nameOf(index)!,
        busy: (slot) => node.gaining.has(slot),
        gained: (slots, from) => {
          for (const slot of slots) {
            if (from === undefined) node.gaining.delete(slot)
            else node.gaining.set(slot, from)
            this.entries[slot] ??= name
          }
        },
        lost: (slots, to) => {
          for (const slot of slots) node.gaining.delete(slot)
          if (to === undefined) return
          node.unacknowledged.push({ to, slots })
          this.#reportHandovers(node)
        },
        moved: () => undefined,
      }),
    }
    this.nodes.set(name, node)
    this.#learn(node, new Map([[name, incarnation * STATES + LIVE]]))
    this.#gossip(node)
  }

  #declareDead(reporter: Node, name: string): void {
    const known = reporter.known.get(name)
    if (known === undefined) return
    this.#learn(reporter, new Map([[name, Math.floor(known / STATES) * STATES + DEAD]]))
    this.#gossip(reporter)
  }

  #gossip(node: Node): void {
    const news = new Map(node.known)
    for (const { name } of this.running)
      if (name !== node.name) this.#send(node.name, name, (to) => this.#learn(to, news))
  }

  #learn(node: Node, news: Known): void {
    let changed = false
    for (const [name, state] of news) {
      if (state <= (node.known.get(name) ?? -1)) continue
      node.known.set(name, state)
      changed = true
    }
    if (!changed) return
    const own = node.incarnation * STATES
    if ((node.known.get(node.name) ?? 0) === own + DEAD) {
      node.incarnation++
      node.known.set(node.name, node.incarnation * STATES + (node.leaving ? LEAVING : LIVE))
      node.ownership.declaredDead()
      this.#gossip(node)
    }
    this.#view(node)
  }

  #view(node: Node): void {
    const inState = (wanted: number) =>
      [...node.known].filter(([, state]) => state % STATES === wanted).map(([name]) => name)
    const members = inState(LIVE).sort()
    const leaving = inState(LEAVING).sort()
    const incarnations = [...members, ...leaving].map((name) => `${name}=${node.known.get(name)}`)
    const view: View = { epoch: fingerprint(incarnations.join()), members, target: assign(members), leaving }
    const live = new Set([...members, ...leaving])
    for (const [slot, from] of node.gaining) if (!live.has(from)) node.gaining.delete(slot)
    node.unacknowledged = node.unacknowledged.filter(({ to }) => live.has(to))
    node.ownership.setView(view)
    this.#requestSlots(node)
  }

  #requestSlots(node: Node): void {
    for (const name of node.ownership.peers) {
      if (node.asking.has(name)) continue
      const request = node.ownership.request(name)
      if (request === undefined) continue
      node.asking.add(name)
      const lose = () => void node.asking.delete(name)
      this.#send(node.name, name, (to) => this.#answer(to, node, request, lose), lose)
    }
    this.#endIfReleased(node)
  }

  #answer(node: Node, asker: Node, request: OwnershipRequest, lose: () => void): void {
    const answer: OwnershipReply = node.ownership.handleRequest(asker.name, request)
    const arrive = () => {
      asker.asking.delete(node.name)
      if (asker.ownership.handleReply(node.name, request, answer)) this.#requestSlots(asker)
      else this.#endIfReleased(asker)
    }
    this.#send(node.name, asker.name, arrive, lose)
  }

  /** Reports that all entries of these slots were handed over. */
  #reportHandovers(node: Node): void {
    for (const handover of node.unacknowledged) {
      this.#send(node.name, handover.to, (to) => {
        if (handover.slots.some((slot) => to.ownership.expectsEntries(slot, node.name))) return
        for (const slot of handover.slots) this.#handOver(node, to, slot)
        this.#send(to.name, node.name, () => {
          node.unacknowledged = node.unacknowledged.filter((other) => other !== handover)
          this.#endIfReleased(node)
        })
      })
    }
  }

  #handOver(from: Node, to: Node, slot: number): void {
    if (to.gaining.get(slot) !== from.name) return
    to.gaining.delete(slot)
    if (this.entries[slot] === from.name) this.entries[slot] = to.name
  }

  #endIfReleased(node: Node): void {
    if (
      !node.leaving ||
      !node.ownership.hasReleasedAll ||
      node.unacknowledged.length > 0 ||
      node.gaining.size > 0
    )
      return
    if (!node.running || node.known.get(node.name)! % STATES !== LEAVING) return
    this.#end(node)
  }

  #end(node: Node): void {
    node.known.set(node.name, node.incarnation * STATES + GONE)
    node.running = false
    this.#gossip(node)
  }

  #send(from: string, to: string, run: (to: Node) => void, lose?: () => void): void {
    this.#messages.push({ from, to, run, lose })
  }

  numberOf(name: string): number {
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = Number(name.slice(1)) + 1
      this.#numbers.set(name, number)
    }
    return number
  }

  #nameOf(index: number): string | undefined {
    for (const [name, number] of this.#numbers) if (number === index) return name
    return undefined
  }
}
