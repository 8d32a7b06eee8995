// Step 5 of the read path for commands: holds the place of a reply while what its keys miss is loaded.

import { type Client, deferReply } from '../../commands/spec/client.ts'
import type { PendingCommand } from '../../commands/spec/pending-commands.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Args } from '../../resp/args.ts'
import type { Telemetry } from '../../telemetry/telemetry.ts'
import type { ForwardContext, ForwardedRequest } from '../routing/forwarded-request.ts'
import type { Runner } from '../runner.ts'
import {
  firstError,
  keyName,
  type LoadResults,
  mustReload,
  storeForRead,
  storeTemporarily,
} from './load-results.ts'

/** A read-modify-write whose load is fenced again and again gives up after this many loads. */
const MAX_ATTEMPTS = 8

/** A command that waits, with what it needs to be run. */
export interface PendingLoad extends PendingCommand, ForwardContext {
  readonly command: Command
  readonly args: Args
  /** Takes the reply. */
  readonly complete: (reply: Buffer) => void
  readonly loadResults: LoadResults
  missing: number
  attempts: number
}

export class Loading {
  readonly #runner: Runner
  readonly #telemetry: Telemetry
  /** Whether another node is to run a command that waited for its loads: then it takes care of the reply. */
  readonly #resendIfMoved: (held: PendingLoad) => boolean

  constructor(runner: Runner, telemetry: Telemetry, sendOn: (held: PendingLoad) => boolean) {
    this.#runner = runner
    this.#telemetry = telemetry
    this.#resendIfMoved = sendOn
  }

  /** Step 5: joins the loads this command misses, and holds the place of its reply. False: it misses none. */
  begin(client: Client, command: Command, forwarded?: ForwardedRequest): boolean {
    const { context } = this.#runner
    const positions = command.keysOf(context)
    const { group } = context
    const current = context.args
    const missing = positions.filter((i) =>
      group.wouldLoad(current.buf, current.start[i], current.end[i], command.isWrite),
    )
    if (missing.length === 0) return false
    if (command.loadsThrough) group.misses += missing.length
    const args = current.detach()
    const { protocol, noTouch } = forwarded?.context ?? client
    const held: PendingLoad = {
      client,
      protocol,
      noTouch,
      command,
      args,
      group,
      keys: positions.map((i) => keyName(args, i)),
      bytes: args.buf.length,
      write: command.isWrite,
      complete: forwarded?.complete ?? deferReply(client),
      loadResults: new Map(),
      missing: 0,
      attempts: 0,
    }
    client.pending.add(held)
    this.#load(held, missing)
    return true
  }

  #load(held: PendingLoad, positions: readonly number[]): void {
    const { args } = held
    const keys = new Map(positions.map((i) => [keyName(args, i), i]))
    held.attempts++
    held.missing = keys.size
    for (const [name, i] of keys) {
      held.group.load(args.copy(i), (loadResult) => {
        held.loadResults.set(name, loadResult)
        if (loadResult.isStale === true && !held.write) held.group.rescued++
        held.missing--
        if (held.missing === 0) this.#resume(held)
      })
    }
  }

  /** All loads of a held command have ended. */
  #resume(held: PendingLoad): void {
    const { context } = this.#runner
    const { reply } = context
    const { client, command, args } = held
    context.instant.refresh()
    if (held.write && this.#resendIfMoved(held)) {
      client.pending.delete(held)
      client.pending.runQueued()
      return
    }
    const startedAt = this.#telemetry.now()
    let bytes: Buffer
    this.#runner.resume(held, held.group)
    try {
      if (!this.#answer(held)) return
      bytes = reply.take()
    } catch (error) {
      this.#runner.fail(command, 0, error)
      bytes = reply.take()
    }
    this.#telemetry.finish(command.stats, startedAt, client, args, command.secretsOf(args))
    client.pending.delete(held)
    held.complete(bytes)
    client.pending.runQueued()
  }

  /** Writes the reply of a held command. False: it loads again. */
  #answer(held: PendingLoad): boolean {
    const { context } = this.#runner
    const { reply } = context
    const { command, group } = held
    const error = firstError(held.loadResults, held.write)
    if (error !== undefined) {
      reply.error(`ORIGIN ${group.name}: ${error}`)
      return true
    }
    const gone = this.#keysToReload(held)
    if (gone.length !== 0 && (!held.write || held.attempts < MAX_ATTEMPTS)) {
      this.#load(held, gone)
      return false
    }
    if (gone.length !== 0) {
      reply.error(`ORIGIN ${group.name}: the key was changed during each of ${held.attempts} loads`)
      return true
    }
    if (held.write && group.isWatched) this.#runner.fence(command)
    const positions = command.keysOf(context)
    if (held.write) storeTemporarily(group, held.args, positions, held.loadResults)
    else context.store = storeForRead(group, held.args, positions, held.loadResults)
    this.#runner.run(command, 0)
    return true
  }

  /**
   * Keys to load (again): those that were held, and are not any more, and those that a read-modify-write has loaded,
   * but which somebody has removed. A read is content with what its load gave, so that it loads no key twice.
   */
  #keysToReload({ args, command, group, loadResults, write }: PendingLoad): number[] {
    return command.keysOf(this.#runner.context).filter((i) => {
      if (!group.wouldLoad(args.buf, args.start[i], args.end[i], write)) return false
      const loadResult = loadResults.get(keyName(args, i))
      return loadResult === undefined || (write && mustReload(loadResult))
    })
  }
}
