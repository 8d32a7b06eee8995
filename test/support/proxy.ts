// A TCP proxy that injects faults, for each direction: delay, silence, single bytes, cut, refused connections.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A local port or a Unix socket. */
export type Target = { readonly port: number } | { readonly path: string }

/** The faults of one direction. */
interface Faults {
  /** The delay of each chunk, ms. */
  delay: number
  /** Nothing is forwarded, not even the end of the stream. Everything follows when the fault is over. */
  silent: boolean
  /** Bytes are forwarded one by one. */
  byteByByte: boolean
  /** After this many further bytes all connections are cut. */
  budget: number
}

/** `there`: from the connecting side; `back`: from the target. */
export type Direction = 'there' | 'back'

/** A port on which nothing listens. */
const CLOSED_PORT = 1

export class FaultyProxy {
  readonly #server: Server
  readonly #target: () => Target
  readonly #faults: Record<Direction, Faults> = { there: noFaults(), back: noFaults() }
  readonly #pipes = new Set<Pipe>()
  #refuses = false

  private constructor(target: () => Target) {
    this.#target = target
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (from) => this.#accept(from))
  }

  /** @param target called for each connection */
  static async start(target: () => Target): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#pipes.size
  }

  /** Connects through the proxy. */
  connect(): Socket {
    return connect({ host: '127.0.0.1', port: this.#refuses ? CLOSED_PORT : this.port })
  }

  /** Delays every chunk. */
  slow(ms: number, ...directions: readonly Direction[]): void {
    for (const faults of this.#of(directions)) faults.delay = ms
  }

  /** Forwards nothing in these directions, by default both. Connections stay open. */
  silence(...directions: readonly Direction[]): void {
    for (const faults of this.#of(directions)) faults.silent = true
  }

  /** Forwards what the target sends byte by byte. */
  sendByteByByte(): void {
    this.#faults.back.byteByByte = true
  }

  /** Cuts all connections after this many further bytes in a direction. */
  cutAfter(bytes: number, direction: Direction): void {
    this.#faults[direction].budget = bytes
  }

  /** Writes bytes of its own to every connection, possibly in the middle of a message. */
  inject(bytes: string | Buffer, direction: Direction): void {
    for (const pipe of this.#pipes) pipe.inject(bytes, direction)
  }

  /** Resets all connections. */
  cut(): void {
    for (const pipe of this.#pipes) pipe.cut()
  }

  /** Resets all connections, and refuses new ones. */
  refuse(): void {
    this.#refuses = true
    this.cut()
  }

  /** Ends all faults. Delayed bytes are forwarded. */
  heal(): void {
    this.#refuses = false
    for (const faults of this.#of([])) Object.assign(faults, noFaults())
    for (const pipe of this.#pipes) pipe.resume()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #of(directions: readonly Direction[]): Faults[] {
    return (directions.length === 0 ? (['there', 'back'] as const) : directions).map(
      (direction) => this.#faults[direction],
    )
  }

  #accept(from: Socket): void {
    if (this.#refuses) {
      from.resetAndDestroy()
      return
    }
    const to = connect({ host: '127.0.0.1', ...this.#target(), noDelay: true, allowHalfOpen: true })
    const pipe = new Pipe(from, to, this.#faults, (isOutOfBudget) => {
      this.#pipes.delete(pipe)
      if (!isOutOfBudget) return
      for (const faults of this.#of([])) faults.budget = Number.POSITIVE_INFINITY
      this.cut()
    })
    this.#pipes.add(pipe)
  }
}

/** One proxied connection: two sockets and a channel for each direction. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #channels: readonly Channel[]
  readonly #onEnd: (isOutOfBudget: boolean) => void
  #isCut = false

  constructor(
    from: Socket,
    to: Socket,
    faults: Readonly<Record<Direction, Faults>>,
    onEnd: (isOutOfBudget: boolean) => void,
  ) {
    this.#from = from
    this.#to = to
    this.#onEnd = onEnd
    const spent = (): void => this.cut(true)
    const done = (): void => {
      if (this.#channels.every(({ isOver }) => isOver)) this.cut()
    }
    this.#channels = [
      new Channel(from, to, faults.there, spent, done),
      new Channel(to, from, faults.back, spent, done),
    ]
  }

  cut(isOutOfBudget = false): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#from.resetAndDestroy()
    // Unix sockets have no reset.
    if (this.#to.remoteFamily === undefined) this.#to.destroy()
    else this.#to.resetAndDestroy()
    this.#onEnd(isOutOfBudget)
  }

  inject(bytes: string | Buffer, direction: Direction): void {
    const to = direction === 'there' ? this.#to : this.#from
    to.write(bytes)
  }

  resume(): void {
    for (const channel of this.#channels) channel.resume()
  }
}

/** One direction of a connection. */
class Channel {
  isOver = false
  readonly #to: Socket
  readonly #faults: Faults
  readonly #spent: () => void
  readonly #done: () => void
  /** Delayed chunks, and when each may be forwarded; null bytes are the end of the stream. */
  readonly #kept: { readonly bytes: Buffer | null; readonly at: number }[] = []

  constructor(from: Socket, to: Socket, faults: Faults, spent: () => void, done: () => void) {
    this.#to = to
    this.#faults = faults
    this.#spent = spent
    this.#done = done
    let hasEnded = false
    const end = (): void => {
      if (!hasEnded) this.#keep(null)
      hasEnded = true
    }
    from.on('data', (bytes: Buffer) => this.#keep(bytes))
    from.on('end', end)
    from.on('error', () => undefined)
    from.on('close', end)
  }

  /** Forwards the chunks that are due. */
  resume(): void {
    const now = performance.now()
    const faults = this.#faults
    while (this.#kept.length !== 0 && this.#kept[0].at <= now && !faults.silent) {
      this.#forward(this.#kept.shift()!.bytes)
      if (faults.byteByByte) break
    }
    if (this.#kept.length === 0 || faults.silent) return
    if (this.#kept[0].at <= now) setImmediate(() => this.resume())
    else setTimeout(() => this.resume(), this.#kept[0].at - now)
  }

  #keep(bytes: Buffer | null): void {
    const { silent, delay, byteByByte } = this.#faults
    const isFree = this.#kept.length === 0
    if (isFree && !silent && delay === 0 && !byteByByte) {
      this.#forward(bytes)
      return
    }
    const at = performance.now() + delay
    if (bytes === null || !byteByByte) this.#kept.push({ bytes, at })
    else for (let i = 0; i < bytes.length; i++) this.#kept.push({ bytes: bytes.subarray(i, i + 1), at })
    if (isFree) this.resume()
  }

  #forward(bytes: Buffer | null): void {
    if (bytes === null) {
      this.isOver = true
      this.#to.end()
      this.#done()
      return
    }
    const faults = this.#faults
    const part = bytes.subarray(0, faults.budget)
    faults.budget -= part.length
    if (faults.budget > 0) {
      this.#to.write(part)
      return
    }
    // The bytes within the budget must arrive before the connection is cut.
    if (this.#to.destroyed) this.#spent()
    else this.#to.write(part, this.#spent)
  }
}

function noFaults(): Faults {
  return { delay: 0, silent: false, byteByByte: false, budget: Number.POSITIVE_INFINITY }
}
