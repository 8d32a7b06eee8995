// The lease check after a pause of this process (SIGSTOP, a long garbage collection, a suspended machine).

/**
 * A node may serve its slots only while the others hear from it: an implicit lease of one timeout. After a pause it
 * may have expired. The check lasts until every peer that may have declared this node dead has answered a message
 * sent after the pause, or has failed, or the timeout has passed.
 */
export class LeaseCheck {
  readonly #serial: number
  readonly #deadline: number
  readonly #waiting: Set<string>

  /**
   * @param waiting names of the peers that may have declared this node dead
   * @param serial the last message sent before the pause: only answers to later ones count
   * @param deadline when the check ends at the latest, ms of the clock
   */
  constructor(waiting: Set<string>, serial: number, deadline: number) {
    this.#waiting = waiting
    this.#serial = serial
    this.#deadline = deadline
  }

  /** The peer has answered the message of that serial. */
  answered(name: string, serial: number): void {
    if (serial > this.#serial) this.#waiting.delete(name)
  }

  /** @param canAnswer whether an answer of that peer may still arrive */
  isOver(now: number, canAnswer: (name: string) => boolean): boolean {
    for (const name of this.#waiting) if (!canAnswer(name)) this.#waiting.delete(name)
    return this.#waiting.size === 0 || now >= this.#deadline
  }
}
