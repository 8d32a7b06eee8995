// Blocking commands: how one says what it waits for, and what others see of clients that wait.

import type { ValueType } from '../../../store/record.ts'
import type { Context } from '../context.ts'

/** What a blocking command waits for. Its arguments are those of the command, copied. */
export interface KeyWait {
  /** The positions of the keys: the command goes on when one of them has a value of this type. */
  readonly keys: readonly number[]
  readonly type: ValueType
  /** 0: without end. */
  readonly timeoutMs: number
  /**
   * The key in argument `i` has a value of the type. Replies with it, or returns false: nothing is written, and the
   * client waits on. The clients that wait for a key are asked in the order in which they came.
   */
  serve(c: Context, i: number): boolean
  /** Writes the reply at the end of the time. */
  timedOut(c: Context): void
  /** The key in argument `i` was written and has no value of the type. Replies with an error, or returns false. */
  lost?(c: Context, i: number): boolean
}

/** A command of a client that waits, on this node or at the owner of its keys. */
export interface ClientWait {
  /** CLIENT UNBLOCK: ends it as if its time were over, or with an error. */
  unblock(isError: boolean): void
  /** The client is gone. */
  cancel(): void
  /** It goes on as another one of the same command. */
  continuesAs?(wait: ClientWait): void
}

/** The clients that wait; implemented by the executor. */
export interface Waits {
  /** Commands that wait on this node, of clients of other nodes, too, and the keys for which they wait. */
  readonly size: number
  readonly keys: number
  /** Defers the reply of the context's command until it can be served. */
  add(wait: KeyWait): void
}
