// Measures the store, its index and flights.

import { ManualClock } from '../../src/bytes/clock.ts'
import { type Hash, Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { Flights } from '../../src/group/flights/flights.ts'
import type { Ref } from '../../src/store/arena.ts'
import { Index } from '../../src/store/index.ts'
import { ValueType } from '../../src/store/record.ts'
import { Store } from '../../src/store/store.ts'
import { randomFrom } from '../load.ts'
import { type Case, type MeasureOptions, measure, type Row } from './measure.ts'

export const name = 'store'

const KEYS = 100_000
const KEY_BYTES = 16
const STEPS = 4096

const instant = new Instant(new ManualClock())
const hasher = new Hasher({ low: 0x01234567, high: 0x2f3e4d5c })
const random = randomFrom(1)
const keys = Buffer.alloc(KEYS * 2 * KEY_BYTES)
for (let i = 0; i < KEYS * 2; i++) keys.write(`key:${String(i).padStart(12, '0')}`, i * KEY_BYTES, 'latin1')
const value = Buffer.alloc(32, 'x')
/** Positions of random keys. */
const drawn = Int32Array.from({ length: STEPS }, () => Math.floor(random() * KEYS) * KEY_BYTES)

function filled(maxBytes: number): Store {
  const store = new Store({ maxBytes, hasher, instant })
  for (let i = 0; i < KEYS; i++) put(store, i * KEY_BYTES)
  return store
}

function put(store: Store, at: number): void {
  store.put(keys, at, at + KEY_BYTES, value, 0, value.length, ValueType.STRING, 0)
}

function storeCases(): Case[] {
  const store = filled(2 ** 30)
  // Half of the keys fit, so that every new one evicts another.
  const full = filled(store.usedBytes / 2)
  let next = 0
  return [
    {
      name: 'get, 100,000 keys of 16 bytes',
      operations: STEPS,
      run: () => {
        for (let i = 0; i < STEPS; i++) store.get(keys, drawn[i], drawn[i] + KEY_BYTES)
      },
    },
    {
      name: 'put in place, 32 bytes',
      operations: STEPS,
      run: () => {
        for (let i = 0; i < STEPS; i++) put(store, drawn[i])
      },
    },
    {
      name: 'put that evicts, 32 bytes',
      operations: STEPS,
      run: () => {
        for (let i = 0; i < STEPS; i++) {
          put(full, next)
          next = (next + KEY_BYTES) % keys.length
        }
      },
    },
  ]
}

function indexCase(): Case {
  const index = new Index()
  const hashes = Int32Array.from({ length: KEYS }, (_, i) =>
    hasher.hash(keys, i * KEY_BYTES, (i + 1) * KEY_BYTES),
  )
  for (const [i, hash] of hashes.entries()) index.insert(hash as Hash, (i + 1) as Ref)
  return {
    name: 'index probe, 100,000 entries',
    operations: STEPS,
    run: () => {
      for (let i = 0; i < STEPS; i++) index.seek(hashes[drawn[i] / KEY_BYTES] as Hash)
    },
  }
}

function flightCase(): Case {
  const flights = new Flights({
    group: 'bench',
    origin: { kind: 'function', load: () => null },
    timeoutMs: 0,
    now: () => 0,
    timers: { after: () => () => {} },
    store: () => undefined,
    reportFault: () => {},
  })
  const key = Buffer.from('Tom')
  flights.join(key, () => {})
  return {
    name: 'join a flight under way',
    operations: 100,
    run: () => {
      for (let i = 0; i < 100; i++) flights.join(key, ignore)
    },
  }
}

function ignore(): void {}

export function run(options: MeasureOptions): Promise<Row[]> {
  return measure([...storeCases(), indexCase(), flightCase()], options)
}
