// CLIENT PAUSE: commands of clients are delayed until a time, or until CLIENT UNPAUSE.

import { type CancelTimer, MAX_TIMER_MS, type Timers } from '../../bytes/clock.ts'
import type { Instant } from '../../bytes/instant.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { CommandTraits } from '../../commands/spec/host.ts'

export class ClientPause {
  readonly #instant: Instant
  readonly #timers: Timers
  readonly #ended: () => void
  /** Its end, ms since the epoch; 0: no pause. */
  #until = 0
  /** Whether it delays reads, too. */
  #delaysAll = false
  #cancel: CancelTimer | undefined

  /** @param ended called when a pause is over: clients that had to wait must be resumed */
  constructor(instant: Instant, timers: Timers, ended: () => void) {
    this.#instant = instant
    this.#timers = timers
    this.#ended = ended
  }

  get isRunning(): boolean {
    return this.#instant.now < this.#until
  }

  /** Whether a command is delayed now. Its client is marked (`isPaused`), and resumed at the end of the pause. */
  delays(client: Client, command: Pick<CommandTraits, 'isWrite'>): boolean {
    if (this.#until === 0) return false
    client.isPaused = (this.#delaysAll || command.isWrite) && this.isRunning
    return client.isPaused
  }

  /** See `Host.pause`. */
  begin(until: number, all: boolean): void {
    // A running pause is never shortened or weakened (Redis: `pauseClients`).
    this.#delaysAll = all || (this.#delaysAll && this.isRunning)
    this.#until = Math.max(until, this.#until)
    this.#cancel?.()
    this.#cancel = this.#timers.after(Math.min(this.#until - this.#instant.now, MAX_TIMER_MS), () => {
      this.#instant.refresh()
      if (this.isRunning) this.begin(this.#until, this.#delaysAll)
      else this.end()
    })
  }

  end(): void {
    if (this.#until === 0) return
    this.#cancel?.()
    this.#until = 0
    this.#delaysAll = false
    this.#ended()
  }
}
