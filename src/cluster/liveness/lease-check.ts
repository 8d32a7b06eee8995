// The time after this process stood still, until it knows whether the others have declared it dead meanwhile.

export class Doubt {
  readonly #serial: number
  readonly #until: number
  readonly #waiting: Set<string>

  /**
   * @param waiting names of those that may have declared this node dead
   * @param serial the last message that was sent before: only answers to later ones tell
   * @param until when to wait no longer, in ms of the clock
   */
  constructor(waiting: Set<string>, serial: number, until: number) {
    this.#waiting = waiting
    this.#serial = serial
    this.#until = until
  }

  /** An answer of that peer to the message of that serial has come. */
  answered(name: string, serial: number): void {
    if (serial > this.#serial) this.#waiting.delete(name)
  }

  /** @param awaited whether an answer of that peer can still come */
  over(now: number, awaited: (name: string) => boolean): boolean {
    for (const name of this.#waiting) if (!awaited(name)) this.#waiting.delete(name)
    return this.#waiting.size === 0 || now >= this.#until
  }
}
