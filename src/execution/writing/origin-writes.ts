// Runs the write commands of groups that write to their origin: a dry run determines what to write there.

import { destinationOf } from '../../commands/sort/options.ts'
import { type Client, deferReply } from '../../commands/spec/client.ts'
import type { KeyWait } from '../../commands/spec/context.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { PendingCommand } from '../../commands/spec/session/pending-commands.ts'
import { givesTime } from '../../commands/strings/options.ts'
import type { LoadResult } from '../../group/flights/flight.ts'
import type { Group } from '../../group/group.ts'
import { reasonOf } from '../../group/result.ts'
import type { Writes } from '../../group/writes/writes.ts'
import type { Args } from '../../resp/args.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { isTracing, within } from '../../telemetry/tracing.ts'
import { CHANGED_IN_EACH, keyName, MAX_ATTEMPTS } from '../loading/load-results.ts'
import type { DeferredCommand, ForwardedRequest } from '../routing/forwarded-request.ts'
import type { Runner } from '../runner.ts'
import { beginCommand, errorOf } from '../spans.ts'
import { apply, applyOutcome, type Change, retime } from './changes.ts'
import { dryRun } from './dry-run.ts'
import { countOf, type PlainWrite, plainWrite, replyOf } from './plain-writes.ts'

/** Commands that change values at the origin. Invalidation, flushes and TTLs concern the cache only. */
const VALUE_COMMANDS = new Set(
  (
    'set setnx setex psetex getset getdel del unlink incr decr incrby decrby incrbyfloat append setrange mset msetnx ' +
    'rename renamenx copy move restore setbit bitop bitfield pfadd pfmerge'
  ).split(' '),
)
/** All writes of these types change values. */
const COLLECTIONS: ReadonlySet<string> = new Set(['hash', 'list', 'set', 'sorted-set', 'geo', 'stream'])
/** Commands that remove keys from the origin whether they are cached or not. */
const DELETE_COMMANDS = new Set(['del', 'unlink'])
/** Commands that depend on whether a key exists: a key that is only not cached must be loaded first. */
const EXISTENCE_COMMANDS = new Set(['setnx', 'msetnx', 'rename', 'renamenx', 'restore'])
/** Commands that change TTLs: in the cache only, but in order with the pending writes of the key. */
const TTL_COMMANDS = new Set(['expire', 'pexpire', 'expireat', 'pexpireat', 'persist', 'getex'])
/** Not possible in groups that write: they may write to another group, or read keys that are not arguments. */
const IMPOSSIBLE_COMMANDS = new Set(['copy', 'move', 'sort'])

/** The error for a write that the group does not allow. */
export function writeError(group: Group, command: string): string | undefined {
  if (group.writes?.mode === 'refuse')
    return `ERR group ${group.name} refuses writes: change its source instead, or set \`write\` of the group to \`around\``
  if (!IMPOSSIBLE_COMMANDS.has(command)) return undefined
  return `ERR group ${group.name} writes to its origin: ${command.toUpperCase()} is not possible there`
}

export function loadsFirst(command: Command, args: Args): boolean {
  const isConditional = command.fullName === 'set' && !command.isRepeatable(args)
  return isConditional || EXISTENCE_COMMANDS.has(command.fullName) || command.loadsFirst(args)
}

/** Whether the client gives a TTL. */
export function givesTtl({ fullName }: Command, args: Args): boolean {
  if (fullName === 'restore') return !(args.length(2) === 1 && args.is(2, '0'))
  return fullName === 'setex' || fullName === 'psetex' || (fullName === 'set' && givesTime(args, 3))
}

/** Whether it may change a value at the origin. */
export function changesOrigin({ fullName, isWrite, spec }: Command, args: Args): boolean {
  if (VALUE_COMMANDS.has(fullName) || (isWrite && COLLECTIONS.has(spec.group))) return true
  return fullName === 'sort' && destinationOf(args) !== 0
}

/** Whether it changes TTLs, in the cache only. */
export function changesTtl({ fullName }: Command): boolean {
  return TTL_COMMANDS.has(fullName)
}

/** Whether it removes keys from the origin whether they are cached or not. */
export function removesUncached({ fullName }: Command): boolean {
  return DELETE_COMMANDS.has(fullName)
}

/** A write command in progress. */
interface PendingWrite extends PendingCommand, DeferredCommand {
  /** Positions of its keys. */
  readonly positions: readonly number[]
  /** Whether it needs the values of its keys at the origin. */
  readonly loadsFirst: boolean
  /** Its changes, if they are known without a dry run. */
  readonly plain: PlainWrite | undefined
}

/** Lets a blocking command wait that found nothing. */
type LetWait = (wait: KeyWait, written: PendingWrite) => void

export class OriginWrites {
  readonly #runner: Runner
  readonly #telemetry: Telemetry
  /** Sends the command to the owner of its keys if that is another node by now; true: the reply comes from there. */
  readonly #resendIfMoved: (written: PendingWrite) => boolean
  readonly #letWait: LetWait

  constructor(
    runner: Runner,
    telemetry: Telemetry,
    resendIfMoved: (written: PendingWrite) => boolean,
    letWait: LetWait,
  ) {
    this.#letWait = letWait
    this.#runner = runner
    this.#telemetry = telemetry
    this.#resendIfMoved = resendIfMoved
  }

  /** Whether a command, in a group that writes to its origin, has to go through `begin`. */
  handles(command: Command): boolean {
    const { args, group } = this.#runner.context
    if (changesOrigin(command, args)) return true
    return changesTtl(command) && group.writes?.has(args.latin1(1)) === true
  }

  /** Begins the context's command and defers its reply. False: the reply is already written, maybe an error. */
  begin(
    client: Client,
    command: Command,
    forwarded?: Pick<ForwardedRequest, 'context' | 'complete'>,
  ): boolean {
    const { context } = this.#runner
    const { group } = context
    const refused = writeError(group, command.fullName)
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
    // Field by field: V8 makes an object that begins with a spread a dictionary, which doubles the cost of this function.
    const { protocol, noTouch, trace } = forwarded?.context ?? client
    const span = isTracing() ? beginCommand(client, command, group, trace) : undefined
    const written: PendingWrite = {
      client: forwarded?.context.client ?? client,
      group,
      protocol,
      noTouch,
      trace: span?.context,
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
      span?.end(reply && errorOf(reply))
      client.pending.delete(written)
      if (reply !== undefined) {
        written.complete(reply)
        this.#telemetry.count(command.stats)
      }
      client.pending.runQueued()
    })
    return true
  }

  /** Write-behind: replies at once, unless earlier writes of the keys are in progress. False: they are. */
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

  /** Runs the command after earlier writes of its keys. Resolves to its reply; `undefined`: another node replies. */
  #perform(written: PendingWrite): Promise<Buffer | undefined> {
    const { group, args, positions, command, plain } = written
    const { writes } = group
    if (writes === undefined) throw new Error(`group ${group.name} does not write`)
    const keys = plain?.changes.map(({ key }) => key) ?? [
      ...new Map(positions.map((i) => [args.latin1(i), args.copy(i)])).values(),
    ]
    let wait: KeyWait | undefined
    const run = async (loadResults: ReadonlyMap<Buffer, LoadResult>): Promise<Buffer | undefined> => {
      if (this.#resendIfMoved(written)) return undefined
      if (plain !== undefined) return await this.#write(group, writes, replyOf(plain, group), plain.changes)
      if (changesTtl(command)) return this.#run(written, group)
      const { reply, changes, retimed, refusal } = dryRun(group, keys, loadResults, {
        givesTtl: () => givesTtl(command, args),
        removesUncached: () => removesUncached(command),
        run: (scratch) =>
          this.#run(written, scratch, (wanted) => {
            wait = wanted
          }),
      })
      if (wait !== undefined) {
        this.#letWait(wait, written)
        return undefined
      }
      if (refusal !== undefined) return this.#refusal(refusal)
      const answer = changes.length === 0 ? reply : await this.#write(group, writes, reply, changes)
      for (const each of retimed) retime(group, each)
      return answer
    }
    const perform = async (): Promise<Buffer | undefined> => {
      try {
        if (written.loadsFirst) return await withLoaded(group, keys, run)
        this.#runner.context.instant.refresh()
        return await run(NO_LOAD_RESULTS)
      } catch (error) {
        return this.#failure(group, reasonOf(error))
      }
    }
    const { trace } = written
    return writes.exclusive(keys, trace === undefined ? perform : () => within(trace, perform))
  }

  /** Writes the changes to the origin and the cache. Returns the reply. */
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

  /** Runs the command on a group, which may be a scratch one. Returns its reply. */
  #run(written: PendingWrite, group: Group, wantsToWait?: (wait: KeyWait) => void): Buffer {
    const { context } = this.#runner
    const { command } = written
    this.#runner.resume(written, group)
    if (group.isWatched) this.#runner.fence(command)
    context.wantsToWait = wantsToWait
    this.#runner.run(command, 0)
    context.wantsToWait = undefined
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

/**
 * Loads the keys that are not cached, then calls `run` at the time at which none is missing: later, one may have expired,
 * and would be taken for a key that does not exist.
 */
async function withLoaded<Result>(
  group: Group,
  keys: readonly Buffer[],
  run: (loadResults: ReadonlyMap<Buffer, LoadResult>) => Promise<Result>,
): Promise<Result> {
  const loadResults = new Map<Buffer, LoadResult>()
  const { instant } = group
  instant.refresh()
  const since = instant.monotonicMs
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const missing = keys.filter((key) => {
      const loadResult = loadResults.get(key)
      return group.wouldLoad(key, 0, key.length, true) && (loadResult === undefined || loadResult.fenced)
    })
    if (missing.length === 0) return await run(loadResults)
    const waitedMs = instant.monotonicMs - since
    const loads = missing.map(
      (key) => new Promise<LoadResult>((resolve) => group.load(key, resolve, true, waitedMs)),
    )
    for (const [i, loadResult] of (await Promise.all(loads)).entries()) {
      if (loadResult.error !== undefined) throw new Error(loadResult.error)
      loadResults.set(missing[i], loadResult)
    }
    instant.refresh()
  }
  throw new Error(CHANGED_IN_EACH)
}
