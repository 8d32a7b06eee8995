// The settings of a cluster that a simulated node has: those of a real one that was given none.

import { clusterSettings } from '../../src/config/cluster-settings.ts'

export function fallbackOf(name: 'clusterTimeout' | 'clusterLinks'): number {
  const { fallback } = clusterSettings[name]
  if (fallback === undefined) throw new Error(`${name} has no default`)
  return fallback
}
