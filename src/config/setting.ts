// What a setting of a node is.

import type { Reader } from './readers.ts'

/**
 * One setting. Its key in `settings` is its field in a configuration file; in kebab case it is the flag and
 * Redis's name (`--tcp-keepalive`, `CONFIG GET tcp-keepalive`), in upper case the variable (`ERINYS_TCP_KEEPALIVE`).
 */
export interface Setting<Output, Input> {
  readonly reads: Reader<Output, Input>
  readonly fallback: Output
  /** The argument of the flag, for the help. */
  readonly argument: string
  readonly summary: string
  /** The default in words, if that is clearer than its value. */
  readonly fallbackText?: string
  /** A relative path: it starts at the folder of the configuration file, or at the working directory. */
  readonly isPath?: boolean
  readonly write: (value: Output) => string
}
