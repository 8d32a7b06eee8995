// Runs a command in slices: its reply is deferred, and later commands of its connection wait for it.

import { errorReply } from '../../resp/reply.ts'
import type { Context } from '../spec/context.ts'
import { CLIENT_GONE, INTERNAL_ERROR } from '../spec/errors.ts'
import type { SlicedWork } from './slice-queue.ts'

/**
 * A command that runs in slices. Other commands run in between: it must not keep what belongs to the present command
 * or slice (the context's arguments, references to records).
 */
export interface SlicedCommand {
  /** Works for a fraction of a millisecond. True: nothing is left to do. */
  step(): boolean
  /** Takes what the steps of a slice have written. */
  keep?(written: Buffer): void
  /** Writes the reply. */
  answer(): void
}

const GONE: Buffer = errorReply(CLIENT_GONE)

/**
 * Runs the context's command in slices. Its reply is written by `step` and `answer`, to the context's reply. The order
 * of the connection's commands stays: later ones wait. Within a transaction it runs at once.
 */
export function runInSlices(c: Context, sliced: SlicedCommand): void {
  if (c.inTransaction) {
    while (!sliced.step());
    sliced.answer()
    return
  }
  const { client, command, host, instant, reply } = c
  const { telemetry } = host
  const args = c.args.detach()
  const { protocol } = reply
  // The forwarding node makes later requests of the same client wait; other clients share this connection.
  const isExclusive = client.peer === undefined && c.forwarded === undefined
  const complete = c.defer()
  if (isExclusive) client.pending.isExclusive = true
  let micros = 0
  let hasFailed = false
  /** Runs a part of the command. `undefined`: it has failed. */
  const run = <Result>(part: () => Result): Result | undefined => {
    const startedAt = telemetry.now()
    instant.refresh()
    reply.protocol = protocol
    try {
      return part()
    } catch (error) {
      hasFailed = true
      reply.rewind(0)
      host.reportFault(error, command.fullName)
      return undefined
    } finally {
      micros += telemetry.now() - startedAt
    }
  }
  const work: SlicedWork = {
    isUnwanted: () => client.isGone || hasFailed,
    step: () => run(() => sliced.step()) ?? true,
    endSlice() {
      if (reply.size !== 0) sliced.keep?.(reply.take())
    },
    finish() {
      let parts = [GONE]
      if (!client.isGone) {
        if (!hasFailed) run(() => sliced.answer())
        if (hasFailed) reply.error(INTERNAL_ERROR)
        parts = isExclusive ? reply.takeParts() : [reply.take()]
        telemetry.finish(command.stats, telemetry.now() - micros, client, args, command.secretsOf(args))
      }
      if (isExclusive) client.pending.isExclusive = false
      const [first, ...rest] = parts
      complete(first, rest)
    },
  }
  host.slices.add(work)
}
