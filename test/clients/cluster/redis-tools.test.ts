import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type TestCluster } from '../../support/cluster.ts'
import { describeWithExecutable, execute } from '../../support/executable.ts'

const KEYS: readonly string[] = Array.from({ length: 1000 }, (_, i) => `key:${i}`)

describe.each(['forward', 'moved'] as const)(
  'when a node that is not the owner gets a request: %s',
  (redirect) => {
    let cluster: TestCluster
    beforeAll(async () => {
      cluster = await startCluster(3, { cluster: { redirect }, groups: { cache: { maxBytes: '16mb' } } })
    })
    afterAll(() => cluster.close())

    describeWithExecutable('redis-cli', 'redis-cli -c', (cli) => {
      test('sets and gets 1,000 keys through one node', async () => {
        const before = await cluster.forwarded()
        const commands = KEYS.map((key) => `SET ${key} "value of ${key}"\nGET ${key}\n`).join('')
        const { stdout } = await execute(cli, ['-c', '-p', String(cluster.ports[0])], commands)
        const replies = stdout.replaceAll(/^-> Redirected to slot .*\n/gm, '')
        expect(replies).toBe(KEYS.map((key) => `OK\nvalue of ${key}\n`).join(''))
        const hops = (await cluster.forwarded()) - before
        // It sends commands to the node that it is connected to, and follows redirections.
        if (redirect === 'moved') expect(hops).toBe(0)
        else expect(hops).toBeGreaterThan(1000)
      })

      test('--cluster info counts each key once', async () => {
        const { stdout } = await execute(cli, ['--cluster', 'info', `127.0.0.1:${cluster.ports[1]}`])
        expect(stdout).toContain(`[OK] ${KEYS.length} keys in 3 masters.`)
        // A connection that knows of one node only.
        const size = await execute(cli, ['-p', String(cluster.ports[1]), 'DBSIZE'])
        if (redirect === 'forward') expect(size.stdout).toBe(`${KEYS.length}\n`)
        else expect(Number(size.stdout)).toBeLessThan(KEYS.length)
      })

      test('checks the cluster', async () => {
        const { code, stdout } = await execute(cli, ['--cluster', 'check', `127.0.0.1:${cluster.ports[1]}`])
        expect(stdout).toContain('[OK] All nodes agree about slots configuration.')
        expect(stdout).toContain('[OK] All 16384 slots covered.')
        expect(code).toBe(0)
      })
    })

    describeWithExecutable('redis-benchmark', 'redis-benchmark --cluster', (benchmark) => {
      test('sends requests to owners only', async () => {
        const before = await cluster.forwarded()
        const args = ['--cluster', '-p', String(cluster.ports[2]), '-c', '6', '-n', '1000', '-r', '1000']
        const { code, stdout } = await execute(benchmark, [...args, '-t', 'set,get', '-q'])
        expect(stdout).toContain('Cluster has 3 master nodes:')
        for (const port of cluster.ports) expect(stdout).toContain(`127.0.0.1:${port}`)
        expect(stdout).toMatch(/SET: .* requests per second.*GET: .* requests per second/s)
        expect(code).toBe(0)
        expect((await cluster.forwarded()) - before).toBe(0)
      })
    })
  },
)
