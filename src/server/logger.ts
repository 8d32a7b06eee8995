// The interface of the log.

/** A subset of pino's logger. */
export interface Logger {
  /** A pino level: 'trace', 'debug', 'info', 'warn', 'silent'. */
  level?: string
  /** The number of lines that could not be written. */
  readonly droppedLines?: number
  debug?(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
