// An abort signal that is made when it is asked for: most loads never look at theirs, and it costs as much as the rest of them.

export class LazyAbortSignal {
  #controller: AbortController | undefined
  #reason: Error | undefined
  #listener: ((reason: Error) => void) | undefined

  /** The same one each time, aborted already if that has happened. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  get isAborted(): boolean {
    return this.#reason !== undefined
  }

  throwIfAborted(): void {
    if (this.#reason !== undefined) throw this.#reason
  }

  /** Has one listener told, at once if it is aborted already, until the function returned is called. */
  onAbort(listener: (reason: Error) => void): () => void {
    this.#listener = listener
    if (this.#reason !== undefined) listener(this.#reason)
    return () => {
      if (this.#listener === listener) this.#listener = undefined
    }
  }

  abort(reason: Error): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#listener?.(reason)
    this.#controller?.abort(reason)
  }
}

/** What a call gives, unless it is not wanted any more before. Throws what the call throws at once. */
export function untilAborted<Result>(
  signal: LazyAbortSignal,
  call: () => Promise<Result> | Result,
): Promise<Result> | Result {
  signal.throwIfAborted()
  const given = call()
  if (!isPromise(given)) return given
  return new Promise((resolve, reject) => {
    const leave = signal.onAbort(reject)
    given.then(
      (result) => {
        leave()
        resolve(result)
      },
      (error) => {
        leave()
        reject(error)
      },
    )
  })
}

/** One of a library's own too. */
export function isPromise<Result>(given: Promise<Result> | Result): given is Promise<Result> {
  return typeof (given as Partial<Promise<Result>> | null | undefined)?.then === 'function'
}
