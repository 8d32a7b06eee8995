// Origins over TCP that are slow, silent, cut off in the middle, or send invalid bytes, as databases fail.

import { describe, expect, onTestFinished, test } from 'vitest'
import { type Config, http, redis, sql } from '../../src/index.ts'
import { PATIENT_MS } from '../support/budget.ts'
import { serveHttp } from '../support/http-server.ts'
import { startNode, type TestNode } from '../support/node.ts'
import { poll } from '../support/poll.ts'
import { describeWithPostgres } from '../support/postgres.ts'
import { FaultyProxy, type Target } from '../support/proxy.ts'
import { describeWithRedis } from '../support/redis-server.ts'

type GroupInput = NonNullable<Config['groups']>[string]

/** Long enough to be cut in the middle. */
const VALUE = 'value '.repeat(4000)
/** Reached only if something hangs. */
const TIMEOUT = PATIENT_MS

/** A source with `VALUE` for the keys 1 to 1000, and no other keys. */
interface Source {
  target(): Target
  /** An origin at this port. */
  origin(port: number): GroupInput['origin']
}

interface Faulty {
  readonly node: TestNode
  readonly proxy: FaultyProxy
  get(key: number): Promise<string | null>
}

async function startFaulty(source: Source, group: GroupInput = {}, isThere = true): Promise<Faulty> {
  const proxy = await FaultyProxy.start(() => source.target())
  if (!isThere) proxy.refuse()
  const origin = source.origin(proxy.port)
  const node = await startNode({
    groups: { things: { originTimeout: TIMEOUT, breakAfter: 0, ...group, origin } },
  })
  onTestFinished(async () => {
    proxy.heal()
    await node.close()
    await proxy.close()
  })
  return { node, proxy, get: (key) => node.watcher.get(String(key)) }
}

/** The outcome of a read: the value, or the message of the error. */
function outcome(read: Promise<string | null>): Promise<string | null> {
  return read.catch((error: Error) => error.message)
}

/** Either is correct, as the driver may have retried. */
function expectValueOrError(end: string | null): void {
  if (end !== VALUE) expect(end).toMatch(/^ORIGIN things: ./)
}

function faults(source: () => Source): void {
  /** Resolves when loads work again; the first connection may still fail. */
  const recovers = async ({ get }: Faulty, key: number): Promise<void> => {
    await poll(async () => (await outcome(get(key))) === VALUE, 'a value')
  }

  test('slow, but within the timeout of a load', async () => {
    const faulty = await startFaulty(source())
    faulty.proxy.slow(30)
    expect(await faulty.get(1)).toBe(VALUE)
    expect(await faulty.get(0)).toBe(null)
  })

  test('silent: an error at the timeout, and never the reply to another query', async () => {
    const faulty = await startFaulty(source(), { originTimeout: '1s' })
    await recovers(faulty, 1)
    faulty.proxy.silence()
    const endings = await Promise.all([2, 3, 0].map((key) => outcome(faulty.get(key))))
    expect(new Set(endings)).toEqual(new Set(['ORIGIN things: timed out after 1000 ms']))
    expect(await faulty.get(1)).toBe(VALUE)
    faulty.proxy.heal()
    await recovers(faulty, 4)
    expect(await poll(async () => (await outcome(faulty.get(0))) ?? 'none', 'an absence')).toBe('none')
    await recovers(faulty, 2)
  })

  test('cut in the middle of a value: the whole value or an error, and the next load succeeds', async () => {
    const faulty = await startFaulty(source())
    await recovers(faulty, 1)
    for (const key of [2, 3, 4]) {
      faulty.proxy.cutAfter(VALUE.length / 2, 'back')
      expectValueOrError(await outcome(faulty.get(key)))
      await recovers(faulty, key)
    }
  })

  test('byte by byte', async () => {
    const faulty = await startFaulty(source())
    faulty.proxy.sendByteByByte()
    await recovers(faulty, 1)
  })

  test.each(['garbage\r\n', '\0\0\0\0\0'])('sends %j unasked: never a wrong value', async (garbage) => {
    const faulty = await startFaulty(source(), { originTimeout: '1s' })
    await recovers(faulty, 1)
    faulty.proxy.inject(garbage, 'back')
    for (const key of [2, 3, 4]) expectValueOrError(await outcome(faulty.get(key)))
    faulty.proxy.slow(50, 'there')
    const under = [5, 6, 7].map((key) => outcome(faulty.get(key)))
    await new Promise((resolve) => setImmediate(resolve))
    faulty.proxy.inject(garbage, 'back')
    for (const each of await Promise.all(under)) expectValueOrError(each)
    faulty.proxy.heal()
    for (const key of [2, 3, 4, 5, 6, 7]) await recovers(faulty, key)
  })

  test('unreachable when the node starts: a warning, and it is used as soon as it is reachable', async () => {
    const faulty = await startFaulty(source(), {}, false)
    expect(await outcome(faulty.get(1))).toMatch(/^ORIGIN things: ./)
    expect(await faulty.node.watcher.ping()).toBe('PONG')
    faulty.proxy.heal()
    await recovers(faulty, 1)
  })

  test('down: stale values are served, misses fail at once, and loads resume when it recovers', async () => {
    const faulty = await startFaulty(source(), {
      ttl: '20ms',
      jitter: 0,
      staleIfError: '1h',
      breakAfter: 5,
      breakFor: '100ms',
    })
    const { node, proxy, get } = faulty
    expect(await get(1)).toBe(VALUE)
    proxy.refuse()
    const isOpen = async (): Promise<boolean> => {
      expect(await get(1)).toBe(VALUE)
      return Number(await node.groupInfo('things', 'breaker-opened')) > 0
    }
    await poll(isOpen, 'the breaker to open')
    const refusal =
      /^ORIGIN things: circuit breaker (open for \d+ ms|half-open with a trial call running), after \d+ failures in a row: ./
    await poll(async () => refusal.test((await outcome(get(2))) ?? ''), 'a rejection')
    for (let i = 0; i < 20; i++) expect(await get(1)).toBe(VALUE)
    proxy.heal()
    await recovers(faulty, 2)
    await poll(async () => (await node.groupInfo('things', 'breaker')) === 'closed', 'the breaker to close')
  })
}

describeWithPostgres('a PostgreSQL', (postgres) => {
  faults(() => ({
    target: () => postgres().target,
    origin: (port) =>
      sql({
        url: `postgres://postgres@127.0.0.1:${port}/postgres`,
        keys: '{id:int}',
        query: `select repeat('value ', 4000) where $1 between 1 and 1000`,
        pool: 3,
        connectTimeout: TIMEOUT,
        statementTimeout: TIMEOUT,
      }),
  }))
})

describeWithRedis('a Redis', (server) => {
  faults(() => ({
    target: () => ({ path: server().socketPath }),
    origin: (port) => {
      void server().pipeline(Array.from({ length: 1000 }, (_, i) => ['SET', String(i + 1), VALUE]))
      return redis({ url: `redis://127.0.0.1:${port}`, connectTimeout: TIMEOUT, timeout: TIMEOUT })
    },
  }))
})

describe('an HTTP server', () => {
  let port = 0
  faults(() => ({
    target: () => ({ port }),
    origin: (through) => {
      void serveHttp((request, response) => {
        const key = Number(request.url?.slice(1))
        if (key >= 1 && key <= 1000) response.end(VALUE)
        else response.writeHead(404).end('no such thing')
      }).then((own) => {
        port = own
      })
      return http({ url: `http://127.0.0.1:${through}/{key}`, connectTimeout: TIMEOUT, timeout: TIMEOUT })
    },
  }))

  test.each([
    ['a body shorter than it says', { 'content-length': '100' }, 'short', /^ORIGIN things: ./],
    ['a list where keys and values are wanted', {}, '["a"]', /not an object from key to value/],
    ['JSON that ends early', {}, '{"1": "a', /invalid JSON/],
  ])('a batch with %s is an error, and nothing is stored', async (_name, headers, body, message) => {
    let isWrong = true
    const own = await serveHttp((_, response) => {
      if (!isWrong) {
        response.end('{"1": "one", "2": {"two": 12345678901234567890}}')
        return
      }
      response.writeHead(200, headers)
      response.write(body)
      if ('content-length' in headers) response.destroy()
      else response.end()
    })
    const base = `http://127.0.0.1:${own}`
    const node = await startNode({
      groups: {
        things: { breakAfter: 0, origin: http({ url: `${base}/{key}`, batchUrl: `${base}/batch` }) },
      },
    })
    onTestFinished(() => node.close())
    await expect(node.watcher.mget('1', '2')).rejects.toThrow(message)
    expect(await node.groupInfo('things', 'keys')).toBe(0)
    isWrong = false
    expect(await node.watcher.mget('1', '2', '3')).toEqual(['one', '{"two": 12345678901234567890}', null])
  })

  test('that recovers gets one call, then gradually more: never all waiting loads at once', async () => {
    const KEYS = Array.from({ length: 1000 }, (_, i) => i)
    let active = 0
    let answered = 0
    let isBack = false
    /** At the start of each call: the number of active calls, and of those that were answered before. */
    const loads: { readonly active: number; readonly answered: number }[] = []
    const own = await serveHttp((request, response) => {
      if (!isBack) {
        response.destroy()
        return
      }
      loads.push({ active: ++active, answered })
      setTimeout(() => {
        active--
        answered++
        response.end(`value of ${request.url}`)
      }, 2)
    })
    const node = await startNode({
      groups: {
        things: {
          maxBytes: '16mb',
          breakAfter: 5,
          breakFor: '50ms',
          originTimeout: PATIENT_MS,
          origin: http({ url: `http://127.0.0.1:${own}/{key}`, connections: 1000 }),
        },
      },
    })
    onTestFinished(() => node.close())
    const wait = async (key: number): Promise<void> => {
      await poll(async () => (await outcome(node.watcher.get(String(key)))) === `value of /${key}`, `${key}`)
    }
    const waiting = Promise.all(KEYS.map(wait))
    await poll(
      async () => Number(await node.groupInfo('things', 'refused')) > 5000,
      'thousands of rejected loads',
    )
    isBack = true
    await waiting
    expect(loads).toHaveLength(1000)
    expect(loads[0]).toEqual({ active: 1, answered: 0 })
    for (const load of loads) expect(load.active).toBeLessThanOrEqual(Math.min(256, 1 + load.answered))
    expect(Math.max(...loads.map(({ active }) => active))).toBeGreaterThan(8)
  })
})
