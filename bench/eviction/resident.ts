// Resident memory per entry of each eviction policy, in a process of its own.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import type { EvictionPolicyFactory } from '../../src/store/eviction/policy.ts'
import { ValueType } from '../../src/store/record.ts'
import { Store } from '../../src/store/store.ts'
import type { Resident } from './figures.ts'
import { OWN_POLICIES } from './player.ts'

const execute = promisify(execFile)
const SELF = fileURLToPath(import.meta.url)

const KEY_BYTES = 16
export const RESIDENT_VALUE_BYTES = 32

/** @param entries that fit with `lru` */
export async function measureResident(policy: string, entries: number): Promise<Resident> {
  const { stdout } = await execute(process.execPath, [
    '--expose-gc',
    '--import',
    'tsx',
    SELF,
    policy,
    String(entries),
  ])
  return JSON.parse(stdout)
}

/** Fills a store to its budget, goes on for as many new keys, and reads some of them: all that a policy keeps is there. */
export function resident(eviction: EvictionPolicyFactory, entries: number): Resident {
  fill(storeOf(2 ** 40, eviction), 10_000)
  const maxBytes = budgetOf(entries)
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  const store = storeOf(maxBytes, eviction)
  fill(store, 2 * entries)
  globalThis.gc?.()
  const bytes = process.memoryUsage.rss() - before
  return {
    entries: store.size,
    bytesPerEntry: bytes / store.size,
    ownPerEntry: store.evictionBytes / store.size,
  }
}

/** The bytes that so many entries take: from a small part of them, whose memory is not returned to the system either. */
function budgetOf(entries: number): number {
  const part = Math.ceil(entries / 100)
  const store = storeOf(2 ** 40, undefined)
  fill(store, part)
  return (store.usedBytes / part) * entries
}

function fill(store: Store, entries: number): void {
  const key = Buffer.alloc(KEY_BYTES)
  const value = Buffer.alloc(RESIDENT_VALUE_BYTES, 'x')
  for (let i = 0; i < entries; i++) {
    key.writeUInt32LE(i)
    store.put(key, 0, KEY_BYTES, value, 0, value.length, ValueType.STRING, 0)
    key.writeUInt32LE(i >>> 1)
    store.get(key, 0, KEY_BYTES)
  }
}

function storeOf(maxBytes: number, eviction: EvictionPolicyFactory | undefined): Store {
  return new Store({
    maxBytes,
    hasher: new Hasher({ low: 1, high: 2 }),
    instant: new Instant({ now: () => 0 }),
    ...(eviction && { eviction }),
  })
}

if (process.argv[1] === SELF)
  process.stdout.write(JSON.stringify(resident(OWN_POLICIES[process.argv[2]], Number(process.argv[3]))))
