// A process that plays traces against one policy of the store: with several in one process, V8 would inline none.

import { fileURLToPath } from 'node:url'
import { EVICTION_POLICIES } from '../../src/store/eviction/policies.ts'
import type { EvictionPolicyFactory } from '../../src/store/eviction/policy.ts'
import { playStore } from './play.ts'
import { readTraces } from './traces.ts'

export interface PlayerOptions {
  readonly policy: string
  readonly folder: string
  /** The names of the traces. */
  readonly traces: readonly string[]
  readonly shares: readonly number[]
}

export const PLAYER = fileURLToPath(import.meta.url)

/** The policies of the store, by name. */
export const OWN_POLICIES: Readonly<Record<string, EvictionPolicyFactory>> = EVICTION_POLICIES

if (process.argv[1] === PLAYER) {
  const { policy, folder, traces, shares }: PlayerOptions = JSON.parse(process.argv[2])
  const wanted = readTraces(folder).filter(({ name }) => traces.includes(name))
  const played = wanted.flatMap((trace) =>
    shares.map((share) => playStore(trace, share, OWN_POLICIES[policy])),
  )
  process.stdout.write(JSON.stringify(played))
}
