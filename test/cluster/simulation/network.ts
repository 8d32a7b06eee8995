// A network without sockets: every chunk of bytes is an event, and a seeded scheduler picks which one arrives next.

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { type Random, seededRandom } from '../../support/random.ts'

/** One in so many chunks, and one in so many steps a node, is held up, for at most so many steps. */
const SLOW_CHUNK = 12
const SLOW_NODE = 150
const LONGEST_DELAY = 120
/** One step in so many takes a millisecond. */
const STEPS_PER_MS = 4
/** When nothing is under way. */
const IDLE_MS = 5

type Item = Buffer | 'connected' | 'refused' | 'end'

/** The part of a socket's interface that nodes use. */
export class SimSocket extends EventEmitter {
  /** Whose end this is. */
  readonly at: string
  readonly remoteAddress = '127.0.0.1'
  readonly remotePort = 1
  readonly localAddress = '127.0.0.1'
  readonly localPort = 1
  readonly writableLength = 0
  writableCorked = 0
  destroyed = false
  /** The other end; `undefined`: nobody listens there. */
  other: SimSocket | undefined
  /** What is on its way to this end. */
  readonly arriving: Item[] = []
  /** Of each of them: how many items had been sent before, to anybody. */
  readonly sentAt: number[] = []
  /** The step from which the next item may arrive. */
  delayedUntil = 0
  #isPaused = false
  #hasEnded = false
  #wasEnded = false
  readonly #halfOpen: boolean
  readonly #corked: Buffer[] = []
  readonly #network: Network

  constructor(at: string, network: Network, halfOpen: boolean) {
    super()
    this.at = at
    this.#network = network
    this.#halfOpen = halfOpen
  }

  get socket(): Socket {
    return this as unknown as Socket
  }

  get isDeliverable(): boolean {
    return this.arriving.length > 0 && !this.#isPaused && !this.destroyed
  }

  write(bytes: Buffer, released?: () => void): boolean {
    if (this.destroyed || this.#hasEnded) return false
    const copy = Buffer.from(bytes)
    if (released !== undefined) process.nextTick(released)
    if (this.writableCorked > 0) this.#corked.push(copy)
    else this.#network.send(this.other, copy)
    return true
  }

  cork(): void {
    this.writableCorked++
  }

  uncork(): void {
    if (--this.writableCorked > 0 || this.#corked.length === 0) return
    this.#network.send(this.other, Buffer.concat(this.#corked.splice(0)))
  }

  end(): void {
    if (this.#hasEnded) return
    this.writableCorked = Math.min(this.writableCorked, 1)
    if (this.writableCorked > 0) this.uncork()
    this.#hasEnded = true
    this.#network.send(this.other, 'end')
    process.nextTick(() => {
      this.emit('finish')
      this.#closeIfOver()
    })
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    if (!this.#hasEnded) this.#network.send(this.other, 'end')
    process.nextTick(() => this.emit('close'))
  }

  /** The connection is lost. */
  break(): void {
    if (this.destroyed) return
    this.arriving.length = 0
    this.sentAt.length = 0
    this.emit('error', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
    this.destroyed = true
    process.nextTick(() => this.emit('close'))
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}

  deliver(): void {
    const item = this.arriving.shift() as Item
    this.sentAt.shift()
    if (item === 'connected') this.emit('connect')
    else if (item === 'refused') this.emit('error', Object.assign(new Error(), { code: 'ECONNREFUSED' }))
    else if (item !== 'end') this.emit('data', item)
    else {
      this.#wasEnded = true
      this.emit('end')
      if (!this.#halfOpen) this.end()
      this.#closeIfOver()
    }
  }

  #closeIfOver(): void {
    if (!this.#hasEnded || !this.#wasEnded || this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}

export class Network {
  readonly clock = new ManualClock()
  readonly #random: Random
  readonly #listening = new Map<string, (socket: Socket) => void>()
  readonly #sockets = new Set<SimSocket>()
  readonly #slowUntil = new Map<string, number>()
  /** The directions, as "from to", in which nothing arrives. */
  readonly #cuts = new Set<string>()
  step = 0
  /** Chooses which socket gets its next item, instead of chance; `undefined`: none, time passes. */
  schedule: ((ready: readonly SimSocket[]) => SimSocket | undefined) | undefined
  #sent = 0
  /** For the search of causes. */
  trace: ((line: string) => void) | undefined

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  /** A number from 0 on. */
  draw(below: number): number {
    return this.#random() % below
  }

  listen(name: string, accept: (socket: Socket) => void): void {
    this.#listening.set(name, accept)
  }

  unlisten(name: string): void {
    this.#listening.delete(name)
  }

  connect(from: string, to: string): SimSocket {
    const near = new SimSocket(from, this, false)
    const accept = this.#listening.get(to)
    if (accept === undefined) {
      this.#sockets.add(near)
      this.send(near, 'refused')
      return near
    }
    const far = new SimSocket(to, this, true)
    near.other = far
    far.other = near
    for (const socket of [near, far]) this.#sockets.add(socket)
    accept(far.socket)
    this.send(near, 'connected')
    return near
  }

  /** All connections between two nodes break: what is under way is lost. */
  breakLinks(a: string, b: string): void {
    for (const socket of this.#sockets) {
      const ends = [socket.at, socket.other?.at]
      if (ends.includes(a) && ends.includes(b)) socket.break()
    }
  }

  /** What one sends to the other waits, in both directions, until this is called with `false`. */
  cut(a: string, b: string, isCut: boolean): void {
    this.silence(a, b, isCut)
    this.silence(b, a, isCut)
  }

  /** The same in one direction. */
  silence(from: string, to: string, isSilent: boolean): void {
    if (isSilent) this.#cuts.add(`${from} ${to}`)
    else this.#cuts.delete(`${from} ${to}`)
  }

  send(to: SimSocket | undefined, item: Item): void {
    if (to === undefined) return
    if (this.schedule === undefined && to.arriving.length === 0 && this.draw(SLOW_CHUNK) === 0)
      to.delayedUntil = this.step + this.draw(LONGEST_DELAY)
    to.arriving.push(item)
    to.sentAt.push(this.#sent++)
  }

  /** One event, or some time passes. Afterwards everything that follows from it at once has happened. */
  async next(): Promise<void> {
    this.step++
    const ready: SimSocket[] = []
    for (const socket of this.#sockets) {
      if (socket.destroyed) this.#sockets.delete(socket)
      else if (socket.isDeliverable && !this.#isHeldUp(socket)) ready.push(socket)
    }
    const { schedule } = this
    const socket =
      schedule !== undefined
        ? schedule(ready)
        : ready.length === 0
          ? undefined
          : ready[this.draw(ready.length)]
    if (socket === undefined) this.clock.advance(IDLE_MS)
    else {
      this.trace?.(
        `${socket.other?.at} → ${socket.at}: ${String(socket.arriving[0]).replaceAll('\r\n', ' ').slice(0, 900)}`,
      )
      socket.deliver()
      if (schedule === undefined && this.draw(STEPS_PER_MS) === 0) this.clock.advance(1)
      if (schedule === undefined && this.draw(SLOW_NODE) === 0)
        this.#slowUntil.set(socket.at, this.step + this.draw(LONGEST_DELAY))
    }
    await new Promise(setImmediate)
  }

  #isHeldUp({ at, other, delayedUntil }: SimSocket): boolean {
    const isSlow = this.schedule === undefined && (this.#slowUntil.get(at) ?? 0) > this.step
    const isDelayed = this.schedule === undefined && delayedUntil > this.step
    return isDelayed || isSlow || (other !== undefined && this.#cuts.has(`${other.at} ${at}`))
  }
}
