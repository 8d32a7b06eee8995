// Waits for a promise that cannot be cancelled until a signal is aborted; and the text of errors.

/**
 * Settles like the promise, or rejects with the signal's reason once it is aborted.
 * @param discard receives a value that arrives after the abort
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  discard?: (late: T) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason)
      if (discard !== undefined) promise.then(discard, () => undefined)
    }
    if (signal.aborted) {
      promise.catch(() => undefined)
      abort()
      return
    }
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** The text of an error; of an AggregateError (a host with two addresses, say), that of the first. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return errorText(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  return error.message || (error as NodeJS.ErrnoException).code || error.name
}
