// A server on a free port with a manual clock, and peers that send and receive raw bytes.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { Group } from '../../src/group/group.ts'
import type { GroupPolicy } from '../../src/group/policy.ts'
import { functionOrigin, type LoadFunction } from '../../src/origin/function.ts'
import { Server } from '../../src/server/server.ts'
import { defaultServerSettings, type ServerSettings } from '../../src/server/settings.ts'
import { Certificates } from '../../src/tls/certificates.ts'

export interface TestServerOptions {
  /** By default without a limit. */
  readonly openFiles?: number
  readonly httpConnections?: number
  /** With the files of certificates the server listens for TLS, too. */
  readonly settings?: Partial<ServerSettings>
  /** By name; by default `cache`, without an origin. */
  readonly groups?: Readonly<
    Record<string, Partial<Omit<GroupPolicy, 'name' | 'origin'>> & { origin?: LoadFunction }>
  >
}

/** One line of the log. */
export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: object
}

export class TestServer {
  readonly clock = new ManualClock()
  readonly groups: readonly Group[]
  readonly server: Server
  readonly settings: ServerSettings
  readonly log: LogLine[] = []
  /** The calls of SHUTDOWN: whether with NOW. */
  readonly shutdowns: boolean[] = []
  readonly #peers: Peer[] = []
  /** `undefined`: there is no TLS. */
  readonly certificates: Certificates | undefined
  port = 0
  tlsPort = 0

  private constructor({
    settings = {},
    groups = { cache: {} },
    openFiles,
    httpConnections = 0,
  }: TestServerOptions) {
    const { clock } = this
    const instant = new Instant(clock)
    const hasher = new Hasher({ low: 1, high: 2 })
    const environment = { instant, hasher, timers: clock, random: () => 0.5 }
    this.groups = Object.entries(groups).map(([name, { origin, ...policy }]) => {
      const loader = origin === undefined ? undefined : functionOrigin(origin)
      return new Group({ ...DEFAULT_POLICY, ...policy, name, origin: loader }, environment)
    })
    this.settings = { ...defaultServerSettings(0), ...settings }
    const line =
      (level: LogLine['level']) =>
      (fields: object, message: string): void => {
        this.log.push({ level, message, fields })
      }
    const log = { info: line('info'), warn: line('warn'), error: line('error') }
    this.certificates =
      this.settings.tlsCertFile === ''
        ? undefined
        : new Certificates({ settings: this.settings, timers: clock, now: () => Date.now(), log })
    this.server = new Server({
      groups: this.groups,
      cluster: undefined,
      instant,
      hasher,
      settings: this.settings,
      certificates: this.certificates,
      timers: clock,
      micros: () => clock.now() * 1000,
      log,
      identity: { version: '0.0.0', runId: 'f'.repeat(40), startedAt: clock.now(), configFile: '' },
      openFiles: openFiles ?? Number.POSITIVE_INFINITY,
      httpConnections,
      onShutdown: (now) => this.shutdowns.push(now),
    })
  }

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const test = new TestServer(options)
    test.port = (await test.server.listen('127.0.0.1', 0)).port
    if (test.certificates !== undefined) test.tlsPort = (await test.server.listenTls('127.0.0.1', 0)).port
    return test
  }

  async connect(): Promise<Peer> {
    const peer = await Peer.connect(this.port)
    this.#peers.push(peer)
    return peer
  }

  /** Connects by TLS. Rejects if the handshake fails. */
  async connectTls(options: ConnectionOptions): Promise<Peer> {
    const peer = await Peer.connectTls({ host: '127.0.0.1', port: this.tlsPort, ...options })
    this.#peers.push(peer)
    return peer
  }

  /** Connects, without a handshake. */
  async connectRaw(port: number): Promise<Peer> {
    const peer = await Peer.connect(port)
    this.#peers.push(peer)
    return peer
  }

  /** Closes everything at once. */
  async stop(): Promise<void> {
    for (const peer of this.#peers) peer.socket.destroy()
    await this.server.close(0)
    this.certificates?.close()
    for (const group of this.groups) await group.close()
  }
}

const DEFAULT_POLICY = {
  maxBytes: 256 * 1024 * 1024,
  ttlMs: 0,
  jitter: 0,
  negativeTtlMs: 0,
  originTimeoutMs: 0,
}

/** The client side of a connection; strings have one character per byte. */
export class Peer {
  readonly socket: Socket
  /** Resolves when the connection is closed by either side. */
  readonly closed: Promise<void>
  /** Resolves when the server has closed its end. */
  readonly ended: Promise<void>
  #received: Buffer[] = []
  #size = 0
  #arrived: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    this.ended = new Promise((resolve) => {
      socket.once('end', resolve)
      socket.once('close', () => resolve())
    })
    socket.on('error', () => undefined)
  }

  static async connect(port: number): Promise<Peer> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true })
    await once(socket, 'connect')
    return new Peer(socket)
  }

  static async connectTls(options: ConnectionOptions): Promise<Peer> {
    const socket = connectTls({ allowHalfOpen: true, ...options } as ConnectionOptions)
    await once(socket, 'secureConnect')
    return new Peer(socket)
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The next `length` bytes. Nothing is read before its first call. */
  async receive(length: number): Promise<string> {
    this.#read()
    while (this.#size < length) {
      if (this.socket.destroyed || this.socket.readableEnded)
        throw new Error(`closed after ${this.#size} of ${length} bytes: ${this.#take(this.#size)}`)
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
    return this.#take(length)
  }

  /** All bytes until the server closes its end. */
  async rest(): Promise<string> {
    this.#read()
    await this.ended
    return this.#take(this.#size)
  }

  /** Sends a request, and expects exactly this reply. */
  async exchange(request: string, reply: string): Promise<void> {
    this.send(request)
    const received = await this.receive(reply.length)
    if (received !== reply) throw new Error(`got ${JSON.stringify(received)}, wants ${JSON.stringify(reply)}`)
  }

  #read(): void {
    if (this.socket.listenerCount('data') > 0) return
    const wake = (): void => this.#arrived()
    this.socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk)
      this.#size += chunk.length
      wake()
    })
    this.socket.on('end', wake)
    this.socket.on('close', wake)
  }

  #take(length: number): string {
    const all = Buffer.concat(this.#received)
    this.#received = [all.subarray(length)]
    this.#size -= length
    return all.toString('latin1', 0, length)
  }
}
