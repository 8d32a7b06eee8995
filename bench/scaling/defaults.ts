// The default cluster settings, which simulated nodes use.

import { clusterSettings } from '../../src/config/cluster-settings.ts'

export function defaultOf(name: 'clusterTimeout' | 'clusterLinks'): number {
  const { fallback } = clusterSettings[name]
  if (fallback === undefined) throw new Error(`${name} has no default`)
  return fallback
}
