// A TCP proxy with faults, for each direction: slow, silent, drop by drop, cut, refusing.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A port of this machine, or a Unix socket. */
export type Target = { readonly port: number } | { readonly path: string }

/** What becomes of the bytes of one direction. */
interface Faults {
  /** How long each chunk is kept, ms. */
  delay: number
  /** Nothing is forwarded, not even an end; it follows when this is over. */
  silent: boolean
  /** Bytes are forwarded one by one. */
  drips: boolean
  /** After so many more bytes every connection is cut, in the middle of whatever it is. */
  budget: number
}

/** `there`: from who connects; `back`: from who was connected to. */
export type Direction = 'there' | 'back'

/** What stands for a host where nobody listens. */
const NOBODY = 1

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

  /** @param target where connections lead to, known when the first one is made */
  static async start(target: () => Target): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#pipes.size
  }

  /** Begins a connection through the proxy. */
  connect(): Socket {
    return connect({ host: '127.0.0.1', port: this.#refuses ? NOBODY : this.port })
  }

  /** Keeps every chunk for so long. */
  slow(ms: number, ...directions: readonly Direction[]): void {
    for (const faults of this.#of(directions)) faults.delay = ms
  }

  /** Forwards nothing any more, in these directions or both, and closes nothing. */
  silence(...directions: readonly Direction[]): void {
    for (const faults of this.#of(directions)) faults.silent = true
  }

  /** Forwards what the other side says byte by byte. */
  drip(): void {
    this.#faults.back.drips = true
  }

  /** Cuts all connections once so many more bytes have gone in a direction. */
  cutAfter(bytes: number, direction: Direction): void {
    this.#faults[direction].budget = bytes
  }

  /** Says something on every connection that nobody has said; in the middle of what is said, perhaps. */
  inject(bytes: string | Buffer, direction: Direction): void {
    for (const pipe of this.#pipes) pipe.inject(bytes, direction)
  }

  /** Cuts all connections now. */
  cut(): void {
    for (const pipe of this.#pipes) pipe.cut()
  }

  /** Cuts all connections; new ones are refused. */
  refuse(): void {
    this.#refuses = true
    this.cut()
  }

  /** No more faults. What was kept goes on its way. */
  heal(): void {
    this.#refuses = false
    for (const faults of this.#of([])) Object.assign(faults, noFaults())
    for (const pipe of this.#pipes) pipe.goOn()
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

/** One connection: two sockets, and what passes between them. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #ways: readonly Way[]
  readonly #over: (isOutOfBudget: boolean) => void
  #isCut = false

  constructor(
    from: Socket,
    to: Socket,
    faults: Readonly<Record<Direction, Faults>>,
    over: (isOutOfBudget: boolean) => void,
  ) {
    this.#from = from
    this.#to = to
    this.#over = over
    const spent = (): void => this.cut(true)
    const done = (): void => {
      if (this.#ways.every(({ isOver }) => isOver)) this.cut()
    }
    this.#ways = [new Way(from, to, faults.there, spent, done), new Way(to, from, faults.back, spent, done)]
  }

  cut(isOutOfBudget = false): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#from.resetAndDestroy()
    // Only TCP knows resets.
    if (this.#to.remoteFamily === undefined) this.#to.destroy()
    else this.#to.resetAndDestroy()
    this.#over(isOutOfBudget)
  }

  inject(bytes: string | Buffer, direction: Direction): void {
    const to = direction === 'there' ? this.#to : this.#from
    to.write(bytes)
  }

  goOn(): void {
    for (const way of this.#ways) way.goOn()
  }
}

/** One direction of a connection. */
class Way {
  isOver = false
  readonly #to: Socket
  readonly #faults: Faults
  readonly #spent: () => void
  readonly #done: () => void
  /** What is kept, with when it may go on; an end has no bytes. */
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

  /** Forwards what may leave. */
  goOn(): void {
    const now = performance.now()
    const faults = this.#faults
    while (this.#kept.length !== 0 && this.#kept[0].at <= now && !faults.silent) {
      this.#forward(this.#kept.shift()!.bytes)
      if (faults.drips) break
    }
    if (this.#kept.length === 0 || faults.silent) return
    if (this.#kept[0].at <= now) setImmediate(() => this.goOn())
    else setTimeout(() => this.goOn(), this.#kept[0].at - now)
  }

  #keep(bytes: Buffer | null): void {
    const { silent, delay, drips } = this.#faults
    const isFree = this.#kept.length === 0
    if (isFree && !silent && delay === 0 && !drips) {
      this.#forward(bytes)
      return
    }
    const at = performance.now() + delay
    if (bytes === null || !drips) this.#kept.push({ bytes, at })
    else for (let i = 0; i < bytes.length; i++) this.#kept.push({ bytes: bytes.subarray(i, i + 1), at })
    if (isFree) this.goOn()
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
    // What was written must leave before the connection is cut.
    if (this.#to.destroyed) this.#spent()
    else this.#to.write(part, this.#spent)
  }
}

function noFaults(): Faults {
  return { delay: 0, silent: false, drips: false, budget: Number.POSITIVE_INFINITY }
}
