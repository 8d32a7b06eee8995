// The settings of a running server: applied when it starts, after CONFIG SET and after a reload.

import { latin1 } from '../access/text.ts'
import type { Instant } from '../bytes/instant.ts'
import type { Parameter } from '../commands/spec/parameter.ts'
import { type ConnectionRoom, limitClients } from './clients/open-files.ts'
import { applySettings, createParameters, logLevelOf, type ParameterTargets } from './parameters.ts'
import type { ServerSettings } from './settings.ts'

export interface LiveSettingsOptions extends Omit<ParameterTargets, 'maxclients' | 'evicting'> {
  /** The current limits of connections. */
  readonly room: () => ConnectionRoom
  readonly instant: Instant
}

export class LiveSettings {
  /** See `Host.parameters`. */
  parameters: ReadonlyMap<string, Parameter>
  readonly #options: LiveSettingsOptions
  readonly #targets: ParameterTargets

  constructor(options: LiveSettingsOptions) {
    this.#options = options
    const { settings, room, log } = options
    limitClients(settings, room(), log)
    this.#targets = {
      ...options,
      get maxclients() {
        return room().clients
      },
      evicting: (run) => this.#evicting(run),
    }
    applySettings(this.#targets)
    this.parameters = createParameters(this.#targets)
  }

  /** `wanted` as `maxclients`, lowered to what the limit on open files allows. */
  allowedClients(wanted: number): number {
    return Math.min(wanted, this.#options.room().clients)
  }

  /** Takes over settings that can change while the server runs. */
  apply(changed: Partial<ServerSettings>): void {
    const { settings, room, access, log, keepaliveChanged } = this.#options
    const { requirepass, tcpKeepalive, loglevel } = settings
    Object.assign(settings, changed)
    limitClients(settings, room(), log)
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
  }

  #evicting(run: () => void): void {
    const { telemetry, instant } = this.#options
    const startedAt = telemetry.now()
    run()
    const ms = (telemetry.now() - startedAt) / 1000
    telemetry.events.add('eviction-cycle', ms, Math.floor(instant.now / 1000))
  }
}
