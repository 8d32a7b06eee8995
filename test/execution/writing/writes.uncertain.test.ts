// Failed write-through: the cached value is kept if the write certainly did not reach the origin, else it becomes stale.

import { expect, test } from 'vitest'
import { changeValue, fetchValue } from '../../../src/group/calls.ts'
import { notApplied } from '../../../src/group/origin.ts'
import { defaultWrites } from '../../../src/group/writes/writes.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import { Harness } from '../../support/harness.ts'

/** An origin that fails every call while `error` is set. */
class Source {
  readonly kind = 'test'
  readonly values = new Map<string, string>([['s:1', 'v']])
  error: Error | undefined
  /** Loads and stores wait for it while it is set. */
  gate: Promise<void> | undefined

  /** Makes loads and stores wait until the returned function is called. */
  hold(): () => void {
    let release = (): void => undefined
    this.gate = new Promise((resolve) => {
      release = resolve
    })
    return () => {
      this.gate = undefined
      release()
    }
  }

  async load(key: string): Promise<string | null> {
    if (this.error !== undefined) throw this.error
    const value = this.values.get(key) ?? null
    await this.gate
    return value
  }

  async store(key: string, value: Uint8Array): Promise<void> {
    await this.gate
    if (this.error !== undefined) throw this.error
    this.values.set(key, String(value))
  }

  async remove(key: string): Promise<void> {
    if (this.error !== undefined) throw this.error
    this.values.delete(key)
  }
}

const NO_WINDOWS = { staleWhileRevalidateMs: 0, staleIfErrorMs: 0, refreshAhead: 0 }
const HOUR = 3_600_000

function writeThrough(staleIfErrorMs = HOUR): { harness: Harness; source: Source } {
  const source = new Source()
  const policy = {
    origin: source,
    ttlMs: 1000,
    originTimeoutMs: 50,
    negativeTtlMs: 1000,
    freshness: { ...NO_WINDOWS, staleIfErrorMs },
    writes: { ...defaultWrites, mode: 'through' as const },
  }
  return { harness: new Harness({ groups: { users: policy } }), source }
}

const WRITES = [
  ['SET', 's:1', 'w'],
  ['DEL', 's:1'],
  ['MSET', 's:1', 'w', 's:2', 'w'],
]

test.each(WRITES)('a value that is stale while the source is down stays stale: %s', async (...write) => {
  const { harness, source } = writeThrough()
  await harness.call('GET', 's:1')
  harness.clock.advance(1001)
  source.error = new Error('the connection broke')
  expect(await harness.call('GET', 's:1')).toBe('v')
  expect(await harness.raw(...write)).toBe('-ORIGIN users: the connection broke\r\n')
  expect(await harness.call('GET', 's:1')).toBe('v')
  harness.clock.advance(HOUR)
  expect(await harness.raw('GET', 's:1')).toBe('-ORIGIN users: the connection broke\r\n')
  harness.groups[0].store.verify()
})

test.each(WRITES)('a fresh value becomes stale: %s', async (...write) => {
  const { harness, source } = writeThrough()
  await harness.call('GET', 's:1')
  source.error = new Error('the connection broke')
  await harness.call(...write)
  expect(await harness.call('GET', 's:1')).toBe('v')
  // A command that changes a value never uses a stale one.
  expect(await harness.raw('APPEND', 's:1', 'x')).toBe('-ORIGIN users: the connection broke\r\n')
  source.error = undefined
  source.values.set('s:1', 'w')
  expect(await harness.call('GET', 's:1')).toBe('w')
})

test('the same for a write through the embedded API', async () => {
  const { harness, source } = writeThrough()
  const [users] = harness.groups
  const key = Buffer.from('s:1')
  await harness.call('GET', 's:1')
  source.error = new Error('the connection broke')
  await expect(changeValue(users, key, Buffer.from('w'), 0)).rejects.toThrow('users: the connection broke')
  expect(await fetchValue(users, key)).toEqual(Buffer.from('v'))
  source.error = undefined
  source.values.set('s:1', 'w')
  expect(await fetchValue(users, key)).toEqual(Buffer.from('w'))
})

test('a value that may not be served stale is dropped: without windows, an absence, set by a client', async () => {
  for (const key of ['s:1', 's:2', 's:3']) {
    const { harness, source } = writeThrough(key === 's:1' ? 0 : HOUR)
    if (key === 's:3') await harness.call('SET', key, 'w')
    else await harness.call('GET', key)
    const isCached = (): boolean => harness.groups[0].store.peek(Buffer.from(key), 0, key.length) !== NULL_REF
    expect(isCached()).toBe(true)
    source.error = new Error('the connection broke')
    await harness.call('SET', key, 'w')
    expect(isCached()).toBe(false)
  }
})

test('watchers are notified, and the result of a load under way is not stored', async () => {
  const { harness, source } = writeThrough()
  const notified: string[] = []
  harness.groups[0].watch({
    written: (_group, bytes, start, end) => void notified.push(bytes.toString('utf8', start, end)),
    flushed: () => undefined,
  })
  const release = source.hold()
  const read = harness.connect().call('GET', 's:1')
  await harness.settle()
  source.gate = undefined
  source.error = new Error('the connection broke')
  await harness.call('SET', 's:1', 'w')
  expect(notified).toEqual(['s:1'])
  release()
  expect(await read).toBe('v')
  expect(harness.groups[0].store.size).toBe(0)
})

test('a write that reaches the origin after its timeout makes a value that was loaded meanwhile stale', async () => {
  const { harness, source } = writeThrough()
  await harness.call('GET', 's:1')
  const release = source.hold()
  const written = harness.raw('SET', 's:1', 'w')
  await harness.settle()
  harness.clock.advance(50)
  expect(await written).toBe('-ORIGIN users: timed out after 50 ms\r\n')
  source.gate = undefined
  expect(await harness.call('GET', 's:1')).toBe('v')
  release()
  await harness.settle()
  source.error = new Error('the connection broke')
  expect(await harness.call('GET', 's:1')).toBe('v')
  source.error = undefined
  expect(await harness.call('GET', 's:1')).toBe('w')
})

function failure(facts: object): Error {
  return Object.assign(new Error('down'), facts)
}

const refused = failure({ code: 'ECONNREFUSED' })
const broken = failure({ code: 'ECONNRESET', syscall: 'read' })
const cycle: Error = new Error('down')
cycle.cause = cycle

test.each<[string, Error, boolean]>([
  ['refused', refused, true],
  ['to an unknown host name', failure({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }), true],
  ['without a route', failure({ code: 'EHOSTUNREACH', syscall: 'connect' }), true],
  [
    'refused, in the cause',
    new Error('down', { cause: new Error('fetch failed', { cause: refused }) }),
    true,
  ],
  ['refused at each address', new AggregateError([refused, refused], 'down'), true],
  ['that the source declares not applied', notApplied(new Error('down')), true],
  ['that broke at one address', new AggregateError([refused, broken], 'down'), false],
  ['that broke', broken, false],
  ['that broke as the route was lost', failure({ code: 'EHOSTUNREACH', syscall: 'read' }), false],
  ['with a cyclic cause', cycle, false],
])('a connection %s', async (_, error, isCertain) => {
  const { harness, source } = writeThrough()
  await harness.call('SET', 's:1', 'v')
  source.error = error
  expect(await harness.raw('SET', 's:1', 'w')).toBe('-ORIGIN users: down\r\n')
  expect(await harness.call('TTL', 's:1')).toBe(isCertain ? 1 : -2)
})
