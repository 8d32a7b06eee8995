import { beforeEach, describe, expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

const error = (message: string) => ({ name: 'ReplyError', message })

let harness: Harness
beforeEach(() => {
  harness = new Harness()
})

const get = async (...names: string[]) => {
  const flat = (await harness.call('CONFIG', 'GET', ...names)) as string[]
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]))
}
const set = (...pairs: (string | number)[]) => harness.call('CONFIG', 'SET', ...pairs)

describe('CONFIG GET', () => {
  test('matches names and several globs, each parameter once', async () => {
    expect(await get('TimeOut')).toEqual({ TimeOut: '0' })
    expect(Object.keys(await get('slowlog-*', '*-max-len', 'nosuch', '__proto__')).sort()).toEqual([
      'acllog-max-len',
      'slowlog-log-slower-than',
      'slowlog-max-len',
      'slowlog-origin-slower-than',
    ])
    expect(await get('SAVE', 'save', 'sav*')).toEqual({ SAVE: '' })
    expect(await get('no*such')).toEqual({})
  })

  test('is a map in RESP3', async () => {
    await harness.raw('HELLO', 3)
    expect(await harness.raw('CONFIG', 'GET', 'save')).toBe('%1\r\n$4\r\nsave\r\n$0\r\n\r\n')
  })

  test('has the parameters that tools and clients read from Redis', async () => {
    expect(
      await get('save', 'appendonly', 'databases', 'maxmemory-policy', 'port', 'bind', 'tcp-keepalive', 'hz'),
    ).toEqual({
      save: '',
      appendonly: 'no',
      databases: '2',
      'maxmemory-policy': 'allkeys-lru',
      port: '7000',
      bind: '127.0.0.1',
      'tcp-keepalive': '300',
      hz: '10',
    })
    expect(await get('client-output-buffer-limit', 'proto-max-bulk-len', 'loglevel')).toEqual({
      'client-output-buffer-limit': 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
      'proto-max-bulk-len': '536870912',
      loglevel: 'notice',
    })
  })
})

describe('CONFIG SET', () => {
  test('changes parameters at runtime', async () => {
    const values = {
      requirepass: 'secret',
      maxclients: '5',
      timeout: '7',
      'tcp-keepalive': '0',
      'shutdown-timeout': '3',
      'proto-max-bulk-len': '1048576',
      'client-query-buffer-limit': '2097152',
      'slowlog-log-slower-than': '-1',
      'slowlog-max-len': '2',
      'latency-monitor-threshold': '9',
      'latency-tracking': 'no',
      'latency-tracking-info-percentiles': '50 99.99',
      hz: '100',
      loglevel: 'warning',
    }
    expect(await set(...Object.entries(values).flat())).toBe('OK')
    const { settings, telemetry } = harness.host
    expect(settings).toMatchObject({
      maxclients: 5,
      timeout: 7000,
      tcpKeepalive: 0,
      shutdownTimeout: 3000,
      protoMaxBulkLen: 1_048_576,
      clientQueryBufferLimit: 2_097_152,
      hz: 100,
      loglevel: 'warning',
    })
    expect(telemetry).toMatchObject({ tracksLatency: false, percentiles: [50, 99.99], timesAll: true })
    expect(telemetry.slowLog).toMatchObject({ slowerThan: -1, maxLength: 2 })
    expect(telemetry.events.threshold).toBe(9)
    const { requirepass: _, ...rest } = values
    expect(await get(...Object.keys(rest))).toEqual(rest)
  })

  test('sizes with units, words in any case, bounded hz', async () => {
    await set('proto-max-bulk-len', '2mb', 'LOGLEVEL', 'Debug', 'hz', 100_000)
    expect(await get('proto-max-bulk-len', 'loglevel', 'hz')).toEqual({
      'proto-max-bulk-len': '2097152',
      loglevel: 'debug',
      hz: '500',
    })
  })

  test('output limits class by class', async () => {
    await set('client-output-buffer-limit', 'normal 1mb 512kb 10 replica 0 0 0')
    expect(harness.host.settings.clientOutputBufferLimit).toMatchObject({
      normal: { hard: 1_048_576, soft: 524_288, softTime: 10_000 },
      replica: { hard: 0, soft: 0, softTime: 0 },
      pubsub: { hard: 33_554_432 },
    })
  })

  test('a smaller budget evicts at once', async () => {
    for (let i = 0; i < 1000; i++) await harness.call('SET', `key:${i}`, 'x'.repeat(100))
    const [cache] = harness.groups
    const before = cache.store.size
    await set('maxmemory:cache', '64kb')
    expect(cache.store.usedBytes).toBeLessThanOrEqual(65_536)
    expect(cache.store.size).toBeLessThan(before)
  })

  test('sets all of several pairs, or none', async () => {
    expect(await set('timeout', '5', 'maxclients', 'x')).toMatchObject(
      error(
        "ERR CONFIG SET failed (possibly related to argument 'maxclients') - argument couldn't be parsed into an integer",
      ),
    )
    expect(await set('timeout', '5', 'nosuch', 'x')).toMatchObject(
      error("ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
    )
    expect(await set('timeout', '5', 'port', '1')).toMatchObject(
      error("ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config"),
    )
    expect(await set('timeout', '5', 'TIMEOUT', '6')).toMatchObject(
      error("ERR CONFIG SET failed (possibly related to argument 'TIMEOUT') - duplicate parameter"),
    )
    expect(harness.host.settings.timeout).toBe(0)
  })

  test('a fixed parameter can be set to its own value', async () => {
    expect(await set('save', '', 'appendonly', 'no', 'maxmemory-policy', 'allkeys-lru')).toBe('OK')
    for (const [name, value] of [
      ['save', '900 1'],
      ['appendonly', 'yes'],
      ['maxmemory-policy', 'noeviction'],
    ]) {
      expect(await set(name, value)).toMatchObject({
        message: expect.stringContaining(`(possibly related to argument '${name}') - `),
      })
    }
  })

  test('a parameter that Redis lets change accepts the value that it has', async () => {
    const immutable = [
      'aclfile',
      'cluster-enabled',
      'daemonize',
      'databases',
      'enable-debug-command',
      'io-threads',
    ]
    immutable.push('replicaof', 'slaveof', 'tcp-backlog', 'unixsocket', 'unixsocketperm')
    const refused: string[] = []
    for (const [name, value] of Object.entries(await get('*')))
      if ((await set(name, value)) !== 'OK') refused.push(name)
    expect(refused.sort()).toEqual(immutable)
    // Now every group has a budget of its own.
    const { maxmemory } = await get('maxmemory')
    expect(await set('maxmemory', maxmemory)).toBe('OK')
    for (const [name, value] of [
      ['port', '1'],
      ['tls-port', '1'],
      ['tls-cluster', 'yes'],
      ['protected-mode', 'never'],
    ])
      expect(await set(name, value)).toMatchObject({ message: expect.stringMatching(/immutable config$/) })
  })

  test('maxmemory-clients as a percentage of the budgets', async () => {
    const { unread } = harness.host
    expect(await set('maxmemory-clients', '7%')).toBe('OK')
    expect(await get('maxmemory-clients')).toEqual({ 'maxmemory-clients': '7%' })
    await set('maxmemory', '10000000')
    expect(unread.limit).toBe(700_000)
    await set('maxmemory', '20000000')
    expect(unread.limit).toBe(1_400_000)
    for (const least of ['1%', '0%', '1']) {
      await set('maxmemory', '2000000', 'maxmemory-clients', least)
      expect(unread.limit).toBe(least === '0%' ? Number.POSITIVE_INFINITY : 131_072)
    }
    const failed = "ERR CONFIG SET failed (possibly related to argument 'maxmemory-clients') - "
    for (const [text, why] of [
      ['101%', 'percentage argument must be less or equal to 100'],
      ['-1%', 'argument must be a memory or percent value'],
      ['%', 'argument must be a memory or percent value'],
      ['-5', 'argument must be a memory or percent value'],
    ])
      expect(await set('maxmemory-clients', text)).toMatchObject(error(failed + why))
  })

  test('a new password is kept out of the slow log', async () => {
    await set('slowlog-log-slower-than', '0')
    await set('timeout', '1', 'requirepass', 'p')
    const [entry] = (await harness.call('SLOWLOG', 'GET', 1)) as [unknown[]]
    expect(entry[3]).toEqual(['CONFIG', 'SET', 'timeout', '1', 'requirepass', '(redacted)'])
  })
})

test('CONFIG RESETSTAT resets counters', async () => {
  await harness.call('SET', 'a', '1')
  await harness.call('GET', 'a')
  await harness.call('GET', 'none')
  await harness.call('NOSUCH')
  harness.groups[0].store.evicted = 3
  harness.host.stats.connections = 4
  expect(await harness.call('CONFIG', 'RESETSTAT')).toBe('OK')
  const [group] = harness.groups
  expect([group.hits, group.misses, group.store.evicted, harness.host.stats.connections]).toEqual([
    0, 0, 0, 0,
  ])
  const text = String(await harness.call('INFO', 'commandstats', 'errorstats'))
  expect(text.match(/cmdstat_\S+?:/g)).toEqual(['cmdstat_config|resetstat:'])
  expect(text).not.toContain('errorstat_')
})

test('CONFIG REWRITE is refused', async () => {
  expect(await harness.call('CONFIG', 'REWRITE')).toMatchObject(
    error('ERR CONFIG REWRITE is not supported: change the configuration file itself'),
  )
})
