// Step 5 of the read path for commands: a command that misses waits for the loads of its keys, its reply is deferred.

import { type Client, deferReply } from '../../commands/spec/client.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { PendingCommand } from '../../commands/spec/session/pending-commands.ts'
import type { Waiter } from '../../group/flights/flight.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import { isTracing, type Traced, within } from '../../telemetry/tracing.ts'
import type { DeferredCommand, ForwardedRequest } from '../routing/forwarded-request.ts'
import type { Runner } from '../runner.ts'
import { beginCommand, errorOf } from '../spans.ts'
import {
  CHANGED_IN_EACH,
  firstError,
  keyName,
  type LoadResults,
  MAX_ATTEMPTS,
  mustReload,
  storeForRead,
  storeTemporarily,
} from './load-results.ts'

/** A command that waits for loads. */
export interface PendingLoad extends PendingCommand, DeferredCommand {
  readonly loadResults: LoadResults
  missing: number
  /** When it began to wait, ms of the monotonic clock. */
  readonly since: number
  attempts: number
  /** The span of the command; `undefined`: it is not traced. */
  readonly span: Traced | undefined
}

export class Loading {
  readonly #runner: Runner
  readonly #telemetry: Telemetry
  /** Sends the command to the owner of its keys if that is another node by now; true: the reply comes from there. */
  readonly #resendIfMoved: (waiter: PendingLoad) => boolean

  constructor(runner: Runner, telemetry: Telemetry, resendIfMoved: (waiter: PendingLoad) => boolean) {
    this.#runner = runner
    this.#telemetry = telemetry
    this.#resendIfMoved = resendIfMoved
  }

  /** Step 5: joins the flights of the keys this command misses and defers its reply. False: it misses none. */
  begin(client: Client, command: Command, forwarded?: ForwardedRequest): boolean {
    const { context } = this.#runner
    const { group } = context
    const current = context.args
    if (command.hasOneKey) {
      // Most commands miss nothing: this is checked without allocating lists.
      const i = command.firstKey
      if (!group.wouldLoad(current.buf, current.start[i], current.end[i], command.isWrite)) return false
    }
    const positions = command.keysOf(context)
    const missing = command
      .keysOf(context, true)
      .filter((i) => group.wouldLoad(current.buf, current.start[i], current.end[i], command.isWrite))
    if (missing.length === 0) return false
    if (command.loadsThrough) group.misses += missing.length
    const args = current.detach()
    const { protocol, noTouch, trace } = forwarded?.context ?? client
    const span = isTracing() ? beginCommand(client, command, group, trace) : undefined
    const waiter: PendingLoad = {
      client,
      protocol,
      noTouch,
      trace: span?.context,
      command,
      args,
      group,
      keys: positions.map((i) => keyName(args, i)),
      bytes: args.buf.length,
      write: command.isWrite,
      complete: forwarded?.complete ?? deferReply(client),
      loadResults: new Map(),
      missing: 0,
      since: context.instant.monotonicMs,
      attempts: 0,
      span,
    }
    client.pending.add(waiter)
    this.#load(waiter, missing)
    return true
  }

  #load(waiter: PendingLoad, positions: readonly number[]): void {
    const { args } = waiter
    const keys = new Map(positions.map((i) => [keyName(args, i), i]))
    waiter.attempts++
    waiter.missing = keys.size
    const waitedMs = this.#runner.context.instant.monotonicMs - waiter.since
    for (const [name, i] of keys) {
      const loaded: Waiter = (loadResult) => {
        waiter.loadResults.set(name, loadResult)
        if (loadResult.isStale === true && !waiter.write) waiter.group.rescued++
        waiter.missing--
        if (waiter.missing === 0) this.#resume(waiter)
      }
      within(waiter.span?.context, () => waiter.group.load(args.copy(i), loaded, waiter.write, waitedMs))
    }
  }

  /** All loads of a waiting command have ended. */
  #resume(waiter: PendingLoad): void {
    const { context } = this.#runner
    const { reply } = context
    const { client, command, args } = waiter
    context.instant.refresh()
    if (waiter.write && this.#resendIfMoved(waiter)) {
      waiter.span?.end()
      client.pending.delete(waiter)
      client.pending.runQueued()
      return
    }
    const startedAt = this.#telemetry.now()
    let bytes: Buffer
    this.#runner.resume(waiter, waiter.group)
    context.waitedMs = context.instant.monotonicMs - waiter.since
    context.forwarded = waiter.complete
    try {
      if (!this.#answer(waiter)) return
      if (context.isDeferred) {
        context.isDeferred = false
        waiter.span?.end()
        client.pending.delete(waiter)
        client.pending.runQueued()
        return
      }
      bytes = reply.take()
    } catch (error) {
      this.#runner.fail(command, 0, error)
      bytes = reply.take()
    } finally {
      context.forwarded = undefined
      context.waitedMs = 0
    }
    this.#telemetry.finish(command.stats, startedAt, client, args, command.secretsOf(args))
    client.pending.delete(waiter)
    waiter.span?.end(errorOf(bytes))
    waiter.complete(bytes)
    client.pending.runQueued()
  }

  /** Writes the reply of a waiting command. False: it loads again. */
  #answer(waiter: PendingLoad): boolean {
    const { context } = this.#runner
    const { reply } = context
    const { command, group } = waiter
    const error = firstError(waiter.loadResults, waiter.write)
    if (error !== undefined) {
      reply.error(`ORIGIN ${group.name}: ${error}`)
      return true
    }
    const reload = this.#keysToReload(waiter)
    if (reload.length !== 0 && (!waiter.write || waiter.attempts < MAX_ATTEMPTS)) {
      this.#load(waiter, reload)
      return false
    }
    if (reload.length !== 0) {
      reply.error(`ORIGIN ${group.name}: ${CHANGED_IN_EACH}`)
      return true
    }
    if (waiter.write && group.isWatched) this.#runner.fence(command)
    const positions = command.keysOf(context)
    if (waiter.write) storeTemporarily(group, waiter.args, positions, waiter.loadResults)
    else context.store = storeForRead(group, waiter.args, positions, waiter.loadResults)
    this.#runner.run(command, 0)
    return true
  }

  /**
   * Keys to load (again): keys that were cached when the command began and are not any more, and keys whose loaded
   * value was changed or removed before a read-modify-write could use it. A read uses the result of its load even then,
   * so it loads no key twice.
   */
  #keysToReload({ args, command, group, loadResults, write }: PendingLoad): number[] {
    return command.keysOf(this.#runner.context, true).filter((i) => {
      if (!group.wouldLoad(args.buf, args.start[i], args.end[i], write)) return false
      const loadResult = loadResults.get(keyName(args, i))
      return loadResult === undefined || (write && mustReload(loadResult))
    })
  }
}
