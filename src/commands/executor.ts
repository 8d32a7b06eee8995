// Runs requests: finds the command, checks what may run, loads what it misses, and keeps the order per key.

import type { Hash, Hasher } from '../bytes/hash.ts'
import type { Group } from '../group/group.ts'
import type { Args } from '../resp/args.ts'
import { MAX_WARM } from '../store/read-ahead.ts'
import type { Store } from '../store/store.ts'
import type { Client, HeldReply } from './client.ts'
import type { Context } from './context.ts'
import { MAX_SHOWN, printable, unknownCommand } from './errors.ts'
import type { HeldCommand } from './held.ts'
import type { Host } from './host.ts'
import { firstError, keyName, type Landings, readingStore } from './landings.ts'
import type { Command, CommandTable } from './table.ts'
import type { Telemetry } from './telemetry.ts'

/** The request was run; its reply is written, or its place is held. */
const DONE = 0
/** The request may not run yet: offer it again when the client is resumed. */
export const STALLED = 1
export type Outcome = typeof DONE | typeof STALLED

/** A connection does not run ahead of more held commands than this. */
const MAX_HELD = 10_000
/** A read-modify-write whose load is fenced again and again gives up after this many loads. */
const MAX_ATTEMPTS = 8

/** Longer keys are not hashed ahead. */
const MAX_WARM_KEY = 512

const NOTHING: Buffer = Buffer.alloc(0)

interface Held extends HeldCommand {
  readonly client: Client
  readonly command: Command
  readonly group: Group
  readonly place: HeldReply
  readonly silent: boolean
  readonly landings: Landings
  waiting: number
  attempts: number
}

export class Executor {
  readonly #table: CommandTable
  readonly #context: Context
  readonly #host: Host
  readonly #telemetry: Telemetry
  readonly #hasher: Hasher
  readonly #hashes = new Int32Array(MAX_WARM)
  /** The stores that `warm` was called for, since `cool`: the first `#warmedCount`. */
  readonly #warmed: Store[] = []
  #warmedCount = 0

  constructor(table: CommandTable, context: Context, host: Host, hasher: Hasher) {
    this.#hasher = hasher
    this.#table = table
    this.#context = context
    this.#host = host
    this.#telemetry = host.telemetry
    context.reply.onError = (text) => this.#telemetry.errorReply(text)
  }

  /**
   * Prepares for running `requests[from, to)`: hashes the argument that is nearly always the key and reads ahead
   * what the store will need. Before each one, `prime` tells its hash.
   */
  warm(store: Store, requests: readonly Args[], from: number, to: number): void {
    const hashes = this.#hashes
    for (let i = from; i < to; i++) {
      const args = requests[i]
      const keyed = args.count > 1 && args.end[1] - args.start[1] <= MAX_WARM_KEY
      hashes[i] = keyed ? this.#hasher.hash(args.buf, args.start[1], args.end[1]) : 0
    }
    store.readAhead.warm(hashes, from, to)
    this.#warmed[this.#warmedCount++] = store
  }

  /** `args` is request `i` of those that `warm` took, if it was called. */
  prime(client: Client, args: Args, i: number): void {
    if (this.#warmedCount === 0 || args.count < 2 || args.end[1] - args.start[1] > MAX_WARM_KEY) return
    this.#hasher.prime(args.buf, args.start[1], args.end[1], this.#hashes[i] as Hash)
    client.group.store.readAhead.hint(i)
  }

  /** The requests of `warm` are done: their bytes may change. */
  cool(): void {
    // The list keeps its length: a shorter one would be allocated anew for every batch.
    for (; this.#warmedCount > 0; this.#warmedCount--) this.#warmed[this.#warmedCount - 1].readAhead.cool()
    this.#hasher.forget()
  }

  /** Runs one request of a client. `args` may be reused afterwards, unless the outcome is `STALLED`. */
  execute(client: Client, args: Args): Outcome {
    const context = this.#context
    const { reply } = context
    context.args = args
    context.client = client
    reply.protocol = client.protocol
    const mark = reply.mark()
    const command = this.#resolve(client, args)
    if (command === undefined) {
      this.#telemetry.failed = false
      this.#silence(client, mark)
      return DONE
    }
    if (client.held.size !== 0 && this.#mustWait(client, command)) return STALLED
    if (this.#host.mustPause(client, command)) return STALLED
    client.lastCommand = command.fullName
    const { stats } = command
    const telemetry = this.#telemetry
    const timed = stats.isTimed || telemetry.timesAll
    const startedAt = timed ? telemetry.now() : 0
    const ran = this.#runOrHold(client, command, mark)
    if (this.#host.monitors !== 0 && command.isShown) this.#host.feedMonitors(client, command, args)
    if (!ran) return DONE
    if (timed) telemetry.finish(stats, startedAt, client, args, command.secretsOf(args))
    else telemetry.count(stats)
    this.#silence(client, mark)
    return DONE
  }

  /** False: it waits for loads, and the place of its reply is held. */
  #runOrHold(client: Client, command: Command, mark: number): boolean {
    const context = this.#context
    context.command = command
    context.group = client.group
    context.store = client.group.store
    context.loaded = false
    context.missed = false
    const { group } = client
    if (group.flights !== undefined && command.loadsFirst(context.args) && this.#hold(client, command))
      return false
    if (command.isWrite && group.isWatched) this.#fence(command)
    this.#run(command, mark)
    if (!context.missed) return true
    context.reply.rewind(mark)
    this.#telemetry.failed = false
    if (this.#hold(client, command)) return false
    context.loaded = true
    this.#run(command, mark)
    return true
  }

  /** The command to run, or `undefined` after an error reply. */
  #resolve(client: Client, args: Args): Command | undefined {
    const { reply } = this.#context
    let command = this.#table.find(args, 0)
    if (command === undefined) {
      reply.error(unknownCommand(args))
      return undefined
    }
    if (command.subcommands.size !== 0 && args.count > 1) {
      const sub = command.subcommands.get(args.latin1(1).toLowerCase())
      if (sub === undefined) {
        const name = printable(args, 1, MAX_SHOWN)
        reply.error(`ERR unknown subcommand '${name}'. Try ${command.spec.name.toUpperCase()} HELP.`)
        return undefined
      }
      command = sub
    }
    if (!command.accepts(args.count)) {
      command.stats.rejectedCalls++
      reply.error(`ERR wrong number of arguments for '${command.fullName}' command`)
      return undefined
    }
    if (!client.authenticated && !command.needsNoAuth) {
      command.stats.rejectedCalls++
      reply.error('NOAUTH Authentication required.')
      return undefined
    }
    return command
  }

  #run(command: Command, mark: number): void {
    const context = this.#context
    try {
      command.run(context)
    } catch (error) {
      this.#fail(command, mark, error)
    }
  }

  #fail(command: Command, mark: number, error: unknown): void {
    const context = this.#context
    context.reply.rewind(mark)
    context.missed = false
    context.reply.error('ERR internal error')
    this.#host.reportFault(error, command.fullName)
  }

  /** CLIENT REPLY: drops what was written since `mark` if this client wants no reply. */
  #silence(client: Client, mark: number): void {
    if (client.replyMode === 'on') return
    if (client.replyMode === 'skip-next') {
      client.replyMode = 'skip'
      return
    }
    this.#context.reply.rewind(mark)
    if (client.replyMode === 'skip') client.replyMode = 'on'
  }

  /**
   * Whether running now could overtake a held command of the same connection on the same key. Only two reads that
   * both load do not see each other: one that does not load must see what the other has loaded.
   */
  #mustWait(client: Client, command: Command): boolean {
    if (command.spec.wholeKeyspace || client.held.size >= MAX_HELD) return true
    const { args } = this.#context
    const { loadsThrough } = command
    for (const position of command.keysOf(this.#context)) {
      if (client.held.blocks(keyName(args, position), !loadsThrough)) return true
    }
    return false
  }

  #fence(command: Command): void {
    const context = this.#context
    const { args } = context
    for (const i of command.keysOf(context)) context.group.fence(args.buf, args.start[i], args.end[i])
  }

  /** Step 5: joins the loads this command misses, and holds the place of its reply. False: it misses none. */
  #hold(client: Client, command: Command): boolean {
    const context = this.#context
    const positions = command.keysOf(context)
    const { group } = context
    const current = context.args
    const missing = positions.filter((i) => group.wouldLoad(current.buf, current.start[i], current.end[i]))
    if (missing.length === 0) return false
    if (command.loadsThrough) group.misses += missing.length
    const args = current.detach()
    const held: Held = {
      client,
      command,
      args,
      group,
      keys: positions.map((i) => keyName(args, i)),
      write: command.isWrite,
      place: client.hold(),
      silent: client.replyMode === 'off' || client.replyMode === 'skip',
      landings: new Map(),
      waiting: 0,
      attempts: 0,
    }
    if (client.replyMode === 'skip') client.replyMode = 'on'
    client.held.add(held)
    this.#load(held, missing)
    return true
  }

  #load(held: Held, positions: readonly number[]): void {
    const { args } = held
    const keys = new Map(positions.map((i) => [keyName(args, i), i]))
    held.attempts++
    held.waiting = keys.size
    for (const [name, i] of keys) {
      held.group.load(args.copy(i), (landing) => {
        held.landings.set(name, landing)
        held.waiting--
        if (held.waiting === 0) this.#resume(held)
      })
    }
  }

  /** All loads of a held command have ended. */
  #resume(held: Held): void {
    const context = this.#context
    const { reply } = context
    const { client, command, group, args } = held
    context.instant.refresh()
    const startedAt = this.#telemetry.now()
    let bytes: Buffer
    context.args = args
    context.client = client
    context.command = command
    context.group = group
    context.store = group.store
    context.missed = false
    context.loaded = true
    reply.protocol = client.protocol
    try {
      if (!this.#answer(held)) return
      bytes = reply.take()
    } catch (error) {
      this.#fail(command, 0, error)
      bytes = reply.take()
    }
    this.#telemetry.finish(command.stats, startedAt, client, args, command.secretsOf(args))
    client.held.delete(held)
    held.place.complete(held.silent ? NOTHING : bytes)
  }

  /** Writes the reply of a held command. False: it loads again. */
  #answer(held: Held): boolean {
    const context = this.#context
    const { reply } = context
    const { command, group } = held
    const error = firstError(held.landings)
    if (error !== undefined) {
      reply.error(`ORIGIN ${group.name}: ${error}`)
      return true
    }
    const gone = this.#gone(held)
    if (gone.length !== 0 && (!held.write || held.attempts < MAX_ATTEMPTS)) {
      this.#load(held, gone)
      return false
    }
    if (gone.length !== 0) {
      reply.error(`ORIGIN ${group.name}: the key was changed during each of ${held.attempts} loads`)
      return true
    }
    if (held.write && group.isWatched) this.#fence(command)
    if (!held.write) context.store = readingStore(group, held.args, command.keysOf(context), held.landings)
    this.#run(command, 0)
    return true
  }

  /**
   * Keys to load (again): those that were held, and are not any more, and those that a read-modify-write has loaded,
   * but which somebody has removed. A read is content with what its load gave, so that it loads no key twice.
   */
  #gone({ args, command, group, landings, write }: Held): number[] {
    return command.keysOf(this.#context).filter((i) => {
      if (!group.wouldLoad(args.buf, args.start[i], args.end[i])) return false
      const landing = landings.get(keyName(args, i))
      return landing === undefined || (write && (landing.fenced || landing.value !== null))
    })
  }
}
