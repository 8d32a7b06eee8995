// Clients that wait for keys (BLPOP and the like): which client waits for which key, and which is served after a write.

import { ShortLivedMap, ShortLivedSet } from '../../bytes/short-lived.ts'
import { Context, type KeyWait, type Waits } from '../../commands/spec/context.ts'
import type { Host } from '../../commands/spec/host.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { Group, Watcher } from '../../group/group.ts'
import { ReplyWriter } from '../../resp/reply.ts'
import { NULL_REF } from '../../store/arena.ts'
import type { ValueType } from '../../store/record.ts'
import { keyName } from '../loading/load-results.ts'
import type { Permissions } from '../permissions.ts'
import { type DeferredCommand, movedTo } from '../routing/forwarded-request.ts'
import { Runner } from '../runner.ts'
import { Waiting } from './waiting.ts'

/*
 * 1. A blocking command that finds nothing calls `Context.waitForKeys`: its reply is deferred, and it waits for its keys.
 * 2. Every write of such a key is announced (`Watcher.written`), before it happens, and every load: the key is noted.
 * 3. When the command, or the transaction, has ended, the clients that wait for the noted keys are asked in turn whether
 *    the key serves them, before the next command of any client runs. Serving one may write other keys (BLMOVE).
 *
 * A command that was deferred itself (it has loaded keys) is followed by step 3 in a microtask.
 */

/** The clients that wait for a key, in the order in which they came. */
interface WaitedKey {
  readonly group: Group
  readonly name: string
  readonly waiting: Set<Waiting>
  /** How many of them end when the key has no value of their type any more (`KeyWait.lost`: XREADGROUP). */
  losable: number
  /** Whether the key was seen with a value since it is in `#ready`. */
  hasHadValue: boolean
}

interface WaitedGroup {
  readonly keys: ShortLivedMap<string, WaitedKey>
  readonly stopWatching: () => void
}

export interface KeyWaitsParts {
  readonly permissions: Permissions
  readonly context: Context
  readonly host: Host
  /**
   * The name of the node that owns the keys of a waiting command now; '' if it is not known; `undefined`: this node.
   */
  readonly ownerOf: (waiting: Waiting) => string | undefined
  /** Runs a waiting command again, in a group that writes to its origin. */
  readonly runAgain: (waiting: Waiting) => void
  /** Sends a command of a client of this node to the owner of its keys. */
  readonly resend: (waiting: Waiting) => void
}

export class KeyWaits implements Waits, Watcher {
  readonly #parts: KeyWaitsParts
  /** A context of its own: the executor's may be in use by another command. */
  readonly #context: Context
  readonly #runner: Runner
  readonly #groups = new Map<Group, WaitedGroup>()
  readonly #all = new ShortLivedSet<Waiting>()
  /** Keys that were written and whose waiting clients are still to be served. */
  readonly #ready = new Set<WaitedKey>()
  /** Whether a microtask will serve them. */
  #isScheduled = false
  /** Whether a command of a waiting client is running: the keys that it writes are noted afterwards. */
  #isServing = false

  constructor(parts: KeyWaitsParts) {
    this.#parts = parts
    const { context, host } = parts
    this.#context = new Context(new ReplyWriter(), context.instant, host)
    this.#context.reply.onError = (text) => host.telemetry.errorReply(text)
    this.#runner = new Runner(this.#context, host)
  }

  /** Whether a key for which clients wait was written. */
  get hasReady(): boolean {
    return this.#ready.size !== 0
  }

  get size(): number {
    return this.#all.size
  }

  get keys(): number {
    let keys = 0
    for (const group of this.#groups.values()) keys += group.keys.size
    return keys
  }

  add(wait: KeyWait): void {
    const { context } = this.#parts
    const { args, command, client, group } = context
    this.addPending(wait, {
      client,
      command: command as Command,
      args: args.detach(),
      group,
      protocol: context.reply.protocol,
      noTouch: client.noTouch,
      trace: client.trace,
      complete: context.defer(),
    })
  }

  /** The same for a command that was deferred before. */
  addPending(wait: KeyWait, command: DeferredCommand): void {
    const { context } = this.#parts
    const { group } = command
    const waiting = new Waiting(
      {
        ...command,
        wait,
        names: [...new Set(wait.keys.map((i) => keyName(command.args, i)))],
        isExclusive: command.client.peer === undefined,
      },
      {
        ended: (each) => this.#remove(each),
        refusalOf: (each) => this.#parts.permissions.refusalOfWaiting(each),
        timedOut: (each) => this.#reply(each, () => wait.timedOut(this.#context)),
        failed: (each, error) => this.#reply(each, () => this.#context.reply.error(error)),
        timers: group.environment.timers,
        instant: context.instant,
      },
    )
    this.#all.add(waiting)
    const waited = this.#groupOf(group)
    for (const name of waiting.names) {
      let key = waited.keys.get(name)
      if (key === undefined) {
        key = { group, name, waiting: new Set(), losable: 0, hasHadValue: false }
        waited.keys.set(name, key)
      }
      key.waiting.add(waiting)
      if (wait.lost !== undefined) key.losable++
    }
    waiting.start()
  }

  written(group: Group, bytes: Buffer, start: number, end: number): void {
    if (this.#isServing) return
    const key = this.#groups.get(group)?.keys.get(bytes.toString('latin1', start, end))
    if (key === undefined) return
    // Redis: in a transaction, keys are served in the order in which they were created. This is called before the
    // write, so a key without a value now was not created by the earlier writes that were noted for it (an LPOP, for
    // example).
    if (this.#ready.has(key) && !key.hasHadValue) {
      key.hasHadValue = group.store.peek(bytes, start, end) !== NULL_REF
      if (!key.hasHadValue) this.#ready.delete(key)
    }
    this.#note(key)
  }

  /** A key that has waiting clients was loaded, for another client. */
  loaded(group: Group, bytes: Buffer, start: number, end: number): void {
    this.written(group, bytes, start, end)
  }

  /** All keys of the group are removed (FLUSHDB), or exchanged with those of another group (SWAPDB). */
  flushed(group: Group): void {
    const keys = this.#groups.get(group)?.keys.values()
    for (const key of [...(keys ?? [])]) this.#note(key)
  }

  /** Serves the clients that wait for keys that were written. No command may be running. */
  serveReady(): void {
    for (const key of this.#ready) {
      this.#ready.delete(key)
      this.#serveKey(key)
    }
  }

  /**
   * The owners of slots have changed: commands of this node's clients go on waiting at the new owner of their keys. A
   * command of another node's client is answered with a redirection, and that node sends it to the new owner.
   */
  ownersChanged(): void {
    if (this.#all.size === 0) return
    queueMicrotask(() => {
      const { ownerOf, resend } = this.#parts
      for (const waiting of [...this.#all]) {
        const owner = ownerOf(waiting)
        if (owner === undefined) continue
        if (waiting.client.peer !== undefined) waiting.finish(movedTo(owner, waiting.wait.resolved))
        else if (waiting.release()) resend(waiting)
      }
    })
  }

  /** The group is removed: commands that wait for its keys end with this error. */
  end(group: Group, error: Buffer): void {
    for (const waiting of [...this.#all]) if (waiting.group === group) waiting.finish(error)
  }

  #note(key: WaitedKey): void {
    if (!this.#ready.has(key)) key.hasHadValue = false
    this.#ready.add(key)
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#parts.context.instant.refresh()
      this.serveReady()
    })
  }

  #serveKey(key: WaitedKey): void {
    for (const waiting of key.waiting) {
      const i = waiting.positionOf(key.name)
      const type = this.#prepare(waiting, i)
      const { wait } = waiting
      if (type === wait.type) this.#serve(waiting, i, key)
      else if (wait.lost !== undefined) this.#reply(waiting, () => wait.lost?.(this.#context, i))
      else if (type === undefined && key.losable === 0) return
    }
  }

  /** Sets the context for a waiting command. Returns the type of the value of key `i`; `undefined`: it has none. */
  #prepare(waiting: Waiting, i: number): ValueType | undefined {
    const { group } = waiting
    this.#runner.resume(waiting, group)
    const ref = this.#context.peek(i)
    return ref === NULL_REF ? undefined : group.store.records.type(ref)
  }

  #serve(waiting: Waiting, i: number, key: WaitedKey): void {
    const context = this.#context
    const { command, group } = waiting
    if (command.isWrite && group.writes !== undefined) {
      // Its change has to be written to the origin first: it runs again, and waits again if another client was faster.
      if (waiting.release()) this.#parts.runAgain(waiting)
      return
    }
    const positions = command.keysOf(context)
    if (command.isWrite && group.isWatched) {
      const { buf, start, end } = waiting.args
      this.#isServing = true
      for (const at of positions) group.fence(buf, start[at], end[at])
      this.#isServing = false
    }
    const isServed = this.#reply(waiting, () => waiting.wait.serve(context, i))
    if (!isServed || !command.isWrite) return
    const keys = this.#groups.get(group)?.keys
    for (const at of positions) {
      const other = keys?.get(keyName(waiting.args, at))
      if (other !== undefined && other !== key) this.#note(other)
    }
  }

  /** Runs `run`, which writes the reply of a waiting command or returns false. Returns whether the wait has ended. */
  #reply(waiting: Waiting, run: () => unknown): boolean {
    const { telemetry } = this.#parts.host
    const { command, client, args } = waiting
    const startedAt = telemetry.now()
    this.#runner.resume(waiting, waiting.group)
    try {
      if (run() === false) return false
    } catch (error) {
      this.#runner.fail(command, 0, error)
    }
    const bytes = this.#context.reply.take()
    telemetry.finish(command.stats, startedAt, client, args, command.secretsOf(args))
    waiting.finish(bytes)
    return true
  }

  #groupOf(group: Group): WaitedGroup {
    let waited = this.#groups.get(group)
    if (waited === undefined) {
      waited = { keys: new ShortLivedMap(), stopWatching: group.watch(this) }
      this.#groups.set(group, waited)
    }
    return waited
  }

  #remove(waiting: Waiting): void {
    const { group, names, wait } = waiting
    this.#all.delete(waiting)
    const waited = this.#groups.get(group)
    if (waited === undefined) return
    for (const name of names) {
      const key = waited.keys.get(name)
      if (key === undefined) continue
      key.waiting.delete(waiting)
      if (wait.lost !== undefined) key.losable--
      if (key.waiting.size !== 0) continue
      waited.keys.delete(name)
      this.#ready.delete(key)
    }
    if (waited.keys.size !== 0) return
    waited.stopWatching()
    this.#groups.delete(group)
  }
}
