// A miss of 1,000 ms held back the hits behind it on its connection: `maxWait` bounds how long a command waits for a load.

import { describe, expect, onTestFinished, test } from 'vitest'
import { OriginError } from '../../src/index.ts'
import { startCluster } from '../support/cluster.ts'
import { Harness, type HarnessOptions } from '../support/harness.ts'
import { poll } from '../support/poll.ts'

const CUT = 'no answer from the origin within 100 ms; the load goes on'

type Policy = NonNullable<HarnessOptions['groups']>[string]

/** A group whose loads the test answers, by key. */
class Setup {
  readonly loads = new Map<string, (value: string | null) => void>()
  readonly harness: Harness

  constructor(policy: Policy = {}, origin: object = {}) {
    const load = (key: string): Promise<string | null> =>
      new Promise((resolve) => this.loads.set(key, resolve))
    this.harness = new Harness({
      groups: { users: { maxWaitMs: 100, ...policy, origin: { load, ...origin } } },
    })
  }

  /** The replies to commands of as many clients; `undefined`: none yet. */
  async ask(...commands: string[][]): Promise<(string | undefined)[]> {
    const replies: (string | undefined)[] = commands.map(() => undefined)
    for (const [i, command] of commands.entries())
      void this.harness
        .connect()
        .raw(...command)
        .then((reply) => {
          replies[i] = reply
        })
    await this.harness.settle()
    return replies
  }

  async advance(ms: number): Promise<void> {
    this.harness.clock.advance(ms)
    await this.harness.settle()
  }

  async answer(key: string, value: string | null): Promise<void> {
    const { loads } = this
    loads.get(key)?.(value)
    await this.harness.settle()
  }

  async info(): Promise<Record<string, unknown>> {
    const fields = (await this.harness.call('GROUP', 'INFO', 'users')) as unknown[]
    return Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : [])))
  }
}

test('without a stale value a read gets an error; the load goes on and is cached', async () => {
  const at = new Setup()
  const replies = await at.ask(['GET', 'Tom'], ['STRLEN', 'Tom'])
  await at.advance(99)
  expect(replies).toEqual([undefined, undefined])
  await at.advance(1)
  expect(replies).toEqual([`-ORIGIN users: ${CUT}\r\n`, `-ORIGIN users: ${CUT}\r\n`])
  expect(await at.info()).toMatchObject({ 'wait-timeouts': 2, 'max-wait-ms': 100, loading: 1, failures: 0 })
  await at.answer('Tom', '630')
  expect(await at.ask(['GET', 'Tom'])).toEqual(['$3\r\n630\r\n'])
  expect(await at.info()).toMatchObject({ loads: 1, loading: 0, hits: 1 })
  expect(String(await at.harness.call('INFO', 'groups'))).toContain(',wait_timeouts=2,')
  await at.harness.call('CONFIG', 'RESETSTAT')
  expect(await at.info()).toMatchObject({ 'wait-timeouts': 0 })
})

test('without `maxWait` a read waits until the load ends', async () => {
  const at = new Setup({ maxWaitMs: 0 })
  const replies = await at.ask(['GET', 'Tom'])
  await at.advance(3_600_000)
  expect([replies, at.harness.clock.pending]).toEqual([[undefined], 0])
  expect(await at.harness.call('EXPLAIN', 'Tom')).toMatchObject({ 34: 'max-wait-ms', 35: null })
  await at.answer('Tom', '630')
  expect(replies).toEqual(['$3\r\n630\r\n'])
})

test('EXPLAIN says how long a read waits, and counts the waiters that are left', async () => {
  const at = new Setup()
  await at.ask(['GET', 'Tom'])
  const explain = async (): Promise<unknown> =>
    ((await at.harness.call('EXPLAIN', 'Tom')) as unknown[]).slice(28)
  expect(await explain()).toEqual(['flight', 'loading', 'flight-ms', 0, 'waiters', 1, 'max-wait-ms', 100])
  await at.advance(150)
  expect(await explain()).toEqual(['flight', 'loading', 'flight-ms', 150, 'waiters', 0, 'max-wait-ms', 100])
})

test('a stale value is served within its window, and by no write', async () => {
  const freshness = { staleWhileRevalidateMs: 0, staleIfErrorMs: 1000, refreshAhead: 0 }
  const at = new Setup({ ttlMs: 1000, freshness })
  await at.ask(['GET', 'n'])
  await at.answer('n', '7')
  await at.advance(1500)
  const replies = await at.ask(['GET', 'n'], ['MGET', 'n', 'n'], ['INCR', 'n'])
  await at.advance(100)
  expect(replies).toEqual([
    '$1\r\n7\r\n',
    '*2\r\n$1\r\n7\r\n$1\r\n7\r\n',
    `-ORIGIN users: ${CUT}, and nothing was changed\r\n`,
  ])
  expect(await at.info()).toMatchObject({ rescued: 2, 'wait-timeouts': 3, loads: 2 })
  await at.advance(600)
  const late = await at.ask(['GET', 'n'])
  await at.advance(100)
  expect(late).toEqual([`-ORIGIN users: ${CUT}\r\n`])
  await at.answer('n', '8')
  expect(await at.ask(['GET', 'n'])).toEqual(['$1\r\n8\r\n'])
})

test('a command with many keys waits once for all of them', async () => {
  const at = new Setup()
  const replies = await at.ask(['MGET', 'a', 'b', 'c'])
  await at.advance(60)
  await at.answer('a', '1')
  await at.answer('c', null)
  await at.advance(40)
  expect(replies).toEqual([`-ORIGIN users: ${CUT}\r\n`])
  await at.answer('b', '2')
  expect(await at.ask(['MGET', 'a', 'b'])).toEqual(['*2\r\n$1\r\n1\r\n$1\r\n2\r\n'])
})

test('keys that were cached and are not any more get only the rest of the time', async () => {
  const at = new Setup()
  await at.ask(['GET', 'cached'])
  await at.answer('cached', '1')
  const replies = await at.ask(['MGET', 'cached', 'missing'])
  await at.ask(['INVALIDATE', 'cached'])
  await at.advance(60)
  await at.answer('missing', '2')
  expect([replies, at.harness.groups[0].flights?.size]).toEqual([[undefined], 1])
  await at.advance(39)
  expect(replies).toEqual([undefined])
  await at.advance(1)
  expect(replies).toEqual([`-ORIGIN users: ${CUT}\r\n`])
})

test('keys of a batch, and a batch that the origin has not got yet', async () => {
  let batch: ((values: string[]) => void) | undefined
  const loadMany = (): Promise<string[]> =>
    new Promise((resolve) => {
      batch = resolve
    })
  const at = new Setup({}, { loadMany })
  const replies = await at.ask(['GET', 'a'], ['GET', 'b'])
  await at.advance(100)
  expect(replies).toEqual([`-ORIGIN users: ${CUT}\r\n`, `-ORIGIN users: ${CUT}\r\n`])
  batch?.(['1', '2'])
  await at.harness.settle()
  expect(await at.ask(['MGET', 'a', 'b'])).toEqual(['*2\r\n$1\r\n1\r\n$1\r\n2\r\n'])
})

test('what another client sets meanwhile is the answer', async () => {
  const at = new Setup()
  const replies = await at.ask(['GET', 'Tom'], ['GET', 'gone'], ['APPEND', 'n', '1'])
  await at.ask(['SET', 'Tom', 'new'], ['SET', 'n', '4'])
  await at.advance(100)
  expect(replies).toEqual(['$3\r\nnew\r\n', `-ORIGIN users: ${CUT}\r\n`, ':2\r\n'])
})

test('commands of one connection on one key each have their own time', async () => {
  const at = new Setup()
  const client = at.harness.connect()
  const replies: string[] = []
  for (const command of [
    ['INCR', 'n'],
    ['GET', 'n'],
    ['SET', 'n', '5'],
    ['GET', 'n'],
  ])
    void client.raw(...command).then((reply) => replies.push(reply))
  await at.harness.settle()
  await at.advance(100)
  expect(replies).toEqual([`-ORIGIN users: ${CUT}, and nothing was changed\r\n`])
  await at.advance(100)
  expect(replies.slice(1)).toEqual([`-ORIGIN users: ${CUT}\r\n`, '+OK\r\n', '$1\r\n5\r\n'])
  await at.answer('n', '1')
  expect(await at.ask(['GET', 'n'])).toEqual(['$1\r\n5\r\n'])
})

describe.each(['through', 'behind'] as const)('write %s', (mode) => {
  test('a command that loads first changes nothing after `maxWait`', async () => {
    const written: string[] = []
    const store = (key: string, value: Uint8Array): void =>
      void written.push(`${key}=${Buffer.from(value).toString()}`)
    const writes = { mode, queue: 100, queueBytes: 10_000 }
    const at = new Setup({ writes }, { store, remove: () => undefined })
    const replies = await at.ask(['INCR', 'n'], ['SETNX', 'm', '1'])
    await at.advance(100)
    const refused = `-ORIGIN users: ${CUT}, and nothing was changed\r\n`
    expect([replies, written]).toEqual([[refused, refused], []])
    await at.answer('n', '41')
    expect(await at.ask(['INCR', 'n'])).toEqual([':42\r\n'])
    await poll(() => written.length === 1, 'a write')
    expect([written, await at.ask(['GET', 'n'])]).toEqual([['n=42'], ['$2\r\n42\r\n']])
  })
})

test('hits behind a slow miss on one connection, its owner or not; and calls of a program', async () => {
  const loads = new Map<string, (value: string) => void>()
  const origin = (key: string): Promise<string> | string =>
    key.startsWith('hot') ? 'hot' : new Promise((resolve) => loads.set(key, resolve))
  const groups = { users: { maxBytes: '4mb', maxWait: '20ms', origin } } as const
  const cluster = await startCluster(2, { groups })
  onTestFinished(() => cluster.close())
  const keys = Array.from({ length: 8 }, (_, i) => `slow:${i}`)
  const error = 'users: no answer from the origin within 20 ms; the load goes on'
  for (const { node, watcher } of cluster.members) {
    const pipeline = watcher.pipeline()
    for (const key of keys) pipeline.get(key).get(`hot:${key}`)
    const replies = (await pipeline.exec()) ?? []
    expect(replies.map(([failed, value]) => failed?.message ?? value)).toEqual(
      keys.flatMap(() => [`ORIGIN ${error}`, 'hot']),
    )
    for (const key of keys) await expect(node.get('users', key)).rejects.toThrow(new OriginError(error))
    await expect(node.getMany('users', keys)).rejects.toThrow(OriginError)
  }
  expect([...loads.keys()].sort()).toEqual(keys)
  for (const [key, answer] of loads) answer(`of ${key}`)
  for (const { node } of cluster.members)
    await poll(async () => {
      const values = await node.getMany('users', keys).catch(() => [])
      return values.join() === keys.map((key) => `of ${key}`).join()
    }, 'the loaded values')
})
