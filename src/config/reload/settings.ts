// The settings of a node as a part that applies a changed configuration.

import type { ServerSettings } from '../../server/settings.ts'
import type { ClusterConfig } from '../cluster.ts'
import type { NodeConfig } from '../config.ts'
import type { HttpConfig } from '../http-settings.ts'
import type { Settings } from '../settings.ts'
import { changedSettings, httpLimitLines, restartLines, settingLines } from './changes.ts'
import type { PreparedChange, Reloadable } from './reloadable.ts'

export interface ReloadableSettingsOptions {
  /** Those that the node runs with; CONFIG SET changes them too. */
  readonly settings: Settings
  readonly cluster: ClusterConfig | undefined
  readonly http: HttpConfig | undefined
  /** As many clients as the limit on open files allows. */
  readonly allowedClients: (wanted: number) => number
  /** Another limit of HTTP connections, as the configuration wants it. */
  readonly limitHttp: (connections: number) => void
  readonly apply: (changed: Partial<ServerSettings>) => void
}

export class ReloadableSettings implements Reloadable {
  readonly #options: ReloadableSettingsOptions
  /** As the node runs with it: what needs a restart is that of its start. */
  #http: HttpConfig | undefined

  constructor(options: ReloadableSettingsOptions) {
    this.#options = options
    this.#http = options.http
  }

  prepare(config: NodeConfig): PreparedChange {
    const { settings, cluster, allowedClients, limitHttp, apply } = this.#options
    const http = this.#http
    const next: NodeConfig = { ...config, maxclients: allowedClients(config.maxclients) }
    const names = changedSettings(settings, next)
    const restart = restartLines(
      { ...settings, groups: [], users: [], cluster, http },
      { ...next, groups: [], users: [] },
    )
    const limits = httpLimitLines(http, next.http)
    return {
      lines: [...settingLines(names, settings, next), ...limits, ...restart],
      apply: () => {
        apply(Object.fromEntries(names.map((name) => [name, next[name]])))
        if (http === undefined || next.http === undefined || limits.length === 0) return
        const { maxConnections } = next.http
        this.#http = { ...http, maxConnections }
        limitHttp(maxConnections)
      },
    }
  }
}
