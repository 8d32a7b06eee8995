// More runs of random tests, and other seeds: loaded by vitest.config.ts if ERINYS_TEST_RUNS or ERINYS_TEST_SEED is set.

import type * as fc from 'fast-check'
import { vi } from 'vitest'
import { RUNS_FACTOR, SEED_OFFSET } from './random.ts'

const DEFAULT_RUNS = 100

vi.mock('fast-check', async (importOriginal) => {
  const { default: original, ...named } = await importOriginal<typeof import('fast-check')>()
  const assert = ((property: fc.IProperty<unknown>, parameters: fc.Parameters<unknown> = {}) => {
    const { numRuns = DEFAULT_RUNS, seed } = parameters
    return original.assert(property, {
      ...parameters,
      numRuns: Math.ceil(numRuns * RUNS_FACTOR),
      ...(seed !== undefined && { seed: seed + SEED_OFFSET }),
    })
  }) as typeof fc.assert
  return { ...named, assert, default: { ...original, assert } }
})
