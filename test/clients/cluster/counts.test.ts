// Clients that ask every node and add up: each key is counted and scanned once.

import { createCluster } from '@redis/client'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startCluster, type TestCluster } from '../../support/cluster.ts'
import { describeWithExecutable, execute } from '../../support/executable.ts'
import { describeWithGlide } from '../../support/glide.ts'

const KEYS: readonly string[] = Array.from({ length: 101 }, (_, i) => `key:${i}`)
const SORTED = [...KEYS].sort()

/** Counts what a scan finds; the arguments are the port of a node and the setting `redirect`. */
const PYTHON = `
import sys
try:
    from redis.cluster import RedisCluster, ClusterNode
except ImportError:
    sys.exit('no redis-py')
node = ClusterNode('127.0.0.1', int(sys.argv[1]))
client = RedisCluster(startup_nodes=[node], read_from_replicas=sys.argv[2] == 'forward')
print(sum(client.dbsize(target_nodes=node) for node in client.get_primaries()), len(list(client.scan_iter())))
`

const PHP = `
$client = new RedisCluster(null, ["127.0.0.1:" . $argv[1]]);
$keys = 0;
$size = 0;
foreach ($client->_masters() as $master) {
  if ($argv[2] == "forward") $client->rawCommand($master, "READONLY");
  $size += $client->dbsize($master);
  $it = null;
  do {
    $found = $client->scan($it, $master);
    if ($found) $keys += count($found);
  } while ($it > 0);
}
echo "$size $keys";
`

describe.each(['forward', 'moved'] as const)('redirect: %s', (redirect) => {
  const isTold = redirect === 'forward'
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await startCluster(3, { cluster: { redirect }, groups: { cache: { maxBytes: '16mb' } } })
    // A program is never redirected.
    await Promise.all(KEYS.map((key) => cluster.members[0].node.set('cache', key, 'value')))
  })
  afterAll(() => cluster.close())

  test('ioredis', async () => {
    const client = new Redis.Cluster([{ host: '127.0.0.1', port: cluster.ports[0] }])
    onTestFinished(() => client.disconnect())
    await client.get('key:1')
    const nodes = client.nodes('master')
    if (isTold) for (const node of nodes) await node.readonly()
    expect(sum(await Promise.all(nodes.map((node) => node.dbsize())))).toBe(KEYS.length)
    const found: string[] = []
    for (const node of nodes) for await (const keys of node.scanStream()) found.push(...(keys as string[]))
    expect(found.sort()).toEqual(SORTED)
  })

  test('node-redis', async () => {
    const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${cluster.ports[0]}` }] })
    onTestFinished(() => client.destroy())
    await client.connect()
    const nodes = await Promise.all(client.masters.map((master) => client.nodeClient(master)))
    if (isTold) for (const node of nodes) await node.sendCommand(['READONLY'])
    expect(sum(await Promise.all(nodes.map((node) => node.dbSize())))).toBe(KEYS.length)
    const found: string[] = []
    for (const node of nodes) for await (const keys of node.scanIterator()) found.push(...keys)
    expect(found.sort()).toEqual(SORTED)
  })

  describeWithGlide(({ ClusterScanCursor, GlideClusterClient }) => {
    test('valkey-glide', async () => {
      const client = await GlideClusterClient.createClient({
        addresses: [{ host: '127.0.0.1', port: cluster.ports[0] }],
        readFrom: isTold ? 'preferReplica' : 'primary',
      })
      onTestFinished(() => client.close())
      expect(await client.dbsize()).toBe(KEYS.length)
      const found: string[] = []
      for (let cursor = new ClusterScanCursor(); !cursor.isFinished(); ) {
        const [next, keys] = await client.scan(cursor)
        cursor = next
        found.push(...keys.map(String))
      }
      expect(found.sort()).toEqual(SORTED)
    })
  })

  test('redis-py', async (context) => {
    // The first one on PATH may be without the package that the system's has.
    for (const python of ['python3', '/usr/bin/python3']) {
      const args = ['-c', PYTHON, String(cluster.ports[0]), redirect]
      const result = await execute(python, args).catch(() => undefined)
      if (result === undefined || result.stderr.includes('no redis-py')) continue
      expect(result).toEqual({ code: 0, stdout: `${KEYS.length} ${KEYS.length}\n`, stderr: '' })
      return
    }
    context.skip()
  })

  describeWithExecutable(
    'php',
    'phpredis',
    (php) => {
      test('RedisCluster', async (context) => {
        const { stdout: modules } = await execute(php, ['-m'])
        if (!/^redis$/m.test(modules)) context.skip()
        const { stdout } = await execute(php, ['-r', PHP, String(cluster.ports[0]), redirect])
        expect(stdout).toBe(`${KEYS.length} ${KEYS.length}`)
      })
    },
    'php',
  )
})

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
