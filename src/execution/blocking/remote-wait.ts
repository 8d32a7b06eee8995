// A command of a client that waits for keys at their owner, another node.

import type { Sender } from '../../cluster/links/receiver.ts'
import { tell } from '../../cluster/links/request.ts'
import type { Client, CompleteReply } from '../../commands/spec/client.ts'
import type { ClientWait } from '../../commands/spec/session/waiting.ts'
import { errorReply } from '../../resp/reply.ts'

const NOTHING = Buffer.alloc(0)

/** How it ends before its time. */
type Ending = 'TIMEOUT' | 'ERROR' | 'CANCEL'

export class RemoteWait implements ClientWait {
  /** It has its reply, or needs none. */
  isOver = false
  /** When its time ends, ms of the monotonic time, wherever it waits; `undefined`: never. */
  readonly deadline: number | undefined
  readonly #client: Client
  readonly #complete: CompleteReply
  readonly #refusal: () => string | undefined
  /** Where the owner has deferred its reply, and under which number. */
  #link: Sender | undefined
  #number = 0
  #ending: Ending | undefined

  /**
   * Later commands of the client wait for it.
   *
   * @param refusal the error if the client's user may not run it (any more)
   */
  constructor(client: Client, complete: CompleteReply, refusal: () => string | undefined, deadline?: number) {
    this.deadline = deadline
    this.#client = client
    this.#complete = complete
    this.#refusal = refusal
    client.pending.isExclusive = true
    client.waits.set(0, this)
  }

  /** The owner has deferred the reply: the client waits there. */
  begins(link: Sender, number: number): void {
    this.#link = link
    this.#number = number
    if (this.#ending !== undefined) this.#send(this.#ending)
  }

  /** The link to the owner broke. Returns whether the client was waiting there. */
  lost(): boolean {
    const wasWaiting = this.#link !== undefined
    this.#link = undefined
    return wasWaiting
  }

  complete(reply: Buffer, rest?: readonly Buffer[]): void {
    if (this.isOver) return
    this.isOver = true
    const { waits, pending } = this.#client
    if (waits.get(0) === this) waits.delete(0)
    pending.isExclusive = false
    this.#complete(reply, rest)
  }

  unblock(isError: boolean): void {
    this.#end(isError ? 'ERROR' : 'TIMEOUT')
  }

  cancel(): void {
    this.#end('CANCEL')
    this.complete(NOTHING)
  }

  recheck(): void {
    const refusal = this.#refusal()
    if (refusal === undefined) return
    this.#end('CANCEL')
    this.complete(errorReply(refusal))
  }

  /** This node owns the keys now: the client waits here. */
  continuesAs(wait: ClientWait): void {
    if (this.#ending === 'CANCEL') wait.cancel()
    else if (this.#ending !== undefined) wait.unblock(this.#ending === 'ERROR')
  }

  /** The owner replies, unless it has done so already. */
  #end(ending: Ending): void {
    this.#ending = ending
    this.#send(ending)
  }

  #send(ending: Ending): void {
    if (this.#link !== undefined) tell(this.#link, ['PEER', 'UNBLOCK', String(this.#number), ending])
  }
}
