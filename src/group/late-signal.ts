// An abort signal that is made when it is asked for: most loads never look at theirs, and it costs as much as the rest of them.

export class LateSignal {
  #controller: AbortController | undefined
  #reason: Error | undefined

  /** The same one each time, aborted already if that has happened. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#reason ??= reason
    this.#controller?.abort(reason)
  }
}
