// The problems of a configuration, for tests.

import { ConfigError, type ConfigLayers, resolveLayers } from '../../src/config/config.ts'

/** The problems of these layers, one per line. */
export function problems(layers: ConfigLayers): readonly string[] {
  try {
    resolveLayers(layers)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
