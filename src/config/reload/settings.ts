// The settings of a node as a part that takes over a changed configuration.

import type { ServerSettings } from '../../server/settings.ts'
import type { ClusterConfig } from '../cluster.ts'
import type { NodeConfig } from '../config.ts'
import type { HttpConfig } from '../http-settings.ts'
import type { Settings } from '../settings.ts'
import { changedSettings, restartLines, settingLines } from './changes.ts'
import type { PreparedChange, Reloadable } from './reloadable.ts'

export interface ReloadableSettingsOptions {
  /** Those that the node runs with; CONFIG SET changes them too. */
  readonly settings: Settings
  readonly cluster: ClusterConfig | undefined
  readonly http: HttpConfig | undefined
  /** As many clients as the limit on open files allows. */
  readonly mostClients: (wanted: number) => number
  readonly apply: (changed: Partial<ServerSettings>) => void
}

export class ReloadableSettings implements Reloadable {
  readonly #options: ReloadableSettingsOptions

  constructor(options: ReloadableSettingsOptions) {
    this.#options = options
  }

  prepare(config: NodeConfig): PreparedChange {
    const { settings, cluster, http, mostClients, apply } = this.#options
    const next: NodeConfig = { ...config, maxclients: mostClients(config.maxclients) }
    const names = changedSettings(settings, next)
    const restart = restartLines(
      { ...settings, groups: [], users: [], cluster, http },
      { ...next, groups: [], users: [] },
    )
    return {
      lines: [...settingLines(names, settings, next), ...restart],
      apply: () => apply(Object.fromEntries(names.map((name) => [name, next[name]]))),
    }
  }
}
