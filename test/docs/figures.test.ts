// The tables of measured figures.

import { describe, expect, test } from 'vitest'
import { clusterSection } from '../../bench/cluster-results.ts'
import { withGoal } from '../../bench/format.ts'
import { originSection } from '../../bench/origins/section.ts'
import { memorySection, serverSection } from '../../bench/results.ts'
import { scalingSection } from '../../bench/scaling/results.ts'
import { summarySection } from '../../bench/summary.ts'
import { typeSection } from '../../bench/types/section.ts'

const conditions = { date: '2024-01-01', cpu: 'a processor, 2 cores' }
const servers = [
  { name: 'erinys', version: '1.0.0' },
  { name: 'redis', version: '7.0.15' },
]

test('a missed goal is marked', () => {
  expect(withGoal('0.85 ×', 0.85, { min: 0.97 })).toBe('0.85 × (goal: ≥ 0.97, missed)')
  expect(withGoal('1.24 ×', 1.24, { max: 1.2 })).toBe('1.24 × (goal: ≤ 1.2, missed)')
  expect(withGoal('1.1 ×', 1.1, { max: 1.2 })).toBe('1.1 × (goal: ≤ 1.2)')
})

test('data types: memory, whole collections and commands, each with its goal', () => {
  const whole = { COPY: 10, RENAME: 0.5, 'DUMP and RESTORE': 100, DEL: 5 }
  const own = { opsPerSecond: 750_000, cpuMicros: 1 }
  const command = { command: 'LPUSH', own, theirs: own, cpuRatio: 1.5 }
  const section = typeSection({
    command: 'npm run bench -- types',
    conditions,
    servers,
    rounds: 5,
    collections: [
      { what: 'lists of 5', count: 1000, own: { bytesEach: 80 }, theirs: { bytesEach: 100 } },
      { what: 'fields of a hash', count: 2000, own: { bytesEach: 60, wholeMs: whole }, theirs: undefined },
    ],
    commands: [
      { ...command, depth: 1, throughputRatio: 0.95 },
      { ...command, depth: 16, throughputRatio: 0.7 },
    ],
  })
  expect(section).toContain('| 1,000 lists of 5 | 80.0 B | 100.0 B | 0.80 × (goal: ≤ 0.9) |\n')
  expect(section).toContain('| 2,000 fields of a hash | 60.0 B | – | – |\n')
  expect(section).toContain('| 2,000 fields of a hash | 10.0 / – | 0.5 / – | 100.0 / – | 5.0 / – |\n')
  expect(section).toContain(
    '| LPUSH | 750k/s | 0.95 × (goal: ≥ 0.9) | 750k/s | 0.70 × (goal: ≥ 1, missed) | 1.50 × |\n',
  )
})

describe('servers', () => {
  test('without results, says so', () => {
    const none = undefined
    const sections = [
      serverSection(none),
      memorySection(none),
      clusterSection(none),
      originSection(none),
      typeSection(none),
    ]
    for (const section of sections) expect(section).toContain('not measured yet')
    const results = { server: none, memory: none, cluster: none, origins: none }
    expect(summarySection(results)).toContain('not measured yet')
  })

  test('throughput and CPU time, with the ratios of erinys', () => {
    const load = { workload: 'GET', depth: 16 } as const
    const section = serverSection({
      command: 'npm run bench -- server',
      conditions,
      servers,
      rounds: 5,
      cells: [
        {
          ...load,
          server: 'erinys',
          opsPerSecond: 1.25e6,
          cpuMicros: 0.8,
          throughputRatio: 1.25,
          cpuRatio: 0.8,
        },
        { ...load, server: 'redis', opsPerSecond: 999_600, cpuMicros: 1, throughputRatio: 1, cpuRatio: 1 },
      ],
    })
    expect(section).toContain('| Load | Server | P = 1 | P = 16 | P = 64 |\n')
    expect(section).toContain('| GET | erinys | – | 1.25M/s, 0.80 µs | – |\n')
    expect(section).toContain('| GET | redis | – | 1000k/s, 1.00 µs | – |\n')
    expect(section).toContain('| GET | erinys | – | 1.25 × (goal: ≥ 1.05); 0.80 × CPU | – |\n')
    expect(section).toContain(
      'erinys 1.0.0, redis 7.0.15; 2024-01-01; a processor, 2 cores; medians of 5 rounds',
    )
  })

  test('the oldest and the newest Node.js, each with its goal, and the floor', () => {
    const cell = { workload: 'GET', depth: 16, opsPerSecond: 1e6, cpuMicros: 1, cpuRatio: 1 } as const
    const rows = [
      { name: 'erinys, Node 20.18.1', version: '1.0.0', node: { version: '20.18.1', isLts: true } },
      { name: 'erinys, Node 26.1.0', version: '1.0.0', node: { version: '26.1.0', isLts: true } },
      servers[1],
      { name: 'floor, Node 26.1.0', version: '26.1.0', node: { version: '26.1.0', isLts: true } },
    ]
    const server = {
      command: 'npm run bench -- server',
      conditions,
      servers: rows,
      rounds: 5,
      cells: [
        { ...cell, server: rows[0].name, throughputRatio: 1.1 },
        { ...cell, server: rows[1].name, opsPerSecond: 1.2e6, throughputRatio: 1.2 },
        { ...cell, server: 'redis', throughputRatio: 1 },
        { ...cell, server: rows[3].name, throughputRatio: 2 },
      ],
    }
    const section = serverSection(server)
    expect(section).toContain('| GET | erinys, Node 20.18.1 | – | 1.10 × (goal: ≥ 1.05); 1.00 × CPU | – |\n')
    expect(section).toContain('| GET | erinys, Node 26.1.0 | – | 1.20 × (goal: ≥ 1.25, missed); 1.00 × CPU |')
    expect(section).toContain('| GET | floor, Node 26.1.0 | – | 2.00 ×; 1.00 × CPU | – |')
    expect(section).toContain('`npm run bench -- server`: erinys 1.0.0, redis 7.0.15; 2024')
    const none = undefined
    const summary = summarySection({ server, memory: none, cluster: none, origins: none })
    expect(summary).toContain(
      '| GET from memory, pipelines of 16 | Node 20: 1.00M/s, Node 26: 1.20M/s | Redis: 1.00M/s |',
    )
  })

  test('memory per entry, also without a server to compare with', () => {
    const section = memorySection({
      command: 'npm run bench -- memory',
      conditions,
      servers: servers.slice(0, 1),
      rows: [{ server: 'erinys', entries: 2e6, valueBytes: 32, bytesPerEntry: 80.06, longestPing: 1.5 }],
      latency: [{ server: 'erinys', entries: 2e6, opsPerSecond: 1e5, p50: 0.4, p99: 1, p999: 2, max: 3 }],
      budget: { budgetBytes: 512 * 2 ** 20, growthBytes: 0, ratio: 1.1 },
      growth: { entries: 18e6, gib: 4.5, longestPutMs: 1.5, over2ms: 0 },
    })
    expect(section).toContain('| 2,000,000 | 32 B | 80.1 B | – | 1.5 ms |\n')
    expect(section).toContain('| erinys | 2,000,000 | 100k/s | 0.40 ms | 1.00 ms | 2.00 ms | 3.00 ms |')
    expect(section).toContain('512 MiB')
  })
})

describe('clusters', () => {
  const side = { opsPerSecond: 105_000, entryMicros: 7.3, ownerMicros: 2.1 }
  const results = {
    command: 'npm run bench -- cluster',
    conditions,
    hot: {
      rounds: 3,
      conditions: '3 nodes',
      rows: [
        {
          read: 'copy' as const,
          writes: 0,
          opsPerSecond: 5e5,
          ownerMicros: 0.1,
          entryMicros: 2,
          forwarded: 0.066,
        },
        {
          read: 'owner' as const,
          writes: 1,
          opsPerSecond: 2e5,
          ownerMicros: 1,
          entryMicros: 3,
          forwarded: 0.966,
        },
      ],
    },
  }

  test('forwarding, with the goals of its ratios', () => {
    const cell = { ours: side, theirs: side, throughputRatio: 1.5, entryRatio: 0.7, ownerRatio: 0.9 }
    const floor = { ...side, entryMicros: 6.9 }
    const hop = {
      rounds: 5,
      conditions: '50 connections',
      servers,
      cells: [
        { command: 'GET', depth: 16, ...cell, floor, floorRatio: 1.06 },
        { command: 'SET', depth: 16, ...cell },
      ],
    } as const
    const section = clusterSection({ ...results, hop })
    const figures = '105k/s, 7.30 + 2.10 µs | 105k/s, 7.30 + 2.10 µs'
    expect(section).toContain(
      `| GET, P = 16 | ${figures} | 1.50 × (goal: ≥ 1.4) | 0.70 × (goal: ≤ 0.75) | 0.90 × | 6.90 µs | 1.06 × |\n`,
    )
    expect(section).toContain(`| SET, P = 16 | ${figures} | 1.50 × | 0.70 × | 0.90 × | – | – |\n`)
    expect(section).toContain('(50 connections; medians of 5 rounds.)')
    expect(section).toContain('erinys 1.0.0; redis 7.0.15; 2024-01-01; a processor, 2 cores.)')
  })

  test('the hot key, also without twemproxy', () => {
    const section = clusterSection(results)
    expect(section).toContain('twemproxy is not installed')
    expect(section).toContain('| none | copied | 500k/s | – | 0.10 µs | 2.00 µs | 7 % |\n')
    expect(section).toContain('| 1 of 1,000 | forwarded | 200k/s | 1.00 × | 1.00 µs | 3.00 µs | 97 % |')
  })
})

test('the simulation of large clusters, with the goals for the largest one', () => {
  const sizes = { members: 1000, connections: 3996, tableBytes: 600_000, peerBytes: 24.4e6 }
  const slots = {
    buildMs: 42.42,
    worstLoad: 1.0986,
    moved: 37.6,
    movedRatio: 2.3,
    slotMessages: 30_000,
    slotMessageBytes: 5e6,
  }
  const talk = { messagesPerSecond: 3996, messageBytes: 250, messageBytesTenthDead: 11_000 }
  const costs = { coreShare: 0.0123, coreShareTenthDead: 0.5, deathSeconds: 1.234 }
  const row = { ...sizes, ...slots, ...talk, ...costs }
  const start = { startSeconds: 1.2, startCpuSeconds: 0.9, startBytes: 3e7 }
  const section = scalingSection({
    command: 'npm run bench -- scaling',
    conditions,
    rows: [row, { ...row, ...start, members: 500 }],
  })
  expect(section).toContain('| 1,000 | 42.4 ms | 1.10 × | 38 | 2.30 × | 30,000 | 5.0 MB |')
  expect(section).toContain(
    '| 1,000 | 3,996 | 25 MB | 3,996/s | 999 kB/s | 1.2 % of a core (goal: ≤ 3) | 44 MB/s | 50 % of a core (goal: ≤ 15, missed) | 1.23 s | > 1 min (goal: ≤ 30, missed) | – | – |',
  )
  expect(section).toContain('| 1.23 s | 1.20 s | 0.90 s | 30 MB |')
  expect(section).toContain('(`npm run bench -- scaling`: ')
  expect(scalingSection(undefined)).toContain('not measured yet')
})

test('origins, with their goals', () => {
  const read = { opsPerSecond: 1.2e6, cpuMicros: 0.8, p50: 2.5, p99: 5 }
  const path = { keysPerSecond: 3210, p50: 0.3, p99: 1.25, queries: 1000, rows: 1000 }
  const rush = { p99: 12.34, worstP99: 23.45, max: 34.56, nodesCpuMs: 11, crowdCpuMs: 9.87 }
  const section = originSection({
    command: 'npm run bench -- origins',
    conditions: { ...conditions, postgres: 'PostgreSQL 15.18' },
    rounds: 7,
    keys: 500_000,
    hits: [{ depth: 64, plain: read, fresh: { ...read, p50: 2.6 }, throughputRatio: 0.98, cpuRatio: 1.02 }],
    batch: {
      keys: 1000,
      speedup: 38.6,
      wideSpeedup: 36.3,
      rows: [
        { path: 'database', ...path },
        { path: 'MGET', ...path, cpuMicros: 16.7, queries: 10 },
      ],
    },
    stale: { keys: 300, clients: 4, rows: [{ path: 'stale', ...path, cpuMicros: 33.6, rows: 300 }] },
    stampede: {
      nodes: 3,
      clients: 1000,
      repeats: 20,
      originMs: 201.3,
      sentMs: 8.9,
      rows: [
        { key: 'cold', ...rush, queries: 1 },
        { key: 'cached', ...rush, queries: 0 },
      ],
    },
  })
  const rate = '1.20M/s, 0.80 µs'
  expect(section).toContain(
    `| GET, P = 64 | ${rate} | ${rate} | 0.98 × (goal: ≥ 0.97) | 1.02 × | 2.50, 2.60 ms | 5.00, 5.00 ms |\n`,
  )
  expect(section).toContain('| PostgreSQL itself, one by one | 3.2k/s | – | 0.30 ms | 1.25 ms | 1,000 |\n')
  expect(section).toContain('| One `MGET` | 3.2k/s | 16.7 µs | 0.30 ms | 1.25 ms | 10 |\n')
  expect(section).toContain('takes 38.60 × (goal: ≥ 20) as long as one `MGET`')
  expect(section).toContain('| After it | 0.30 ms | 1.25 ms | 33.6 µs | 300 |\n')
  expect(section).toContain('| cold | 12.3 ms (goal: ≤ 25) | 23.4 ms | 34.6 ms | 11.0 ms | 9.9 ms | 1 |\n')
  expect(section).toContain('| cached | 12.3 ms | 23.4 ms | 34.6 ms | 11.0 ms | 9.9 ms | 0 |\n')
  expect(section).toContain('2024-01-01; a processor, 2 cores; PostgreSQL 15.18.)')
})
