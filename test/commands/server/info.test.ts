import { describe, expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

/** Fields by section. */
async function sectionsOf(
  harness: Harness,
  ...names: string[]
): Promise<Record<string, Record<string, string>>> {
  const text = String(await harness.call('INFO', ...names))
  const sections: Record<string, Record<string, string>> = {}
  for (const section of text.split('\r\n\r\n').filter((each) => each !== '')) {
    const [title, ...lines] = section.split('\r\n').filter((line) => line !== '')
    sections[title] = Object.fromEntries(lines.map((line) => line.split(/:(.*)/s, 2)))
  }
  return sections
}

const DEFAULT = [
  ...['# Server', '# Clients', '# Memory', '# Persistence', '# Stats', '# Replication', '# CPU'],
  ...['# Modules', '# Errorstats', '# Cluster', '# Keyspace', '# Groups'],
]

describe('INFO', () => {
  test('has the usual sections, all of them, some, or no section', async () => {
    const harness = new Harness()
    expect(Object.keys(await sectionsOf(harness))).toEqual(DEFAULT)
    expect(Object.keys(await sectionsOf(harness, 'default'))).toEqual(DEFAULT)
    const all = Object.keys(await sectionsOf(harness, 'ALL'))
    expect(all).toEqual(expect.arrayContaining(['# Commandstats', '# Latencystats', ...DEFAULT]))
    expect(Object.keys(await sectionsOf(harness, 'everything'))).toEqual(all)
    expect(Object.keys(await sectionsOf(harness, 'keyspace', 'nosuch', 'Server'))).toEqual([
      '# Server',
      '# Keyspace',
    ])
    expect(await harness.call('INFO', 'nosuch')).toBe('')
  })

  test('is verbatim text in RESP3', async () => {
    const harness = new Harness()
    await harness.raw('HELLO', 3)
    expect(await harness.raw('INFO', 'cluster')).toBe('=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n')
  })

  test('has the fields that monitoring tools read', async () => {
    const harness = new Harness()
    harness.clock.advance(100_000)
    harness.connect()
    const sections = await sectionsOf(harness, 'everything')
    expect(sections['# Server']).toMatchObject({
      redis_version: '7.2.4',
      redis_mode: 'standalone',
      run_id: 'a'.repeat(40),
      uptime_in_seconds: '100',
      hz: '10',
    })
    expect(sections['# Clients']).toMatchObject({ connected_clients: '2', maxclients: '10000' })
    expect(sections['# Memory']).toMatchObject({
      used_memory: '2048',
      used_memory_human: '2.00K',
      maxmemory: String(128 * 1024 * 1024),
      maxmemory_policy: 'allkeys-lru',
    })
    expect(sections['# Replication']).toMatchObject({ role: 'master', connected_slaves: '0' })
    expect(Number(sections['# CPU'].used_cpu_user)).toBeGreaterThan(0)
  })

  test('counts keys, hits and misses', async () => {
    const harness = new Harness()
    await harness.call('SET', 'a', '1')
    await harness.call('SET', 'b', '1', 'EX', '10')
    await harness.call('GET', 'a')
    await harness.call('GET', 'none')
    await harness.call('SELECT', '1')
    await harness.call('SET', 'c', '1')
    const sections = await sectionsOf(harness)
    expect(sections['# Keyspace']).toEqual({
      db0: 'keys=2,expires=1,avg_ttl=0',
      db1: 'keys=1,expires=0,avg_ttl=0',
    })
    expect(sections['# Stats']).toMatchObject({
      keyspace_hits: '1',
      keyspace_misses: '1',
      total_commands_processed: '6',
    })
    expect(sections['# Groups'].group0).toMatch(/^name=cache,keys=2,.*hits=1,misses=1,evictions=0,/)
    expect(sections['# Groups'].group1).toMatch(/^name=other,keys=1,/)
  })

  test('counts each key of a command once, as a hit or as a miss', async () => {
    const harness = new Harness({ groups: { scores: { origin: (key) => (key === 'none' ? null : key) } } })
    await harness.call('GET', 'cached')
    await harness.call('CONFIG', 'RESETSTAT')
    await harness.call('MGET', 'cached', 'a', 'none')
    await harness.call('GETDEL', 'b')
    expect((await sectionsOf(harness))['# Stats']).toMatchObject({ keyspace_hits: '1', keyspace_misses: '3' })
  })

  test('counts loads, and does not show absent keys as keys', async () => {
    const harness = new Harness({
      groups: {
        scores: {
          negativeTtlMs: 1000,
          origin: (key) => {
            if (key === 'bad') throw new Error('no')
            return key === 'Tom' ? '630' : null
          },
        },
      },
    })
    for (const key of ['Tom', 'none', 'bad', 'Tom']) await harness.call('GET', key)
    const sections = await sectionsOf(harness)
    expect(sections['# Keyspace']).toEqual({ db0: 'keys=1,expires=0,avg_ttl=0' })
    expect(sections['# Groups'].group0).toMatch(
      /,absent=1,.*hits=1,misses=3,.*loads=3,load_failures=1,joined=0,fenced=0,flights=0$/,
    )
    expect(sections['# Stats']).toMatchObject({ total_loads: '3', total_load_failures: '1' })
    expect(sections['# Errorstats']).toEqual({ errorstat_ORIGIN: 'count=1' })
  })

  test('counts commands and errors', async () => {
    const harness = new Harness()
    harness.host.telemetry.slowerThan = 0
    await harness.call('GET', 'a')
    await harness.call('GET')
    await harness.call('INCR', 'a', 'b')
    await harness.call('SET', 'a', 'x')
    await harness.call('INCR', 'a')
    await harness.call('NOSUCH')
    await harness.call('CLIENT', 'ID')
    const sections = await sectionsOf(harness, 'everything')
    const stats = sections['# Commandstats']
    expect(stats.cmdstat_get).toBe('calls=1,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0')
    expect(stats.cmdstat_incr).toBe('calls=1,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=1')
    expect(stats['cmdstat_client|id']).toMatch(/^calls=1,/)
    expect(Object.keys(stats)).toHaveLength(4)
    expect(sections['# Errorstats']).toEqual({ errorstat_ERR: 'count=4' })
    expect(sections['# Stats'].total_error_replies).toBe('4')
    expect(sections['# Latencystats'].latency_percentiles_usec_get).toBe('p50=0.000,p99=0.000,p99.9=0.000')
  })
})
