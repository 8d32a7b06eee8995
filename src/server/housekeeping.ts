// The periodic work of a server: active expiry, rates, and closing idle or stuck connections.

import type { CancelTimer, Timers } from '../bytes/clock.ts'
import type { Instant } from '../bytes/instant.ts'
import type { Host } from '../commands/spec/host.ts'
import type { Clients } from './clients/clients.ts'
import { ExpiryCycle } from './expiry.ts'
import { Rate } from './rates.ts'
import type { ServerSettings } from './settings.ts'

/** The active expiry takes at most this share of the time (Redis: `ACTIVE_EXPIRE_CYCLE_SLOW_TIME_PERC`). */
const EXPIRY_SHARE = 0.25

/** The interval at which connections are checked, ms. */
const CHECK_EVERY = 1000

export interface HousekeepingParts {
  readonly host: Host
  readonly clients: Clients
  readonly instant: Instant
  readonly settings: ServerSettings
  readonly timers: Timers
  readonly micros: () => number
  /** Whether active expiry may run now. */
  readonly mayExpire: () => boolean
}

export class Housekeeping {
  readonly #parts: HousekeepingParts
  readonly #expiry: ExpiryCycle
  readonly #commands: Rate
  readonly #input: Rate
  readonly #output: Rate
  #checkedAt: number
  #cancel: CancelTimer

  constructor(parts: HousekeepingParts) {
    this.#parts = parts
    const { host, instant, micros } = parts
    this.#expiry = new ExpiryCycle(host.groups, host.stats, micros)
    this.#commands = new Rate(instant.now)
    this.#input = new Rate(instant.now)
    this.#output = new Rate(instant.now)
    this.#checkedAt = instant.now
    this.#cancel = this.#arm()
  }

  stop(): void {
    this.#cancel()
  }

  #arm(): CancelTimer {
    return this.#parts.timers.after(1000 / this.#parts.settings.hz, () => {
      this.#cancel = this.#arm()
      this.#round()
    })
  }

  #round(): void {
    const { host, instant, settings, mayExpire } = this.#parts
    instant.refresh()
    if (mayExpire()) {
      const micros = this.#expiry.run((1_000_000 / settings.hz) * EXPIRY_SHARE)
      host.telemetry.events.add('expire-cycle', micros / 1000, Math.floor(instant.now / 1000))
    }
    this.#measure()
    if (instant.now - this.#checkedAt < CHECK_EVERY && instant.now >= this.#checkedAt) return
    this.#checkedAt = instant.now
    this.#parts.clients.check(instant.now)
  }

  #measure(): void {
    const { host, instant } = this.#parts
    const { stats, telemetry, groups } = host
    stats.opsPerSecond = this.#commands.sample(telemetry.totalCommands, instant.now)
    stats.inputBytesPerSecond = this.#input.sample(stats.inputBytes, instant.now)
    stats.outputBytesPerSecond = this.#output.sample(stats.outputBytes, instant.now)
    let used = 0
    for (const group of groups) {
      used += group.store.usedBytes
      group.hotKeys.sample(instant.monotonicMs)
    }
    if (used <= stats.peakBytes) return
    stats.peakBytes = used
    stats.peakAt = instant.now
  }
}
