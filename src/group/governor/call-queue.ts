// The queue of calls that wait for a permit. Loads and writes alternate, so that neither starves the other.

import { ShortLivedSet } from '../../bytes/short-lived.ts'
import type { LazyAbortSignal } from '../lazy-abort-signal.ts'

export type CallKind = 'load' | 'write'

interface QueuedCall<Permit> {
  readonly admit: (permit: Permit) => void
  readonly refuse: (error: Error) => void
}

export class CallQueue<Permit> {
  readonly #calls = {
    load: new ShortLivedSet<QueuedCall<Permit>>(),
    write: new ShortLivedSet<QueuedCall<Permit>>(),
  }
  /** The kind that is admitted next. */
  #nextKind: CallKind = 'load'

  /** Queued calls of both kinds. */
  get size(): number {
    return this.#calls.load.size + this.#calls.write.size
  }

  sizeOf(kind: CallKind): number {
    return this.#calls[kind].size
  }

  /** Resolves when the call is admitted. Rejects when it is refused, or when `signal` is aborted. */
  wait(kind: CallKind, signal: LazyAbortSignal): Promise<Permit> {
    const calls = this.#calls[kind]
    return new Promise((resolve, reject) => {
      let leave = (): void => undefined
      const call: QueuedCall<Permit> = {
        admit: (permit) => {
          leave()
          resolve(permit)
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      }
      calls.add(call)
      leave = signal.onAbort((reason) => {
        calls.delete(call)
        reject(reason)
      })
    })
  }

  /** Admits the oldest call of the kind whose turn it is. The queue must not be empty. */
  admitNext(permit: Permit): void {
    const other = this.#nextKind === 'load' ? 'write' : 'load'
    const kind = this.#calls[this.#nextKind].size > 0 ? this.#nextKind : other
    const [call] = this.#calls[kind]
    this.#calls[kind].delete(call)
    this.#nextKind = kind === 'load' ? 'write' : 'load'
    call.admit(permit)
  }

  /** Rejects all queued calls. */
  refuseAll(error: Error): void {
    for (const calls of Object.values(this.#calls)) {
      for (const call of [...calls]) call.refuse(error)
      calls.clear()
    }
  }
}
