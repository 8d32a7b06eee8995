// The port to the log: what a server has to say that no client is told.

/** A subset of pino's logger. */
export interface Logger {
  /** In pino's words: 'trace', 'debug', 'info', 'warn', 'silent'. */
  level?: string
  debug?(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
