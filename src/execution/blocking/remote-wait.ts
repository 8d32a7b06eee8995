// A blocking command of a client of this node that waits for its keys at another node, their owner.

import type { Sender } from '../../cluster/links/receiver.ts'
import { tell } from '../../cluster/links/request.ts'
import type { Client, CompleteReply } from '../../commands/spec/client.ts'
import type { ClientWait } from '../../commands/spec/session/waiting.ts'
import { errorReply } from '../../resp/reply.ts'

const NOTHING = Buffer.alloc(0)

/** How the owner is asked to end the wait before its timeout (PEER UNBLOCK). */
type Ending = 'TIMEOUT' | 'ERROR' | 'CANCEL'

export class RemoteWait implements ClientWait {
  /** Whether it has its reply, or needs none any more. */
  isOver = false
  /** When its timeout ends, whichever node it waits at, ms of the monotonic clock; `undefined`: never. */
  readonly deadline: number | undefined
  readonly #client: Client
  readonly #complete: CompleteReply
  readonly #refusal: () => string | undefined
  /** The link over which the owner has deferred the reply, and the number of the reply. */
  #link: Sender | undefined
  #number = 0
  #ending: Ending | undefined

  /**
   * Later commands of the client wait until this one is over.
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

  /** The owner has deferred the reply: the command waits there. */
  begins(link: Sender, number: number): void {
    this.#link = link
    this.#number = number
    if (this.#ending !== undefined) this.#send(this.#ending)
  }

  /** The link to the owner broke. Returns whether the command was waiting there. */
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

  /** This node owns the keys now: the command goes on as `wait`, on this node. */
  continuesAs(wait: ClientWait): void {
    if (this.#ending === 'CANCEL') wait.cancel()
    else if (this.#ending !== undefined) wait.unblock(this.#ending === 'ERROR')
  }

  /** Asks the owner to end the wait; it replies, unless it has done so already. */
  #end(ending: Ending): void {
    this.#ending = ending
    this.#send(ending)
  }

  #send(ending: Ending): void {
    if (this.#link !== undefined) tell(this.#link, ['PEER', 'UNBLOCK', String(this.#number), ending])
  }
}
