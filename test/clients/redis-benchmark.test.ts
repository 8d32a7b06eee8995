import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithExecutable, type Execution, execute } from '../support/executable.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { startNode, type TestNode } from '../support/node.ts'

const REQUESTS = 2000

/** Its default tests whose commands Erinys has, by their names in its report. */
const TESTS = {
  ping_inline: 'PING_INLINE',
  ping_mbulk: 'PING_MBULK',
  set: 'SET',
  get: 'GET',
  incr: 'INCR',
  mset: 'MSET (10 keys)',
}

describeWithExecutable('redis-benchmark', 'redis-benchmark', (executable) => {
  const gate = new GatedOrigin()
  let node: TestNode
  beforeAll(async () => {
    node = await startNode({
      groups: { cache: { maxBytes: '64mb' }, gated: { maxBytes: '64mb', origin: gate } },
    })
  })
  afterAll(async () => {
    await node.close()
    expect(node.unexpected).toEqual([])
  })

  /** By command: the number of calls; and the number of error replies. */
  async function statistics(): Promise<Record<string, number>> {
    const text = await node.watcher.info('commandstats', 'stats')
    const calls = [...text.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(([, name, count]) => [
      name,
      Number(count),
    ])
    return { ...Object.fromEntries(calls), errors: Number(/total_error_replies:(\d+)/.exec(text)?.[1]) }
  }

  function benchmark(...args: string[]): Promise<Execution> {
    return execute(executable, ['-p', String(node.port), '-n', String(REQUESTS), ...args])
  }

  /** Runs redis-benchmark; returns the names of the tests in its report, and the calls of each command. */
  async function run(...args: string[]): Promise<{ names: string[]; calls: Record<string, number> }> {
    await node.watcher.config('RESETSTAT')
    const { code, stdout, stderr } = await benchmark('--csv', ...args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = stdout.trimEnd().split('\n').slice(1)
    const names = rows.map((row) => {
      const [, name, rate] = /^"(.*?)","([\d.]+)",/.exec(row) ?? expect.fail(row)
      expect(Number(rate)).toBeGreaterThan(0)
      return name
    })
    const calls = await statistics()
    expect(calls.errors).toBe(0)
    return { names, calls }
  }

  describe.each([
    ['one at a time', '-P', '1'],
    ['pipelines of 16', '-P', '16'],
    ['pipelines of 16 on RESP3', '-P', '16', '-3'],
  ])('%s', (_, ...options) => {
    test('runs every default test whose command exists', async () => {
      const { names, calls } = await run('-t', Object.keys(TESTS).join(','), ...options)
      expect(names).toEqual(Object.values(TESTS))
      expect(calls.ping).toBeGreaterThanOrEqual(2 * REQUESTS)
      for (const command of ['set', 'get', 'incr', 'mset'])
        expect(calls[command]).toBeGreaterThanOrEqual(REQUESTS)
    })
  })

  test('with random keys and large values', async () => {
    await node.watcher.flushall()
    const { calls } = await run('-t', 'set,get,mset', '-r', '500', '-d', '10000', '-P', '4', '-c', '10')
    expect(calls.mset).toBeGreaterThanOrEqual(REQUESTS)
    const keys = await node.watcher.keys('*')
    expect(keys.length).toBeGreaterThan(450)
    for (const key of keys.slice(0, 10)) expect(await node.watcher.strlen(key)).toBe(10_000)
  })

  test('with a connection for each request', async () => {
    await node.watcher.config('RESETSTAT')
    const { code, stdout } = await execute(executable, [
      '-p',
      String(node.port),
      '-n',
      '200',
      '-k',
      '0',
      '-q',
      '-t',
      'get',
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(/GET: [\d.]+ requests per second/)
    expect((await statistics()).get).toBe(200)
    await node.clients(0)
  })

  test('with threads, in a group by its index', async () => {
    await node.watcher.flushall()
    const { calls } = await run('-t', 'set,incr', '--threads', '2', '--dbnum', '0', '-P', '2')
    expect(calls.incr).toBeGreaterThanOrEqual(REQUESTS)
    expect(Number(await node.watcher.get('counter:__rand_int__'))).toBe(calls.incr)
  })

  test('300 clients that miss the same key share one load', async () => {
    const report = benchmark('-c', '300', '--dbnum', '1', '-q', 'GET', 'cold')
    await node.waiters('gated', 'cold', 300)
    gate.give('cold', 'warm')
    expect(await report).toMatchObject({ code: 0 })
    expect(gate.asked).toEqual(['cold'])
  })

  test('gets an error for a command that does not exist', async () => {
    const { code, stderr } = await benchmark('-q', 'NONSENSE', 'key')
    expect(code).toBe(1)
    expect(stderr).toContain("Error from server: ERR unknown command 'NONSENSE'")
  })
})
