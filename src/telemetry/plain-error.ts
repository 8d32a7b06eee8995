// Errors for the log: message and code, without the objects that drivers attach to them.

/** Causes may be circular. */
const MAX_CAUSE_DEPTH = 4

/** The password of a URL. */
const PASSWORD = /(:\/\/[^\s/:@?#]*):[^\s/@]*@/g

/**
 * An error with the name, message, code and causes of another. Drivers attach commands with passwords, keys, sockets and
 * whole connections, which a log would write out.
 * @param withStack whether it has the stack of the other: of use for defects of this program only
 */
export function plainError(error: unknown, withStack = false, depth = MAX_CAUSE_DEPTH): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? redacted(error) : String(error)
  const { name, message, stack, code, cause } = error as NodeJS.ErrnoException
  const plainly = (other: unknown): unknown => plainError(other, withStack, depth - 1)
  const isDeep = depth > 1
  const plain =
    error instanceof AggregateError
      ? new AggregateError(isDeep ? error.errors.map(plainly) : [], redacted(message))
      : new Error(redacted(message))
  if (plain.name !== name) hide(plain, 'name', name)
  hide(plain, 'stack', withStack && stack !== undefined ? redacted(stack) : `${name}: ${plain.message}`)
  if (cause !== undefined && isDeep) hide(plain, 'cause', plainly(cause))
  return code === undefined ? plain : Object.assign(plain, { code })
}

function redacted(text: string): string {
  return text.replace(PASSWORD, '$1:***@')
}

/** Sets a property that is not listed, as those of an Error are. */
function hide(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, enumerable: false, configurable: true, writable: true })
}
