// Runs commands on an executor without sockets: several groups, a manual clock, functions as origins.

import Parser from 'redis-parser'
import type { Access } from '../../src/access/access.ts'
import type { CommandCatalog } from '../../src/access/catalog.ts'
import type { User } from '../../src/access/user.ts'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { Cluster } from '../../src/cluster/cluster.ts'
import { addressName, type Member } from '../../src/cluster/member.ts'
import { createMembership } from '../../src/cluster/membership/create.ts'
import type { ClusterOptions } from '../../src/cluster/options.ts'
import { SliceQueue } from '../../src/commands/slices/slice-queue.ts'
import { type Client, ClientState, type PendingReply } from '../../src/commands/spec/client.ts'
import { Context } from '../../src/commands/spec/context.ts'
import type { CommandTraits, Host } from '../../src/commands/spec/host.ts'
import type { Parameter } from '../../src/commands/spec/parameter.ts'
import { Executor, STALLED } from '../../src/execution/executor.ts'
import { createCommandTable } from '../../src/execution/table.ts'
import { Group } from '../../src/group/group.ts'
import type { GroupPolicy } from '../../src/group/policy.ts'
import { functionOrigin, type Loader, type LoadFunction } from '../../src/origin/function.ts'
import { Args } from '../../src/resp/args.ts'
import { defaultLimits } from '../../src/resp/limits.ts'
import { ReplyWriter } from '../../src/resp/reply.ts'
import { createAccess } from '../../src/server/access/create.ts'
import { UnreadBytes } from '../../src/server/output/unread-bytes.ts'
import { createParameters } from '../../src/server/parameters/parameters.ts'
import { defaultServerSettings, type ServerSettings } from '../../src/server/settings.ts'
import { defaultEncodingLimits, type EncodingLimits } from '../../src/store/types/encoding-limits.ts'
import { HttpStats } from '../../src/telemetry/http-stats.ts'
import { NodeStats } from '../../src/telemetry/node-stats.ts'
import { Telemetry } from '../../src/telemetry/telemetry.ts'
import { type Argument, asText, bytesOf, type RedisReply } from './resp.ts'

interface GroupSetting extends Partial<Omit<GroupPolicy, 'name' | 'origin'>> {
  readonly origin?: LoadFunction | Loader
}

export interface HarnessOptions {
  /** By name, in order; by default `cache` and `other`, both without an origin. */
  readonly groups?: Readonly<Record<string, GroupSetting>>
  /** Milliseconds since the epoch. */
  readonly now?: number
  readonly requirepass?: string
  /** Uniform in [0, 1): for the jitter of TTLs and RANDOMKEY. */
  readonly random?: () => number
  /** Its address as the only node of a cluster; it has joined when `joined` resolves. */
  readonly cluster?: { readonly host: string; readonly port: number }
}

interface Request {
  readonly args: Args
  readonly resolve: (reply: Buffer) => void
  readonly reject: (error: unknown) => void
  pending: boolean
}

/** The parts of a harness that its clients use. */
interface HarnessParts {
  readonly instant: Instant
  readonly host: HarnessHost
  readonly executor: Executor
  readonly reply: ReplyWriter
}

export class Harness implements HarnessParts {
  readonly clock: ManualClock
  readonly instant: Instant
  readonly groups: readonly Group[]
  readonly host: HarnessHost
  /** The client behind `call` and `raw`: RESP2, in the first group. */
  readonly client: HarnessClient
  readonly executor: Executor
  readonly reply = new ReplyWriter()
  /** In a cluster: resolves when it owns all slots. */
  readonly joined: Promise<void>
  #nextId = 1

  constructor(options: HarnessOptions = {}) {
    this.clock = new ManualClock(options.now)
    this.instant = new Instant(this.clock)
    const hasher = new Hasher({ low: 0x01234567, high: 0x89abcdef | 0 })
    const encodingLimits = defaultEncodingLimits()
    const environment = {
      instant: this.instant,
      hasher,
      encodingLimits,
      timers: this.clock,
      random: options.random ?? (() => 0.5),
    }
    this.groups = Object.entries(options.groups ?? { cache: {}, other: {} }).map(([name, setting]) => {
      const origin = setting.origin === undefined ? undefined : functionOrigin(setting.origin)
      return new Group({ ...DEFAULT_POLICY, ...setting, name, origin }, environment)
    })
    const table = createCommandTable()
    const telemetry = new Telemetry({
      commands: table.stats,
      micros: () => this.clock.now() * 1000,
      instant: this.instant,
    })
    const random = environment.random
    const { groups, clock, instant } = this
    const cluster = options.cluster && loneCluster({ groups, clock, timers: clock, instant, hasher, random })
    this.joined = Promise.resolve(options.cluster && cluster?.start(memberAt(options.cluster)))
    this.host = new HarnessHost(
      groups,
      encodingLimits,
      options.requirepass ?? '',
      telemetry,
      clock.now(),
      cluster,
      table,
    )
    const context = new Context(this.reply, this.instant, this.host)
    this.executor = new Executor(table, context, this.host, hasher)
    this.client = this.connect()
  }

  /** One more client; a new one is in the first group. */
  connect(): HarnessClient {
    const client = new HarnessClient(this.#nextId++, this)
    this.host.clients.set(client.id, client)
    return client
  }

  /** Runs a command; resolves with its reply, after a load on a miss. */
  call(...command: Argument[]): Promise<RedisReply> {
    return this.client.call(...command)
  }

  /** The reply as it would be sent, one character per byte. */
  raw(...command: Argument[]): Promise<string> {
    return this.client.raw(...command)
  }

  group(name: string): Group {
    const group = this.groups.find((each) => each.name === name)
    if (group === undefined) throw new Error(`the harness has no group ${name}`)
    return group
  }

  /** Runs all pending callbacks except timers: loads start, settled loads complete. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }
}

type Environment = Pick<ClusterOptions, 'groups' | 'clock' | 'timers' | 'instant' | 'hasher' | 'random'>

function loneCluster(environment: Environment): Cluster {
  return new Cluster({
    ...environment,
    settings: {
      secret: '',
      redirect: 'forward',
      timeout: 2000,
      pingInterval: 500,
      links: 1,
      copies: 0.125,
      copyMaxAge: 1000,
      handoverRate: 2 ** 20,
    },
    membership: createMembership({ kind: 'static', peers: [] }),
    runId: 'a'.repeat(40),
    micros: () => environment.clock.now() * 1000,
    log: { info: () => undefined, warn: () => undefined },
  })
}

function memberAt({ host, port }: { readonly host: string; readonly port: number }): Member {
  return { name: addressName(host, port), host, port, weight: 1 }
}

const DEFAULT_POLICY = {
  maxBytes: 64 * 1024 * 1024,
  ttlMs: 0,
  jitter: 0,
  negativeTtlMs: 0,
  originTimeoutMs: 0,
}

export class HarnessHost implements Host {
  readonly tls = undefined
  readonly handshakes = 0
  readonly groups: readonly Group[]
  readonly cluster: Cluster | undefined
  readonly clients = new Map<number, HarnessClient>()
  readonly access: Access
  readonly aclFile = undefined
  readonly telemetry: Telemetry
  readonly slices: SliceQueue
  readonly stats: NodeStats
  readonly http: HttpStats
  readonly settings: ServerSettings = defaultServerSettings(7000)
  readonly unread = new UnreadBytes()
  readonly parameters: ReadonlyMap<string, Parameter>
  monitors = 0
  activeExpiry = true
  report: (() => string) | undefined
  /** The calls of CLIENT PAUSE and SHUTDOWN. */
  pausedUntil = 0
  pausesAll = false
  stopping: 'no' | 'soon' | 'now' = 'no'
  /** The commands shown to MONITOR clients: client, command, request. */
  readonly shown: { client: number; command: string; request: string[] }[] = []
  /** While set, every command waits; then call `resume` of its client. */
  paused = false
  /** Errors thrown by handlers. The call is rejected with the error. */
  readonly faults: unknown[] = []

  constructor(
    groups: readonly Group[],
    encodingLimits: EncodingLimits,
    requirepass: string,
    telemetry: Telemetry,
    startedAt: number,
    cluster: Cluster | undefined,
    catalog: CommandCatalog,
  ) {
    this.groups = groups
    this.cluster = cluster
    this.settings.requirepass = requirepass
    this.access = createAccess(catalog, this.settings)
    this.access.users.observer = {
      changed: (user) => this.#each(user, (client) => client.recheck()),
      removed: (user) => this.#each(user, (client) => client.close(false)),
    }
    this.telemetry = telemetry
    this.slices = new SliceQueue(() => telemetry.now())
    this.http = new HttpStats(() => telemetry.now())
    this.stats = new NodeStats({ version: '0.0.0', runId: 'a'.repeat(40), startedAt, configFile: '' })
    this.parameters = createParameters({
      settings: this.settings,
      groups,
      encodingLimits,
      maxclients: Number.POSITIVE_INFINITY,
      limits: defaultLimits(),
      unread: this.unread,
      telemetry,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      access: this.access,
      keepaliveChanged: () => undefined,
      clientMemoryChanged: () => undefined,
      evicting: (run) => run(),
    })
  }

  get clientQueryBufferLimit(): number {
    return this.settings.clientQueryBufferLimit
  }

  get protoMaxBulkLen(): number {
    return this.settings.protoMaxBulkLen
  }

  set protoMaxBulkLen(bytes: number) {
    this.settings.protoMaxBulkLen = bytes
  }

  get hllSparseMaxBytes(): number {
    return this.settings.hllSparseMaxBytes
  }

  nextClientId(): number {
    return this.clients.size + this.http.clients.size + 1
  }

  setMonitor(client: HarnessClient, on: boolean): void {
    if (client.monitor !== on) this.monitors += on ? 1 : -1
    client.monitor = on
  }

  feedMonitors(client: HarnessClient, command: CommandTraits, args: Args): void {
    const request = Array.from({ length: args.count }, (_, i) => args.latin1(i))
    for (const i of command.secretsOf(args)) request[i] = '(redacted)'
    this.shown.push({ client: client.id, command: command.fullName, request })
  }

  pause(until: number, all: boolean): void {
    this.pausedUntil = until
    this.pausesAll = all
  }

  unpause(): void {
    this.pausedUntil = 0
  }

  async reload(): Promise<readonly string[]> {
    return []
  }

  shutdown(now: boolean): void {
    this.stopping = now ? 'now' : 'soon'
  }

  mustPause(): boolean {
    return this.paused
  }

  readonly droppedLogLines = 0

  refuseHttp(): void {}

  failedLogins = 0

  loginFailed(): void {
    this.failedLogins++
  }

  #each(user: User, run: (client: HarnessClient) => void): void {
    for (const client of this.clients.values()) if (client.user === user) run(client)
  }

  reportFault(error: unknown): void {
    this.faults.push(error)
  }
}

/** A client whose replies are taken one by one; their order is not tested here. */
export class HarnessClient extends ClientState implements Client {
  authenticated: boolean
  readonly peer = undefined
  readonly awaitsReplies = false
  readonly queryBufferBytes = 0
  readonly outputBufferBytes = 0
  /** Pushed messages. */
  readonly pushed: Buffer[] = []
  closed = false
  closing = false
  get isGone(): boolean {
    return this.closed
  }
  readonly #harness: HarnessParts
  readonly #queue: Request[] = []
  #running = false

  constructor(id: number, harness: HarnessParts) {
    const { host, instant } = harness
    super(id, host.groups[0], instant.now, `127.0.0.1:${50_000 + id}`, '127.0.0.1:7000')
    this.#harness = harness
    this.user = host.access.users.default
    this.authenticated = this.user.isOpen
  }

  async call(...command: Argument[]): Promise<RedisReply> {
    return parseReply(await this.#request(command))
  }

  async raw(...command: Argument[]): Promise<string> {
    return (await this.#request(command)).toString('latin1')
  }

  /** Continues with a command that was queued. */
  resume(): void {
    this.#serve()
  }

  deferReply(): PendingReply {
    const request = this.#queue[0]
    request.pending = true
    return {
      complete: (reply, rest = []) => {
        this.#answer(request, Buffer.concat([reply, ...rest]))
        this.#serve()
      },
    }
  }

  deferForwardedReply(): never {
    throw new Error('a harness has no other nodes')
  }

  push(bytes: Buffer): void {
    this.pushed.push(bytes)
  }

  close(afterReplies: boolean): void {
    this.closing = true
    if (!afterReplies) this.closed = true
  }

  recheck(): void {
    for (const wait of this.waits.values()) wait.recheck()
  }

  #request(command: readonly Argument[]): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ args: argsOf(command), resolve, reject, pending: false })
      this.#serve()
    })
  }

  #serve(): void {
    if (this.#running) return
    this.#running = true
    this.#harness.instant.refresh()
    for (let request = this.#queue[0]; request !== undefined; request = this.#queue[0]) {
      if (this.closed) request.reject(new Error('the client is closed'))
      else if (this.#harness.executor.execute(this, request.args) === STALLED) break
      else if (!request.pending) this.#answer(request, this.#harness.reply.take())
      this.#queue.shift()
    }
    this.#running = false
  }

  #answer(request: Request, reply: Buffer): void {
    const fault = this.#harness.host.faults.shift()
    if (fault === undefined) request.resolve(reply)
    else request.reject(fault)
  }
}

/** A request as a decoder gives it. */
export function argsOf(command: readonly Argument[]): Args {
  const parts = command.map(bytesOf)
  const args = new Args(parts.length)
  args.buf = Buffer.concat(parts)
  args.count = parts.length
  let at = 0
  for (const [i, part] of parts.entries()) {
    args.start[i] = at
    at += part.length
    args.end[i] = at
  }
  return args
}

/** A RESP2 reply as a value: strings are latin1, an error reply is an Error. */
function parseReply(bytes: Buffer): RedisReply {
  const replies: RedisReply[] = []
  const parser = new Parser({
    returnBuffers: true,
    returnReply: (reply: unknown) => replies.push(asText(reply)),
    returnError: (error) => replies.push(error),
  })
  parser.execute(bytes)
  if (replies.length !== 1) throw new Error(`not one reply: ${JSON.stringify(bytes.toString('latin1'))}`)
  return replies[0]
}
