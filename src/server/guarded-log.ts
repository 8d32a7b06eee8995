// The log of an embedding program: an exception in it is counted as a lost line and not passed on.

import type { Logger } from './logger.ts'

export class GuardedLog implements Logger {
  readonly #log: Logger
  #dropped = 0

  constructor(log: Logger) {
    this.#log = log
  }

  get level(): string | undefined {
    return this.#log.level
  }

  set level(level: string | undefined) {
    this.#log.level = level
  }

  get droppedLines(): number {
    return this.#dropped + (this.#log.droppedLines ?? 0)
  }

  debug(fields: object, message: string): void {
    this.#try(() => this.#log.debug?.(fields, message))
  }

  info(fields: object, message: string): void {
    this.#try(() => this.#log.info(fields, message))
  }

  warn(fields: object, message: string): void {
    this.#try(() => this.#log.warn(fields, message))
  }

  error(fields: object, message: string): void {
    this.#try(() => this.#log.error(fields, message))
  }

  #try(write: () => void): void {
    try {
      write()
    } catch {
      this.#dropped++
    }
  }
}
