// Monitoring of Redis reads fields of INFO that were missing, or had values of another kind.

import { expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'
import { describeWithRedis } from '../support/redis-server.ts'

/** Fields of redis-server that INFO does not have, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  monotonic_clock: 'how redis-server was built',
  atomicvar_api: 'how redis-server was built',
  gcc_version: 'how redis-server was built',
  used_cpu_sys_main_thread: 'Node.js does not tell it for one thread',
  used_cpu_user_main_thread: 'Node.js does not tell it for one thread',
  total_reads_processed: 'reads of sockets are not counted',
  total_writes_processed: 'writes to sockets are not counted',
  reply_buffer_shrinks: 'buffers of replies are shared by all clients',
  reply_buffer_expands: 'buffers of replies are shared by all clients',
}

/** Fields whose names hold a command, an error code or a database. */
const DYNAMIC = /^(cmdstat|errorstat|latency_percentiles_usec)_|^db\d+$/

/** By section. */
function parse(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  let current = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    if (line.startsWith('# ')) {
      current = new Map()
      sections.set(line, current)
    } else if (line !== '') {
      const colon = line.indexOf(':')
      current.set(line.slice(0, colon), line.slice(colon + 1))
    }
  }
  return sections
}

const KINDS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['an id of 40 digits', /^[0-9a-f]{40}$/],
  ['a whole number', /^-?\d+$/],
  ['a number with 2 decimals', /^-?\d+\.\d\d$/],
  ['a number with 6 decimals', /^-?\d+\.\d{6}$/],
  ['a percentage', /^\d+\.\d\d%$/],
  ['bytes for people', /^(\d+B|\d+\.\d\d[KMGTP])$/],
]

function kindOf(value: string): string {
  return KINDS.find(([, pattern]) => pattern.test(value))?.[0] ?? 'text'
}

/** Text of any kind that differs between servers; the values of all other text must be the same. */
const OWN_TEXT = new Set([
  ...['redis_version', 'redis_build_id', 'multiplexing_api', 'executable', 'config_file'],
  ...['mem_allocator', 'maxmemory_policy', 'os'],
])

describeWithRedis('INFO of redis-server', (redis) => {
  test('has the same fields of the same kinds in the same sections', async () => {
    const commands = [['SET', 'a', '1', 'EX', '100'], ['GET', 'none'], ['NOSUCH']]
    await redis().pipeline(commands)
    const theirs = parse(String(await redis().call('INFO', 'everything')))
    const harness = new Harness()
    for (const command of commands) await harness.call(...command)
    const ours = parse(String(await harness.call('INFO', 'everything')))
    expect([...ours.keys()].filter((title) => title !== '# Groups')).toEqual([...theirs.keys()])
    const missing: string[] = []
    const different: string[] = []
    for (const [title, fields] of theirs) {
      for (const [field, value] of fields) {
        const own = ours.get(title)?.get(field)
        if (own === undefined) missing.push(field)
        if (own === undefined || OWN_TEXT.has(field)) continue
        const isSameText = own === value || kindOf(own) !== 'text' || DYNAMIC.test(field)
        if (kindOf(own) !== kindOf(value) || !isSameText) different.push(`${field}: ${own} for ${value}`)
      }
    }
    expect(missing.filter((field) => !DYNAMIC.test(field)).sort()).toEqual(Object.keys(LEFT_OUT).sort())
    expect(different).toEqual([])
  })

  test('has the same parts in fields of several values', async () => {
    const parts = (text: string, field: string): string[] => {
      const [, value = ''] = new RegExp(`^${field}:(.*)$`, 'm').exec(text) ?? []
      return value.split(',').map((part) => part.split('=')[0])
    }
    await redis().call('SET', 'a', '1')
    const harness = new Harness()
    await harness.call('SET', 'a', '1')
    const theirs = String(await redis().call('INFO', 'everything'))
    const ours = String(await harness.call('INFO', 'everything'))
    for (const field of ['cmdstat_set', 'latency_percentiles_usec_set', 'db0'])
      expect(parts(ours, field)).toEqual(parts(theirs, field))
  })
})

test('no field has a value on which monitoring alerts', async () => {
  const harness = new Harness()
  // A week without a restart.
  harness.clock.advance(7 * 86_400_000)
  await harness.call('PING')
  const sections = parse(String(await harness.call('INFO', 'everything')))
  const all = new Map([...sections.values()].flatMap((fields) => [...fields]))
  expect(Object.fromEntries(all)).toMatchObject({
    role: 'master',
    loading: '0',
    connected_slaves: '0',
    rdb_last_bgsave_status: 'ok',
    aof_last_bgrewrite_status: 'ok',
    aof_last_write_status: 'ok',
    rdb_changes_since_last_save: '0',
    rdb_last_save_time: String(Math.floor(harness.clock.now() / 1000)),
    uptime_in_days: '7',
    latest_fork_usec: '0',
    rejected_connections: '0',
    evicted_keys: '0',
  })
  const number = (field: string): number => Number(all.get(field))
  expect(number('used_memory')).toBeLessThan(0.9 * number('maxmemory'))
  expect(number('used_memory')).toBeLessThanOrEqual(number('used_memory_peak'))
  expect(number('used_memory_rss')).toBeLessThan(number('total_system_memory'))
  expect(number('connected_clients')).toBeLessThan(0.8 * number('maxclients'))
  expect(number('mem_fragmentation_ratio')).toBeLessThan(1.5)
  expect(number('allocator_rss_ratio')).toBeLessThan(1.5)
  // A negative number where Redis has none, and numbers that are none.
  for (const [field, value] of all) {
    expect(value, field).not.toMatch(/NaN|Infinity|undefined|null/)
    if (/^-/.test(value)) expect(field).toMatch(/_time_sec$|^second_repl_offset$|_bytes$/)
  }
})

test('avg_ttl is the average lifetime of the keys that expire', async () => {
  const harness = new Harness()
  const keyspace = async (): Promise<string> => String(await harness.call('INFO', 'keyspace')).trim()
  const { store } = harness.group('cache')
  const expire = (): unknown => store.sweep(store.indexBytes)
  expect(await harness.call('MSET', 'a', '1', 'b', '1')).toBe('OK')
  expire()
  expect(await keyspace()).toContain('db0:keys=2,expires=0,avg_ttl=0')
  await harness.call('EXPIRE', 'a', '10')
  await harness.call('SET', 'c', '1', 'PX', '30000')
  expire()
  expect(await keyspace()).toContain('db0:keys=3,expires=2,avg_ttl=20000')
  harness.clock.advance(5000)
  harness.instant.refresh()
  expire()
  expect(await keyspace()).toContain('db0:keys=3,expires=2,avg_ttl=15000')
  harness.clock.advance(6000)
  harness.instant.refresh()
  expire()
  expect(await keyspace()).toContain('db0:keys=2,expires=1,avg_ttl=19000')
  await harness.call('PERSIST', 'c')
  expect(await keyspace()).toContain('db0:keys=2,expires=0,avg_ttl=0')
})

test('avg_ttl of many keys is an estimate that follows them', async () => {
  const harness = new Harness()
  const { store } = harness.group('cache')
  const ttl = async (): Promise<number> =>
    Number(/avg_ttl=(\d+)/.exec(String(await harness.call('INFO', 'keyspace')))?.[1])
  for (let i = 0; i < 5000; i++) await harness.call('SET', `key:${i}`, 'x', 'EX', String(1000 + (i % 1000)))
  store.sweep(1024)
  expect(await ttl()).toBeGreaterThan(1_400_000)
  expect(await ttl()).toBeLessThan(1_600_000)
  for (let i = 0; i < 5000; i++) await harness.call('EXPIRE', `key:${i}`, '100')
  for (let i = 0; i < 50; i++) store.sweep(1024)
  expect(await ttl()).toBeLessThan(110_000)
})
