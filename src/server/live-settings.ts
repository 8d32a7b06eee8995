// The settings of a running server: applied when it starts, after CONFIG SET and after a reload.

import { latin1 } from '../access/text.ts'
import type { Instant } from '../bytes/instant.ts'
import type { Parameter } from '../commands/spec/parameter.ts'
import type { ConnectionLimits } from './clients/connection-limits.ts'
import {
  applySettings,
  createParameters,
  logLevelOf,
  type ParameterTargets,
} from './parameters/parameters.ts'
import type { ServerSettings } from './settings.ts'

export interface LiveSettingsOptions extends Omit<ParameterTargets, 'maxclients' | 'evicting'> {
  readonly connectionLimits: ConnectionLimits
  readonly instant: Instant
}

export class LiveSettings {
  /** See `Host.parameters`. */
  parameters: ReadonlyMap<string, Parameter>
  readonly #options: LiveSettingsOptions
  readonly #targets: ParameterTargets

  constructor(options: LiveSettingsOptions) {
    this.#options = options
    const { connectionLimits } = options
    connectionLimits.limitClients()
    this.#targets = {
      ...options,
      get maxclients() {
        return connectionLimits.clients
      },
      evicting: (run) => this.#evicting(run),
    }
    applySettings(this.#targets)
    this.parameters = createParameters(this.#targets)
  }

  /** `wanted` as `maxclients`, lowered to what the limit on open files allows. */
  allowedClients(wanted: number): number {
    return Math.min(wanted, this.#options.connectionLimits.clients)
  }

  /** Takes over settings that can change while the server runs. */
  apply(changed: Partial<ServerSettings>): void {
    const { settings, connectionLimits, access, log, keepaliveChanged } = this.#options
    const { requirepass, tcpKeepalive, loglevel } = settings
    Object.assign(settings, changed)
    connectionLimits.limitClients()
    applySettings(this.#targets)
    if (settings.requirepass !== requirepass) access.users.setDefaultPassword(latin1(settings.requirepass))
    access.log.maxLength = settings.acllogMaxLen
    access.rules.allowsChannels = settings.aclPubsubDefault === 'allchannels'
    if (settings.tcpKeepalive !== tcpKeepalive) keepaliveChanged()
    if (settings.loglevel !== loglevel) log.level = logLevelOf(settings.loglevel)
  }

  /** Groups were added to the list or removed from it: they have parameters of their own. */
  groupsChanged(): void {
    this.parameters = createParameters(this.#targets)
    // The limit of `maxmemory-clients` may be a percentage of their budgets.
    applySettings(this.#targets)
  }

  #evicting(run: () => void): void {
    const { telemetry, instant } = this.#options
    const startedAt = telemetry.now()
    run()
    const ms = (telemetry.now() - startedAt) / 1000
    telemetry.events.add('eviction-cycle', ms, Math.floor(instant.now / 1000))
  }
}
