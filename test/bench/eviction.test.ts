// The reference policies have the hit ratios published for them, the optimum is one, and the store's policies agree.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { evictionChart } from '../../bench/eviction/chart.ts'
import { COST_KINDS, playCosts, withCosts } from '../../bench/eviction/costs.ts'
import type { EvictionResults } from '../../bench/eviction/figures.ts'
import { TRACES } from '../../bench/eviction/main.ts'
import { optimalHits } from '../../bench/eviction/optimum.ts'
import { entriesAt, playReference, playStore } from '../../bench/eviction/play.ts'
import { REFERENCE_POLICIES } from '../../bench/eviction/reference/policies.ts'
import { resident } from '../../bench/eviction/resident.ts'
import { evictionSection } from '../../bench/eviction/section.ts'
import { decode, readTraces, type Trace } from '../../bench/eviction/traces.ts'
import { EVICTION_POLICIES } from '../../src/store/eviction/policies.ts'
import { seededRandom } from '../support/random.ts'

const traces = readTraces(TRACES)

function traceOf(name: string): Trace {
  const trace = traces.find((one) => one.name === name)
  if (trace === undefined) throw new Error(`no trace ${name}`)
  return trace
}

/** Hits in percent of plain implementations: LRU, SIEVE, S3-FIFO, W-TinyLFU, and the optimum. */
const FIGURES = [
  ['web07', 0.05, [50.56, 53.44, 54.22, 52.69, 63.72]],
  ['two-pools', 0.01, [21.77, 47.7, 44.57, 47.18, 50.51]],
  ['loop', 0.2, [0, 0, 0, 19.51, 19.88]],
] as const

describe.each(FIGURES)('%s at %f of its keys', (name, share, [lru, sieve, s3Fifo, wTinyLfu, optimum]) => {
  const trace = traceOf(name)
  const percent = (hits: number): number => (100 * hits) / trace.ids.length

  test('the reference policies and the optimum have the published hit ratios', () => {
    const of = (policy: keyof typeof REFERENCE_POLICIES): number =>
      percent(playReference(trace, share, REFERENCE_POLICIES[policy]))
    expect(of('lru')).toBeCloseTo(lru, 2)
    expect(of('sieve')).toBeCloseTo(sieve, 2)
    expect(of('s3-fifo')).toBeCloseTo(s3Fifo, 2)
    // The sketch depends on its hash function.
    expect(Math.abs(of('w-tinylfu') - wTinyLfu)).toBeLessThan(0.4)
    expect(percent(optimalHits(trace.ids, trace.distinct, entriesAt(trace, share)))).toBeCloseTo(optimum, 2)
  })

  // The loop hits nothing, and is long.
  test.skipIf(name === 'loop')('the exact policies of the store have them, too', () => {
    for (const [policy, published] of [
      ['lru', lru],
      ['s3-fifo', s3Fifo],
    ] as const) {
      // With 99 entries, one more in a queue is half a point.
      const tolerance = policy === 'lru' || entriesAt(trace, share) > 1000 ? 0.3 : 0.5
      expect(
        Math.abs(percent(playStore(trace, share, EVICTION_POLICIES[policy]).hits) - published),
      ).toBeLessThan(tolerance)
    }
  })
})

test('no order of evictions has more hits than the optimum', () => {
  const random = seededRandom(7)
  for (let round = 0; round < 60; round++) {
    const distinct = 3 + (random() % 4)
    const capacity = 1 + (random() % (distinct - 1))
    const ids = Uint32Array.from({ length: 14 }, () => random() % distinct)
    expect(optimalHits(ids, distinct, capacity)).toBe(mostHits(ids, capacity))
  }
})

/** Tries every victim. */
function mostHits(ids: Uint32Array, capacity: number): number {
  let best = new Map<number, number>([[0, 0]])
  for (const id of ids) {
    const next = new Map<number, number>()
    const reach = (held: number, hits: number): void => {
      next.set(held, Math.max(hits, next.get(held) ?? 0))
    }
    for (const [held, hits] of best) {
      const holders = [...Array(8).keys()].filter((key) => held & (1 << key))
      if (held & (1 << id)) reach(held, hits + 1)
      else if (holders.length < capacity) reach(held | (1 << id), hits)
      else for (const victim of holders) reach((held & ~(1 << victim)) | (1 << id), hits)
    }
    best = next
  }
  return Math.max(...best.values())
}

test('with sizes the references stay within the capacity, and refuse what is larger than it', () => {
  const random = seededRandom(11)
  for (const create of Object.values(REFERENCE_POLICIES)) {
    const [distinct, capacity] = [60, 1000]
    const sizes = Float64Array.from({ length: distinct }, () => 1 + (random() % 300))
    sizes[5] = capacity + 1
    const policy = create(distinct, capacity, 150)
    for (let i = 0; i < 5000; i++) {
      const id = random() % distinct
      const wasHit = policy.access(id, sizes[id])
      if (id === 5) expect(wasHit).toBe(false)
    }
    // What hits one after the other without a miss between is stored at the same time.
    let stored = 0
    for (let id = 0; id < distinct; id++) {
      if (!policy.access(id, sizes[id])) break
      stored += sizes[id]
    }
    expect(stored).toBeLessThanOrEqual(capacity)
  }
})

describe('trace files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'traces-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  const numbers = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer)

  test('ids are renumbered in the order of their first access', () => {
    const trace = decode('t', gzipSync(numbers(900, 7, 900)), 1)
    expect([...trace.ids]).toEqual([0, 1, 0])
    expect(trace.distinct).toBe(2)
    const sized = decode('t', gzipSync(numbers(900, 10, 7, 20)), 2)
    expect([...sized.ids]).toEqual([0, 1])
    expect([...(sized.sizes ?? [])]).toEqual([10, 20])
  })

  test('an error names the folder or file, and the format', () => {
    const format = /wants files NAME\.u32\.gz .* or NAME\.u32x2\.gz/
    const missing = join(folder, 'missing')
    for (const [read, named] of [
      [() => readTraces(missing), missing],
      [() => readTraces(folder), `no traces in ${folder}`],
      [() => decode('plain', Buffer.from('text'), 1), 'trace plain is no gzip file'],
      [() => decode('odd', gzipSync(Buffer.alloc(12)), 2), 'trace odd has 12 bytes, no multiple of 8'],
      [() => decode('empty', gzipSync(Buffer.alloc(0)), 1), 'trace empty has 0 bytes'],
    ] as const) {
      expect(read).toThrow(format)
      expect(read).toThrow(named)
    }
  })

  test('files of other kinds are left out', () => {
    writeFileSync(join(folder, 'a.u32.gz'), gzipSync(numbers(1, 2)))
    writeFileSync(join(folder, 'README.md'), 'text')
    expect(readTraces(folder).map(({ name }) => name)).toEqual(['a'])
  })
})

describe('load times', () => {
  const web = traceOf('web07')

  test.each(COST_KINDS)('%s: they go with what the name says, and are the same in every run', (kind) => {
    const { ids, sizes, distinct, loadMs } = withCosts(web, kind)
    if (sizes === undefined || loadMs === undefined) throw new Error('no sizes or load times')
    expect(withCosts(web, kind).loadMs).toEqual(loadMs)
    const accesses = new Float64Array(distinct)
    const sizeOf = new Float64Array(distinct)
    ids.forEach((id, i) => {
      accesses[id]++
      sizeOf[id] = sizes[i]
    })
    const logarithms = [...loadMs].map(Math.log)
    const withSize = correlation(logarithms, [...sizeOf].map(Math.log))
    const withAccesses = correlation(logarithms, [...accesses].map(Math.log))
    const wanted = {
      independent: [0, 0],
      'large is slow': [1, 0],
      'large is fast': [-1, 0],
      'popular is slow': [0, 1],
      'popular is fast': [0, -1],
    }[kind]
    expect(Math.abs(withSize - wanted[0])).toBeLessThan(0.05)
    // The number of accesses is no normal variable, and most keys have one.
    expect(Math.abs(withAccesses - wanted[1])).toBeLessThan(wanted[1] === 0 ? 0.05 : 0.45)
    // e as the standard deviation, around 20 ms.
    expect(Math.abs(logarithms.sort((a, b) => a - b)[distinct >> 1] - Math.log(20))).toBeLessThan(0.1)
  })

  test('evictionCost saves more load time where the time per byte differs, and loses little where it does not', () => {
    for (const kind of ['independent', 'large is fast'] as const) {
      const { plain, loadTime } = playCosts(web, kind, 0.05, ['lru'])
      expect(loadTime.lru).toBeGreaterThan(plain.lru + 0.02)
    }
    const { plain, loadTime } = playCosts(web, 'large is slow', 0.05, ['lru'])
    expect(loadTime.lru).toBeGreaterThan(plain.lru - 0.02)
  })
})

/** Pearson's. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (of: readonly number[]): number => of.reduce((sum, each) => sum + each, 0) / of.length
  const [meanA, meanB] = [mean(a), mean(b)]
  const product = (x: readonly number[], meanX: number, y: readonly number[], meanY: number): number =>
    x.reduce((sum, each, i) => sum + (each - meanX) * (y[i] - meanY), 0)
  return product(a, meanA, b, meanB) / Math.sqrt(product(a, meanA, a, meanA) * product(b, meanB, b, meanB))
}

test('the memory of a policy is measured at a full budget, which has its own bytes, too', () => {
  const { entries, ownPerEntry } = resident(EVICTION_POLICIES['w-tinylfu'], 20_000)
  expect(entries).toBeGreaterThan(14_000)
  expect(entries).toBeLessThan(20_000)
  expect(ownPerEntry).toBeGreaterThan(11)
  expect(ownPerEntry).toBeLessThan(25)
})

test('chart and table have every row and policy', () => {
  const row = { trace: 'web', accesses: 10, distinct: 4, share: 0.05, own: { lru: 0.5, other: 0.25 } }
  const results: EvictionResults = {
    command: 'npm run bench -- eviction',
    conditions: { date: '2026-01-01', cpu: 'a processor', node: 'v26' },
    rows: [
      { ...row, isSized: false, reference: { sieve: 0.6 }, optimum: 0.75 },
      { ...row, isSized: true, reference: { sieve: 0.6 } },
    ],
    cpuNanos: { lru: 700, other: 800 },
    costs: [
      {
        trace: 'web',
        kind: 'large is slow',
        share: 0.05,
        plain: { lru: 0.4, other: 0.5 },
        loadTime: { lru: 0.6, other: 0.55 },
      },
    ],
    resident: {
      lru: { entries: 1000, bytesPerEntry: 100.04, ownPerEntry: 0 },
      other: { entries: 900, bytesPerEntry: 111, ownPerEntry: 11.06 },
    },
  }
  const section = evictionSection(results)
  expect(section).toContain('| web | 5 % (1) | 50.00 % | 25.00 % | 60.00 % | 75.00 % |')
  expect(section).toContain('| web | 5 % of the bytes | 50.00 % | 25.00 % | 60.00 % | – |')
  expect(section).toContain('lru 700 ns, other 800 ns')
  expect(section).toContain('| web | large is slow | 5 % of the bytes | 40.0 % → 60.0 % | 50.0 % → 55.0 % |')
  expect(section).toContain('| Resident bytes | 100.0 | 111.0 |')
  expect(section).toContain('| Of the policy | 0.0 | 11.1 |')
  const chart = evictionChart(results)
  // Two rows and the legend.
  expect(chart.match(/<circle/g)).toHaveLength(3 * 2)
  expect(chart).toContain('>web, 5 %<')
  expect(evictionSection(undefined)).toContain('not measured yet')
})
