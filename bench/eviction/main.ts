// The eviction benchmark: hit ratios of each policy of the store on key traces, beside plain implementations and the optimum.

import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { conditions } from '../servers.ts'
import { evictionChart } from './chart.ts'
import { COST_KINDS, playCosts } from './costs.ts'
import { type EvictionResults, type EvictionRow, type Played, type Resident, SHARES } from './figures.ts'
import { optimalHits } from './optimum.ts'
import { entriesAt, playReference } from './play.ts'
import { OWN_POLICIES, PLAYER, type PlayerOptions } from './player.ts'
import { REFERENCE_POLICIES } from './reference/policies.ts'
import { measureResident } from './resident.ts'
import { readTraces, type Trace } from './traces.ts'

const execute = promisify(execFile)
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url))
/** The traces in this repository. */
export const TRACES = fileURLToPath(new URL('../traces/', import.meta.url))

const SMOKE_TRACE = 'two-pools'
const SMOKE_SHARES = [0.1] as const
/** The trace of this repository that gets load times. */
const COST_TRACE = 'web07'
const COST_SHARES = [0.05, 0.2] as const
const RESIDENT_ENTRIES = 1_000_000
const SMOKE_ENTRIES = 50_000

export interface EvictionOptions {
  readonly smoke: boolean
  /** The folder of the traces; those of the repository by default. */
  readonly traces?: string | undefined
}

export async function benchEviction({ smoke, traces: folder = TRACES }: EvictionOptions): Promise<void> {
  const all = readTraces(folder)
  const traces = smoke ? [all.find(({ name }) => name === SMOKE_TRACE) ?? all[0]] : all
  const shares = smoke ? SMOKE_SHARES : SHARES
  const names = traces.map(({ name }) => name)
  const played = new Map<string, readonly Played[]>()
  for (const policy of Object.keys(OWN_POLICIES))
    played.set(policy, await play({ policy, folder, traces: names, shares }))
  const rows = traces.flatMap((trace) => shares.map((share) => rowOf(trace, share, played)))
  const plain = readTraces(TRACES).find(({ name }) => name === COST_TRACE)
  if (plain === undefined) throw new Error(`no trace ${COST_TRACE} in ${TRACES}`)
  const costs = (smoke ? COST_KINDS.slice(0, 1) : COST_KINDS).flatMap((kind) =>
    (smoke ? SMOKE_SHARES : COST_SHARES).map((share) => playCosts(plain, kind, share)),
  )
  const resident: Record<string, Resident> = {}
  for (const policy of Object.keys(OWN_POLICIES))
    resident[policy] = await measureResident(policy, smoke ? SMOKE_ENTRIES : RESIDENT_ENTRIES)
  const { date, cpu, node } = conditions()
  const results: EvictionResults = {
    command: `npm run bench -- eviction${folder === TRACES ? '' : ' --traces FOLDER'}`,
    conditions: { date, cpu, node },
    rows,
    cpuNanos: Object.fromEntries([...played].map(([policy, ofPolicy]) => [policy, nanosOf(ofPolicy)])),
    costs,
    resident,
  }
  print(results)
  if (smoke) return
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(`${RESULTS}eviction.json`, `${JSON.stringify(results, null, 2)}\n`)
  writeFileSync(`${RESULTS}eviction.svg`, evictionChart(results))
}

/** All traces and capacities for one policy, in a process of its own. */
async function play(options: PlayerOptions): Promise<readonly Played[]> {
  const { stdout } = await execute(process.execPath, ['--import', 'tsx', PLAYER, JSON.stringify(options)], {
    maxBuffer: 2 ** 24,
  })
  return JSON.parse(stdout)
}

function rowOf(trace: Trace, share: number, played: ReadonlyMap<string, readonly Played[]>): EvictionRow {
  const { name, ids, sizes, distinct } = trace
  const own = [...played].map(([policy, ofPolicy]) => {
    const hits = ofPolicy.find((one) => one.trace === name && one.share === share)?.hits
    if (hits === undefined) throw new Error(`${policy} did not play ${name}`)
    return [policy, hits / ids.length]
  })
  const reference = Object.entries(REFERENCE_POLICIES).map(([policy, create]) => {
    return [policy, playReference(trace, share, create) / ids.length]
  })
  const row = {
    trace: name,
    accesses: ids.length,
    distinct,
    share,
    isSized: sizes !== undefined,
    own: Object.fromEntries(own),
    reference: Object.fromEntries(reference),
  }
  if (sizes !== undefined) return row
  return { ...row, optimum: optimalHits(ids, distinct, entriesAt(trace, share)) / ids.length }
}

function nanosOf(played: readonly Played[]): number {
  const sum = (of: (one: Played) => number): number => played.reduce((all, one) => all + of(one), 0)
  return (1000 * sum(({ cpuMicros }) => cpuMicros)) / sum(({ accesses }) => accesses)
}

function print({ rows, cpuNanos, costs = [], resident = {} }: EvictionResults): void {
  const percent = (share: number | undefined): string =>
    share === undefined ? '–' : (100 * share).toFixed(2)
  console.log('hits in % of the accesses; (name): a plain implementation of the published policy')
  console.table(
    rows.map(({ trace, share, isSized, own, reference, optimum }) => ({
      trace,
      capacity: `${100 * share} %${isSized ? ' of the bytes' : ''}`,
      ...Object.fromEntries(Object.entries(own).map(([name, hits]) => [name, percent(hits)])),
      ...Object.fromEntries(Object.entries(reference).map(([name, hits]) => [`(${name})`, percent(hits)])),
      optimum: percent(optimum),
    })),
  )
  console.log('CPU time per access, ns')
  console.table(
    Object.fromEntries(Object.entries(cpuNanos).map(([name, nanos]) => [name, { ns: Math.round(nanos) }])),
  )
  console.log("saved load time in %, plain → with evictionCost: 'load-time'")
  console.table(
    costs.map(({ trace, kind, share, plain, loadTime }) => ({
      trace,
      'load times': kind,
      capacity: `${100 * share} % of the bytes`,
      ...Object.fromEntries(
        Object.keys(plain).map((name) => [name, `${percent(plain[name])} → ${percent(loadTime[name])}`]),
      ),
    })),
  )
  console.log('bytes per entry: resident, and of it what the policy counts beside the entries')
  console.table(resident)
}
