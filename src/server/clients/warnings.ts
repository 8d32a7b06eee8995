// Warnings about clients that look like attackers, rate-limited for each kind.

import type { Client } from '../../commands/spec/client.ts'
import { RareWarning } from '../../telemetry/rare-warning.ts'
import type { Logger } from '../logger.ts'

/** The minimum interval between two warnings of a kind, ms (Redis: once a minute). */
const INTERVAL_MS = 60_000

export class ClientWarnings {
  readonly #log: Logger
  readonly #failedLogins: RareWarning
  readonly #httpRequests: RareWarning

  /** @param now a monotonic clock, ms */
  constructor(log: Logger, now: () => number) {
    this.#log = log
    this.#failedLogins = new RareWarning(INTERVAL_MS, now)
    this.#httpRequests = new RareWarning(INTERVAL_MS, now)
  }

  httpRequest({ id, address }: Client): void {
    this.#httpRequests.give(() => {
      this.#log.warn(
        { client: id, address },
        'possible attack: a client has sent an HTTP request (POST or Host:); its connection is closed',
      )
    })
  }

  /** The name is not logged: users type passwords in its place by mistake. */
  loginFailed({ id, address }: Pick<Client, 'id' | 'address'>): void {
    this.#failedLogins.give((suppressed) => {
      const failures = suppressed + 1
      this.#log.warn({ client: id, address, failures }, 'a client gave a wrong name or password: see ACL LOG')
    })
  }
}
