// Logs TLS handshakes that fail: the first of each kind, then rate-limited with their number.

import type { TLSSocket } from 'node:tls'
import type { NodeStats } from '../../telemetry/node-stats.ts'
import { RareWarning } from '../../telemetry/rare-warning.ts'
import { failedAddress, handshakeFailure } from '../../tls/failures.ts'
import type { Logger } from '../logger.ts'

const INTERVAL_MS = 10_000

/** How many reasons have a rate limit of their own. OpenSSL may give any number; the others share one. */
const MAX_REASONS = 32

/** Longer names in certificates are cut, in characters. */
const MAX_NAME = 80

export class HandshakeLog {
  readonly #stats: NodeStats
  readonly #log: Logger
  readonly #now: () => number
  readonly #warnings = new Map<string, RareWarning>()

  /** @param now a monotonic clock, ms */
  constructor(stats: NodeStats, log: Logger, now: () => number) {
    this.#stats = stats
    this.#log = log
    this.#now = now
  }

  failed(error: Error, socket: TLSSocket): void {
    const { reason, isHangup } = handshakeFailure(error, socket)
    const address = failedAddress(socket)
    this.#stats.tlsHandshakeFailures++
    if (isHangup) this.#log.debug?.({ address, reason }, `the TLS handshake of a client failed: ${reason}`)
    else this.#warn(reason, address, 'the TLS handshake of a client failed')
  }

  /** A client speaks TLS on a port without TLS. */
  onPlainPort(address: string, isHttp = false): void {
    const reason = isHttp ? 'it speaks HTTPS' : 'it speaks TLS'
    this.#warn(reason, address, 'a client was closed on the port without TLS')
  }

  /** There is no user with the common name of a client's certificate (`tls-auth-clients-user CN`). */
  noUser(name: string, address: string): void {
    const shown = JSON.stringify(name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name)
    this.#warn(`there is no user ${shown}`, address, 'a client is not logged in by its certificate')
  }

  #warn(reason: string, address: string, message: string): void {
    const key = this.#warnings.size < MAX_REASONS || this.#warnings.has(reason) ? reason : ''
    let warning = this.#warnings.get(key)
    if (warning === undefined) {
      warning = new RareWarning(INTERVAL_MS, this.#now)
      this.#warnings.set(key, warning)
    }
    warning.give((suppressed) => {
      const more = suppressed === 0 ? '' : `, and ${suppressed} more since the last such line`
      this.#log.warn({ address, reason, suppressed }, `${message}: ${reason}${more}`)
    })
  }
}
