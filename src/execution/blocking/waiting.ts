// A command that waits for its keys: its timeout, and what completes it.

import { type CancelTimer, MAX_TIMER_MS, type Timers } from '../../bytes/clock.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Client, CompleteReply } from '../../commands/spec/client.ts'
import type { KeyWait } from '../../commands/spec/context.ts'
import type { Command } from '../../commands/spec/ready-command.ts'
import type { ClientWait } from '../../commands/spec/session/waiting.ts'
import type { Group } from '../../group/group.ts'
import type { Args } from '../../resp/args.ts'
import { errorReply } from '../../resp/reply.ts'
import type { Context } from '../../telemetry/tracing.ts'
import { keyName } from '../loading/load-results.ts'
import type { DeferredCommand } from '../routing/forwarded-request.ts'

const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK'
const NOTHING = Buffer.alloc(0)

interface WaitingCommand extends DeferredCommand {
  readonly wait: KeyWait
  /** The names of its keys, each once. */
  readonly names: readonly string[]
  /** Whether later commands of its client wait for it. */
  readonly isExclusive: boolean
}

interface WaitingParts {
  readonly timers: Timers
  readonly instant: Instant
  /** Called once, when the wait has ended. */
  readonly ended: (waiting: Waiting) => void
  /** The error if its client's user may not run it (any more). */
  readonly refusalOf: (waiting: Waiting) => string | undefined
  /** Called when the timeout is over, to reply. */
  readonly timedOut: (waiting: Waiting) => void
  /** Called to reply with an error, which is counted as one of its command. */
  readonly failed: (waiting: Waiting, error: string) => void
}

export class Waiting implements ClientWait, WaitingCommand {
  readonly wait: KeyWait
  readonly client: Client
  readonly command: Command
  readonly args: Args
  readonly group: Group
  readonly protocol: 2 | 3
  readonly noTouch: boolean
  readonly trace: Context | undefined
  readonly names: readonly string[]
  readonly isExclusive: boolean
  readonly complete: CompleteReply
  readonly #parts: WaitingParts
  #cancelTimer: CancelTimer | undefined
  #hasEnded = false

  constructor(command: WaitingCommand, parts: WaitingParts) {
    this.wait = command.wait
    this.client = command.client
    this.command = command.command
    this.args = command.args
    this.group = command.group
    this.protocol = command.protocol
    this.noTouch = command.noTouch
    this.trace = command.trace
    this.names = command.names
    this.isExclusive = command.isExclusive
    this.complete = command.complete
    this.#parts = parts
  }

  /** Begins to wait. */
  start(): void {
    const { client, wait } = this
    if (this.isExclusive) client.pending.isExclusive = true
    // A link of another node carries commands of many clients: the write that this one waits for may be behind it.
    else this.complete.release?.()
    const { number } = this
    const before = client.waits.get(number)
    client.waits.set(number, this)
    if (wait.timeoutMs !== 0) {
      this.complete.deadline ??= this.#parts.instant.monotonicMs + wait.timeoutMs
      this.#startTimer(this.complete.deadline)
    }
    before?.continuesAs?.(this)
  }

  /** The position of the first of its keys with this name. */
  positionOf(name: string): number {
    return this.wait.keys.find((i) => keyName(this.args, i) === name) ?? this.wait.keys[0]
  }

  unblock(isError: boolean): void {
    if (isError) this.#parts.failed(this, UNBLOCKED)
    else this.#parts.timedOut(this)
  }

  cancel(): void {
    // Another node needs some reply to its request; a client of this node is gone.
    this.finish(this.isExclusive ? NOTHING : errorReply(UNBLOCKED))
  }

  recheck(): void {
    const refusal = this.#parts.refusalOf(this)
    if (refusal !== undefined) this.#parts.failed(this, refusal)
  }

  /** The number of its deferred reply to another node; 0: it is a client of this node. */
  get number(): number {
    return this.complete.number ?? 0
  }

  /**
   * Ends the wait with a reply. The client gets it in a microtask: its own commands that wait for this one must not run
   * within a command of another client.
   */
  finish(reply: Buffer): void {
    if (!this.#end()) return
    queueMicrotask(() => {
      if (this.isExclusive) this.client.pending.isExclusive = false
      this.complete(reply)
    })
  }

  /** Takes the reply after `release`. */
  get completed(): CompleteReply {
    const completed: CompleteReply = (reply, rest) => {
      if (this.isExclusive) this.client.pending.isExclusive = false
      this.complete(reply, rest)
    }
    completed.number = this.complete.number
    completed.deadline = this.complete.deadline
    return completed
  }

  /** Ends the wait on this node without a reply, which comes from elsewhere. False: it has ended before. */
  release(): boolean {
    return this.#end()
  }

  #end(): boolean {
    if (this.#hasEnded) return false
    this.#hasEnded = true
    this.#cancelTimer?.()
    const { waits } = this.client
    if (waits.get(this.number) === this) waits.delete(this.number)
    this.#parts.ended(this)
    return true
  }

  /** Timers of Node.js may fire early by a fraction of a millisecond, and are limited to 25 days. */
  #startTimer(deadline: number): void {
    const { timers, instant } = this.#parts
    const left = Math.max(0, deadline - instant.monotonicMs)
    this.#cancelTimer = timers.after(Math.min(left, MAX_TIMER_MS), () => {
      instant.refresh()
      if (instant.monotonicMs < deadline) this.#startTimer(deadline)
      else this.#parts.timedOut(this)
    })
  }
}
