// Commands of groups that write to their origin: run on a scratch keyspace first, to learn what there is to be written.

import { type Client, deferReply } from '../../commands/spec/client.ts'
import type { PendingCommand } from '../../commands/spec/pending-commands.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import { givesTime } from '../../commands/strings/options.ts'
import type { LoadResult } from '../../group/flights/flight.ts'
import type { Group } from '../../group/group.ts'
import { reasonOf } from '../../group/result.ts'
import type { Writes } from '../../group/writes/writes.ts'
import type { Args } from '../../resp/args.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { keyName } from '../loading/load-results.ts'
import type { ForwardContext, ForwardedRequest } from '../routing/forwarded-request.ts'
import type { Runner } from '../runner.ts'
import { apply, applyOutcome, type Change } from './changes.ts'
import { dryRun } from './dry-run.ts'
import { countOf, type PlainWrite, plainWrite, replyOf } from './plain-writes.ts'

/** What changes values. Invalidation and flushes are the cache's own, and so are lifetimes. */
const VALUE_COMMANDS = new Set(
  (
    'set setnx setex psetex getset getdel del unlink incr decr incrby decrby incrbyfloat append setrange mset msetnx ' +
    'rename renamenx copy move'
  ).split(' '),
)
/** What removes keys from the origin whether they are held or not. */
const DELETE_COMMANDS = new Set(['del', 'unlink'])
/** What asks whether a key is there, and must not take one for absent that only the cache lacks. */
const EXISTENCE_COMMANDS = new Set(['setnx', 'msetnx', 'rename', 'renamenx'])
/** What changes lifetimes: in the cache only, though in turn with the writes of the key. */
const TTL_COMMANDS = new Set(['expire', 'pexpire', 'expireat', 'pexpireat', 'persist', 'getex'])
/** What may write to another group. */
const CROSS_GROUP_COMMANDS = new Set(['copy', 'move'])

/** A read-modify-write whose load is fenced again and again gives up after this many loads. */
const MAX_ATTEMPTS = 8

/** Why a group does not let a command write; `undefined`: it does. */
function refusal(group: Group, command: string): string | undefined {
  if (group.writes?.mode === 'refuse') return `ERR group ${group.name} refuses writes`
  if (!CROSS_GROUP_COMMANDS.has(command)) return undefined
  return `ERR group ${group.name} writes to its origin: ${command.toUpperCase()} is not possible there`
}

function loadsFirst(command: Command, args: Args): boolean {
  const isConditional = command.fullName === 'set' && !command.isRepeatable(args)
  return isConditional || EXISTENCE_COMMANDS.has(command.fullName) || command.loadsFirst(args)
}

/** Whether the client says for how long the value is to live. */
function givesTtl({ fullName }: Command, args: Args): boolean {
  return fullName === 'setex' || fullName === 'psetex' || (fullName === 'set' && givesTime(args, 3))
}

/** A command under way, with what it needs to be run. */
interface PendingWrite extends PendingCommand, ForwardContext {
  readonly command: Command
  readonly args: Args
  /** Positions of its keys. */
  readonly positions: readonly number[]
  /** Whether it has to know what its keys hold at the origin. */
  readonly loadsFirst: boolean
  /** What it changes, if that is known. */
  readonly plain: PlainWrite | undefined
  /** Takes the reply. */
  readonly complete: (reply: Buffer) => void
}

export class OriginWrites {
  readonly #runner: Runner
  readonly #telemetry: Telemetry
  /** Whether another node is to run a command that waited: then it takes care of the reply. */
  readonly #resendIfMoved: (written: PendingWrite) => boolean

  constructor(runner: Runner, telemetry: Telemetry, sendOn: (written: PendingWrite) => boolean) {
    this.#runner = runner
    this.#telemetry = telemetry
    this.#resendIfMoved = sendOn
  }

  /** Whether a command, in a group that writes to its origin, is to be held. */
  handles({ fullName }: Command): boolean {
    if (VALUE_COMMANDS.has(fullName)) return true
    const { args, group } = this.#runner.context
    return TTL_COMMANDS.has(fullName) && group.writes?.has(args.latin1(1)) === true
  }

  /** Begins the context's command, and holds the place of its reply. False: its reply is written, maybe an error. */
  begin(client: Client, command: Command, forwarded?: ForwardedRequest): boolean {
    const { context } = this.#runner
    const { group } = context
    const refused = refusal(group, command.fullName)
    if (refused !== undefined) {
      context.reply.error(refused)
      return false
    }
    const plain = plainWrite(context)
    if (plain === 'refused') return false
    if (plain !== undefined && group.writes?.mode === 'behind' && this.#writeNow(group.writes, plain))
      return false
    const positions = command.keysOf(context)
    const args = context.args.detach()
    // Spelt out: an object that begins with a spread one is a dictionary, which costs as much as all the rest here.
    const { protocol, noTouch } = forwarded?.context ?? client
    const written: PendingWrite = {
      client: forwarded?.context.client ?? client,
      group,
      protocol,
      noTouch,
      command,
      args,
      positions,
      keys: positions.map((i) => keyName(args, i)),
      bytes: args.buf.length,
      write: true,
      loadsFirst: plain === undefined && group.flights !== undefined && loadsFirst(command, args),
      plain,
      complete: forwarded?.complete ?? deferReply(client),
    }
    client.pending.add(written)
    void this.#perform(written).then((reply) => {
      client.pending.delete(written)
      if (reply !== undefined) {
        written.complete(reply)
        this.#telemetry.count(command.stats)
      }
      client.pending.runQueued()
    })
    return true
  }

  /** Behind: nobody need wait for anything, unless others have the keys. False: they do. */
  #writeNow(writes: Writes, { changes, counts }: PlainWrite): boolean {
    if (writes.areBusy(changes)) return false
    const { group, reply } = this.#runner.context
    const error = writes.enqueue(changes)
    if (error !== undefined) {
      reply.error(`ORIGIN ${group.name}: ${error}`)
      return true
    }
    if (counts) reply.integer(countOf(changes, group))
    else reply.ok()
    for (const change of changes) apply(group, change)
    return true
  }

  /** Runs the command when it is its turn. Resolves to its reply, if it has one here. */
  #perform(written: PendingWrite): Promise<Buffer | undefined> {
    const { group, args, positions, command, plain } = written
    const { writes } = group
    if (writes === undefined) throw new Error(`group ${group.name} does not write`)
    const keys = plain?.changes.map(({ key }) => key) ?? [
      ...new Map(positions.map((i) => [args.latin1(i), args.copy(i)])).values(),
    ]
    return writes.exclusive(keys, async () => {
      try {
        const loadResults = written.loadsFirst ? await load(group, keys) : NO_LOAD_RESULTS
        if (this.#resendIfMoved(written)) return undefined
        this.#runner.context.instant.refresh()
        if (plain !== undefined) return await this.#write(group, writes, replyOf(plain, group), plain.changes)
        if (TTL_COMMANDS.has(command.fullName)) return this.#run(written, group)
        const { reply, changes, refusal } = dryRun(group, keys, loadResults, {
          givesTtl: givesTtl(command, args),
          removesUncached: DELETE_COMMANDS.has(command.fullName),
          run: (scratch) => this.#run(written, scratch),
        })
        if (refusal !== undefined) return this.#refusal(refusal)
        return changes.length === 0 ? reply : await this.#write(group, writes, reply, changes)
      } catch (error) {
        return this.#failure(group, reasonOf(error))
      }
    })
  }

  /** Writes what a command changes to the origin and to the cache. Gives its reply. */
  #write(group: Group, writes: Writes, reply: Buffer, changes: readonly Change[]): Promise<Buffer> | Buffer {
    if (writes.mode === 'through')
      return writes.through(changes, (outcome) => {
        this.#runner.context.instant.refresh()
        applyOutcome(group, changes, outcome)
        return outcome.error === undefined ? reply : this.#failure(group, outcome.error)
      })
    const error = writes.enqueue(changes)
    if (error !== undefined) return this.#failure(group, error)
    for (const change of changes) apply(group, change)
    return reply
  }

  /** The reply of the command on a group, which may stand for the real one. */
  #run(written: PendingWrite, group: Group): Buffer {
    const { context } = this.#runner
    const { command } = written
    context.instant.refresh()
    this.#runner.resume(written, group)
    if (group.isWatched) this.#runner.fence(command)
    this.#runner.run(command, 0)
    return context.reply.take()
  }

  #failure(group: Group, reason: string): Buffer {
    return this.#refusal(`ORIGIN ${group.name}: ${reason}`)
  }

  #refusal(text: string): Buffer {
    const { reply } = this.#runner.context
    reply.error(text)
    return reply.take()
  }
}

const NO_LOAD_RESULTS: ReadonlyMap<Buffer, LoadResult> = new Map()

/** The values at the origin of the keys that are not held. */
async function load(group: Group, keys: readonly Buffer[]): Promise<Map<Buffer, LoadResult>> {
  const loadResults = new Map<Buffer, LoadResult>()
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const missing = keys.filter((key) => {
      const loadResult = loadResults.get(key)
      return group.wouldLoad(key, 0, key.length, true) && (loadResult === undefined || loadResult.fenced)
    })
    if (missing.length === 0) return loadResults
    const loads = missing.map((key) => new Promise<LoadResult>((resolve) => group.load(key, resolve)))
    for (const [i, loadResult] of (await Promise.all(loads)).entries()) {
      if (loadResult.error !== undefined) throw new Error(loadResult.error)
      loadResults.set(missing[i], loadResult)
    }
  }
  throw new Error(`the key was changed during each of ${MAX_ATTEMPTS} loads`)
}
