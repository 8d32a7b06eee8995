// An AbortSignal that is created on first use: most origins never use it, and it costs as much as the rest of a load.

export class LazyAbortSignal {
  #controller: AbortController | undefined
  #reason: Error | undefined
  #listener: ((reason: Error) => void) | undefined

  /** The same signal each time; already aborted if `abort` was called before. */
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

  /** Sets the one listener, called at once if already aborted, until the returned function is called. */
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

/** The result of a call, or a rejection when the signal is aborted first. Throws synchronously if the call does. */
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

/** Any thenable counts. */
export function isPromise<Result>(given: Promise<Result> | Result): given is Promise<Result> {
  return typeof (given as Partial<Promise<Result>> | null | undefined)?.then === 'function'
}
