// Clients that use registers with one writer each through any node, and how old the values are that they read.

import { encodeRequest } from '../../../src/cluster/links/request.ts'
import type { Network, SimSocket } from './network.ts'

/** One command at a time to one node. */
export class Connection {
  isWaiting = false
  readonly #socket: SimSocket
  #text = ''
  #replied: ((reply: string) => void) | undefined

  constructor(socket: SimSocket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#receive(chunk.toString()))
  }

  send(command: readonly string[], replied: (reply: string) => void): void {
    this.isWaiting = true
    this.#replied = replied
    this.#socket.write(encodeRequest(command))
  }

  #receive(text: string): void {
    this.#text += text
    const lines = this.#text.split('\r\n')
    const isBulk = this.#text.startsWith('$') && !this.#text.startsWith('$-1')
    if (lines.length < (isBulk ? 3 : 2)) return
    this.#text = ''
    this.isWaiting = false
    this.#replied?.(isBulk ? lines[1] : lines[0])
  }
}

/** The writer of one register. It waits for each reply, through whichever node it has sent the write. */
class Register {
  readonly key: string
  written = 0
  isWriting = false
  /** By version: when its write was acknowledged, ms; `undefined`: it failed, so that it may take effect at any time. */
  readonly acknowledged = new Map<number, number>()

  constructor(key: string) {
    this.key = key
  }

  /** For how long, ms, a newer value had been acknowledged when a read began that returned this version. */
  ageOf(version: number, begun: number): number {
    if (version !== 0 && !this.acknowledged.has(version)) return 0
    let age = 0
    for (const [newer, at] of this.acknowledged) if (newer > version) age = Math.max(age, begun - at)
    return age
  }
}

/** A read that returned an old value. */
export interface StaleRead {
  readonly at: number
  readonly node: string
  readonly key: string
  /** For how long a newer one had been acknowledged, ms. */
  readonly age: number
}

export class Registers {
  readonly stale: StaleRead[] = []
  reads = 0
  /** The error replies. */
  readonly errors = new Set<string>()
  readonly #network: Network
  readonly #registers: readonly Register[]
  readonly #writers: ReadonlyMap<string, Connection>[]
  readonly #readers: ReadonlyMap<string, Connection>[]
  readonly #nodes: readonly string[]

  constructor(network: Network, nodes: readonly string[], count: number, readers: number) {
    this.#network = network
    this.#nodes = nodes
    const connect = (name: string): ReadonlyMap<string, Connection> =>
      new Map(nodes.map((node) => [node, new Connection(network.connect(name, node))]))
    this.#registers = Array.from({ length: count }, (_, i) => new Register(`register ${i}`))
    this.#writers = this.#registers.map((_, i) => connect(`w${i}`))
    this.#readers = Array.from({ length: readers }, (_, i) => connect(`r${i}`))
  }

  /** The oldest value that a read returned, ms. */
  get worst(): number {
    return Math.max(0, ...this.stale.map(({ age }) => age))
  }

  /** One writer or reader sends a command, unless it waits for a reply. */
  work(): void {
    const { draw, pick } = this
    if (draw(3) === 0) this.#write(draw(this.#registers.length))
    else this.#read(pick(this.#registers), pick(this.#readers))
  }

  private readonly draw = (below: number): number => this.#network.draw(below)
  private readonly pick = <T>(list: readonly T[]): T => list[this.draw(list.length)]

  #write(i: number): void {
    const register = this.#registers[i]
    const node = this.pick(this.#nodes)
    if (register.isWriting) return
    register.isWriting = true
    const version = ++register.written
    this.#writers[i].get(node)!.send(['SET', register.key, String(version)], (reply) => {
      register.isWriting = false
      if (reply.startsWith('-')) this.errors.add(reply)
      if (reply === '+OK') register.acknowledged.set(version, this.#network.clock.now())
    })
  }

  #read(register: Register, reader: ReadonlyMap<string, Connection>): void {
    const node = this.pick(this.#nodes)
    const connection = reader.get(node)!
    if (connection.isWaiting) return
    const begun = this.#network.clock.now()
    connection.send(['GET', register.key], (reply) => {
      if (reply.startsWith('-')) this.errors.add(reply)
      // A lost entry is not an old one.
      if (reply.startsWith('$') || reply.startsWith('-')) return
      this.reads++
      const age = register.ageOf(Number(reply), begun)
      if (age > 0) this.stale.push({ at: this.#network.clock.now(), node, key: register.key, age })
    })
  }
}
