// Runs all micro benchmarks. Fails when a hot path allocates, or an operation exceeds its time limit. A smoke test judges
// allocations only: it is short, and the machine may be busy.

import * as commands from './command.bench.ts'
import * as decoder from './decoder.bench.ts'
import * as framer from './framer.bench.ts'
import * as link from './link.bench.ts'
import type { Row } from './measure.ts'
import * as metrics from './metrics.bench.ts'
import * as reply from './reply.bench.ts'
import * as slots from './slots.bench.ts'
import * as store from './store.bench.ts'

/** Measuring noise in bytes per operation. */
const NOISE = 0.5

const WITHOUT_GARBAGE = new Set<string>([
  ...commands.WITHOUT_GARBAGE,
  ...slots.WITHOUT_GARBAGE,
  ...framer.WITHOUT_GARBAGE,
  'get, 100,000 keys of 16 bytes',
  'put in place, 32 bytes',
  'put that evicts, 32 bytes',
  'index probe, 100,000 entries',
])

/** Time limits per operation, ns. */
const LIMITS = new Map(Object.entries({ ...slots.LIMITS, ...metrics.LIMITS }))

/** Returns one line per failure. */
export async function benchMicro({ smoke }: { readonly smoke: boolean }): Promise<string[]> {
  const faults: string[] = []
  for (const suite of [decoder, framer, reply, store, slots, link, commands, metrics]) {
    const rows = await suite.run({ time: smoke ? 40 : 500 })
    console.log(`\n${suite.name}`)
    console.table(rows.map(shown))
    for (const { name, opsPerSecond, bytesPerOp } of rows) {
      const limit = LIMITS.get(name)
      const ns = 1e9 / opsPerSecond
      if (!smoke && limit !== undefined && ns > limit) {
        faults.push(`${suite.name}, ${name}: ${ns.toFixed(0)} ns, wants at most ${limit.toFixed(0)}`)
      }
      if (!WITHOUT_GARBAGE.has(name) || bytesPerOp <= NOISE) continue
      faults.push(`${suite.name}, ${name}: ${bytesPerOp.toFixed(2)} bytes allocated per operation, wants 0`)
    }
  }
  return faults
}

function shown({ name, opsPerSecond, bytesPerOp }: Row): Record<string, string | number> {
  return {
    name,
    'M ops/s': Number((opsPerSecond / 1e6).toFixed(2)),
    ns: Number((1e9 / opsPerSecond).toFixed(1)),
    'bytes/op': Number(bytesPerOp.toFixed(2)),
  }
}
