// The metrics of a node that has done something, read by a strict parser.

import { expect, test } from 'vitest'
import { Metrics, metricFamilies } from '../../../src/http/metrics/metrics.ts'
import { formatFor } from '../../../src/http/metrics/text.ts'
import { RuntimeStats } from '../../../src/telemetry/runtime-stats.ts'
import { type Family, type Format, parseExposition, sampled } from '../../support/exposition.ts'
import { Harness, type HarnessOptions } from '../../support/harness.ts'

interface Scraped {
  readonly harness: Harness
  readonly runtime: RuntimeStats
  scrape(format?: Format): Map<string, Family>
}

function start(options: HarnessOptions): Scraped {
  const harness = new Harness(options)
  const runtime = new RuntimeStats({ timers: harness.clock, micros: () => harness.clock.now() * 1000 })
  runtime.stop()
  const metrics = new Metrics(harness.host, runtime)
  return {
    harness,
    runtime,
    scrape: (format = 'prometheus') => parseExposition(metrics.text(format), format),
  }
}

const scores = {
  origin: (key: string) => {
    if (key === 'broken') throw new Error('broken')
    return key === 'none' ? null : `value of ${key}`
  },
  negativeTtlMs: 1000,
}

test('reads and loads are counted by group', async () => {
  const { harness, scrape } = start({ groups: { scores, 'other "one"\\': {} } })
  await Promise.all([harness.call('GET', 'Tom'), harness.connect().call('GET', 'Tom')])
  await harness.call('GET', 'Tom')
  await harness.call('GET', 'none')
  await harness.call('GET', 'none')
  await expect(harness.call('GET', 'broken')).resolves.toBeInstanceOf(Error)
  const families = scrape()
  const of = (name: string): number | undefined => sampled(families, name, { group: 'scores' })
  expect(of('erinys_group_hits_total')).toBe(1)
  expect(of('erinys_group_negative_hits_total')).toBe(1)
  expect(of('erinys_group_misses_total')).toBe(4)
  expect(of('erinys_group_loads_total')).toBe(3)
  expect(of('erinys_group_load_failures_total')).toBe(1)
  expect(of('erinys_group_coalesced_waiters_total')).toBe(1)
  expect(of('erinys_origin_load_duration_seconds_count')).toBe(3)
  expect(of('erinys_group_entries')).toBe(1)
  expect(of('erinys_group_negative_entries')).toBe(1)
  expect(of('erinys_group_used_bytes')).toBe(harness.groups[0].store.usedBytes)
  expect(
    sampled(families, 'erinys_group_info', { group: 'scores', origin: 'function', eviction_cost: 'none' }),
  ).toBe(1)
})

test('a group without an origin has no metrics of one, and any name of a group is a label', () => {
  const { scrape } = start({ groups: { scores, 'other "one"\\': {} } })
  const families = scrape()
  const labels = { group: 'other "one"\\' }
  expect(sampled(families, 'erinys_group_hits_total', labels)).toBe(0)
  expect(sampled(families, 'erinys_group_loads_total', labels)).toBeUndefined()
  expect(sampled(families, 'erinys_group_info', { ...labels, origin: 'none' })).toBe(1)
})

test('commands have metrics by name once they were called', async () => {
  const { harness, scrape } = start({})
  await harness.call('SET', 'key', 'value')
  await harness.call('LPUSH', 'key', 'value').catch(() => undefined)
  await harness.call('GET').catch(() => undefined)
  harness.host.telemetry.attributeTime()
  const families = scrape()
  const calls = families.get('erinys_command_calls_total')!.samples
  const byCommand = calls.map(({ labels: { command }, value }) => [command, value])
  expect(Object.fromEntries(byCommand)).toEqual({ set: 1, get: 0, lpush: 1 })
  expect(sampled(families, 'erinys_command_rejected_calls_total', { command: 'get' })).toBe(1)
  expect(sampled(families, 'erinys_command_failed_calls_total', { command: 'lpush' })).toBe(1)
  expect(sampled(families, 'erinys_command_duration_seconds_count', { command: 'set' })).toBe(1)
  expect(sampled(families, 'erinys_error_replies_total', { code: 'WRONGTYPE' })).toBe(1)
})

test('batches are counted by their number of keys', async () => {
  const load = (key: string): string => key
  const loadMany = (keys: readonly string[]): Map<string, string> => new Map(keys.map((key) => [key, key]))
  const { harness, scrape } = start({ groups: { batched: { origin: { load, loadMany } } } })
  await harness.call('MGET', 'a', 'b', 'c')
  const families = scrape()
  expect(sampled(families, 'erinys_origin_batch_keys_bucket', { le: '2' })).toBe(0)
  expect(sampled(families, 'erinys_origin_batch_keys_bucket', { le: '5' })).toBe(1)
  expect(sampled(families, 'erinys_origin_batch_keys_sum')).toBe(3)
  await harness.call('CONFIG', 'RESETSTAT')
  expect(sampled(scrape(), 'erinys_origin_batch_keys_count')).toBe(0)
})

test('the breaker is in one of its states', async () => {
  const governor = { concurrency: 4, queue: 10, retries: 0, backoffMs: 1, breakAfter: 1, breakMs: 1000 }
  const { harness, scrape } = start({ groups: { scores: { ...scores, governor } } })
  const states = (): unknown =>
    Object.fromEntries(
      scrape()
        .get('erinys_origin_breaker_state')!
        .samples.map(({ labels, value }) => [labels.state, value]),
    )
  expect(states()).toEqual({ closed: 1, 'half-open': 0, open: 0 })
  await harness.call('GET', 'broken').catch(() => undefined)
  await harness.call('GET', 'Tom').catch(() => undefined)
  expect(states()).toEqual({ closed: 0, 'half-open': 0, open: 1 })
  const families = scrape()
  expect(sampled(families, 'erinys_origin_rejected_calls_total', { reason: 'breaker' })).toBe(1)
  expect(sampled(families, 'erinys_origin_concurrency_limit')).toBe(4)
})

test('a node of a cluster has the metrics of the cluster', async () => {
  const { harness, scrape } = start({ cluster: { host: '10.0.0.1', port: 7000 } })
  await harness.joined
  const families = scrape()
  expect(sampled(families, 'erinys_cluster_slots_owned')).toBe(16_384)
  expect(sampled(families, 'erinys_cluster_slots_unserved')).toBe(0)
  expect(sampled(families, 'erinys_cluster_members', { state: 'self' })).toBe(1)
  expect(sampled(families, 'erinys_cluster_view_changes_total')).toBeGreaterThan(0)
})

test('HTTP is told of where there is HTTP, by route', () => {
  const { harness, scrape } = start({})
  const { http } = harness.host
  const route = http.addRoute('GET', '/cache/{group}/{key}')
  http.addRoute('GET', '/groups')
  route.ended(200, 5000)
  route.ended(503, 100)
  expect(scrape().has('erinys_http_requests_total')).toBe(false)
  http.maxConnections = 100
  for (const format of ['prometheus', 'openmetrics'] as const) {
    const families = scrape(format)
    const of = (name: string, labels: object): number | undefined =>
      sampled(families, name, { method: 'GET', route: '/cache/{group}/{key}', ...labels })
    expect(of('erinys_http_requests_total', { status: '2xx' })).toBe(1)
    expect(of('erinys_http_requests_total', { status: '4xx' })).toBe(0)
    expect(of('erinys_http_requests_total', { status: '5xx' })).toBe(1)
    expect(of('erinys_http_request_duration_seconds_sum', {})).toBe(0.0051)
    expect(of('erinys_http_request_duration_seconds_bucket', { le: '0.001' })).toBe(1)
    expect(sampled(families, 'erinys_http_requests_total', { route: '/groups' })).toBeUndefined()
    expect(sampled(families, 'erinys_http_max_connections')).toBe(100)
  }
})

test('OpenMetrics has the same figures', async () => {
  const { harness, scrape } = start({ groups: { scores }, cluster: { host: '10.0.0.1', port: 7000 } })
  await harness.joined
  await harness.call('GET', 'Tom')
  const families = scrape('openmetrics')
  expect(sampled(families, 'erinys_group_misses_total', { group: 'scores' })).toBe(1)
  expect(families.get('erinys_group_misses')?.type).toBe('counter')
  expect(families.get('erinys_group')?.type).toBe('info')
  expect(families.get('erinys_group_used_bytes')?.unit).toBe('bytes')
  expect(sampled(families, 'erinys_origin_load_duration_seconds_bucket', { le: '1.0' })).toBe(1)
})

test('the format is the one that the client asks for', () => {
  expect(formatFor(undefined)).toBe('prometheus')
  expect(formatFor('text/plain')).toBe('prometheus')
  expect(formatFor('*/*')).toBe('prometheus')
  expect(formatFor('application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2')).toBe(
    'openmetrics',
  )
  expect(formatFor('Application/OpenMetrics-Text; version=0.0.1, text/plain')).toBe('openmetrics')
  const both =
    'application/openmetrics-text;q=0.5,application/openmetrics-text;version=1.0.0;q=0.7,text/plain;q=0.6'
  expect(formatFor(both)).toBe('openmetrics')
  expect(formatFor('text/plain;q=0.6,application/openmetrics-text;q=0.5')).toBe('prometheus')
  expect(formatFor('application/openmetrics-text;q=0')).toBe('prometheus')
  expect(formatFor('application/openmetrics-text;q=x, text/plain;q=')).toBe('prometheus')
})

test('counters never fall, whatever is done', async () => {
  const { harness, scrape } = start({ groups: { scores, small: { maxBytes: 4096 } } })
  const steps: readonly (readonly string[])[] = [
    ['GET', 'Tom'],
    ['GET', 'Tom'],
    ['DEL', 'Tom'],
    ['INVALIDATE', 'KEY', 'Tom'],
    ['SELECT', 'small'],
    ...Array.from({ length: 100 }, (_, i) => ['SET', `key${i}`, 'x'.repeat(100)]),
    ['SWAPDB', '0', '1'],
    ['GROUP', 'FLUSH', 'small'],
    ['FLUSHALL'],
    ['SET', 'again', 'value', 'PX', '1'],
  ]
  let before = scrape()
  for (const step of steps) {
    await harness.call(...step)
    harness.clock.advance(5)
    const after = scrape()
    for (const [name, { type, samples }] of before) {
      if (type !== 'counter') continue
      for (const { labels, value } of samples) {
        const now = sampled(after, name, labels)
        expect(now, `${name} ${JSON.stringify(labels)} after ${step.join(' ')}`).toBeGreaterThanOrEqual(value)
      }
    }
    before = after
  }
})

test('the runtime is measured by the clock that it gets', () => {
  const { clock } = new Harness()
  let late = 0
  const runtime = new RuntimeStats({ timers: clock, micros: () => clock.now() * 1000 + late })
  clock.advance(40)
  expect(runtime.eventLoopDelay.count).toBe(2)
  late = 3000
  clock.advance(20)
  expect(runtime.eventLoopDelay.max).toBe(3000)
  runtime.stop()
  clock.advance(100)
  expect(runtime.eventLoopDelay.count).toBe(3)
  expect(clock.pending).toBe(0)
})

test('the definitions are complete', () => {
  const metrics = metricFamilies.flatMap((family) => family.metrics)
  const names = metrics.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const { name, help, labels } of metrics) {
    expect(help, name).toMatch(/[.…]$/)
    // A label names what it tells apart: it must be explained, or be obvious.
    for (const label of labels) expect(label).toMatch(/^[a-z_]+$/)
  }
})
