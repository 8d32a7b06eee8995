// Cluster commands compared with redis-server in cluster mode: shapes, texts, errors.

import { beforeAll, expect, test } from 'vitest'
import { RawClient } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import { describeWithRedis, type RedisServer } from '../../support/redis-server.ts'

const ANNOUNCED = ['--cluster-announce-ip', '127.0.0.1', '--cluster-announce-port', '7000']
/** Erinys has no separate cluster bus port. */
const BUS = ['--cluster-announce-bus-port', '7000']

const SAME = `
CLUSTER
CLUSTER nosuch
CLUSTER INFO
CLUSTER INFO x
CLUSTER MYID
CLUSTER MYID x
CLUSTER NODES
CLUSTER NODES x
CLUSTER SLOTS
CLUSTER SLOTS x
CLUSTER SHARDS
CLUSTER SHARDS x
CLUSTER LINKS
CLUSTER LINKS x
CLUSTER HELP x
CLUSTER KEYSLOT
CLUSTER KEYSLOT a
CLUSTER KEYSLOT {a}b
CLUSTER KEYSLOT {}b
CLUSTER KEYSLOT a b
CLUSTER COUNTKEYSINSLOT
CLUSTER COUNTKEYSINSLOT x
CLUSTER COUNTKEYSINSLOT 1.5
CLUSTER COUNTKEYSINSLOT -1
CLUSTER COUNTKEYSINSLOT 16384
CLUSTER COUNTKEYSINSLOT 9223372036854775807
CLUSTER COUNTKEYSINSLOT 9223372036854775808
CLUSTER COUNTKEYSINSLOT 15495
SET a 1
SET {a}b 1
SET c 1
CLUSTER COUNTKEYSINSLOT 15495
CLUSTER COUNTKEYSINSLOT 7365
CLUSTER GETKEYSINSLOT 7365
CLUSTER GETKEYSINSLOT x 1
CLUSTER GETKEYSINSLOT 7365 x
CLUSTER GETKEYSINSLOT 7365 -1
CLUSTER GETKEYSINSLOT -1 1
CLUSTER GETKEYSINSLOT 16384 1
CLUSTER GETKEYSINSLOT 7365 0
CLUSTER GETKEYSINSLOT 7365 1
CLUSTER GETKEYSINSLOT 7365 9223372036854775807
CLUSTER GETKEYSINSLOT 0 5
READONLY
READONLY x
READWRITE
READWRITE x
ASKING
ASKING x
GET a
INFO cluster
`

const COMMANDS = SAME.trim()
  .split('\n')
  .map((line) => line.split(' '))

/** A reply without node ids, and without the fields that Erinys adds to CLUSTER INFO. */
function comparable(reply: string): string {
  return reply
    .replaceAll(/\b[\da-f]{40}\b/g, 'id')
    .replace(/^([$=])\d+\r\n((?:txt:)?# Cluster\r\ncluster_enabled:1\r\n).*/s, '$1$2')
}

describeWithRedis(
  'cluster commands',
  (redis: () => RedisServer) => {
    let raw: RawClient
    beforeAll(async () => {
      await redis().call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
      await redis().call('CLUSTER', 'BUMPEPOCH')
      // Redis reports the state "ok" some time later.
      while (!String(await redis().call('CLUSTER', 'INFO')).startsWith('cluster_state:ok'));
      raw = await RawClient.connect(redis().socketPath)
      return () => raw.close()
    })

    test.each([2, 3] as const)('have the same replies and errors in RESP%i', async (protocol) => {
      const harness = new Harness({ cluster: { host: '127.0.0.1', port: 7000 } })
      await harness.joined
      await raw.run([['HELLO', protocol]])
      const hello = await harness.raw('HELLO', protocol)
      expect(hello).toContain('$4\r\nmode\r\n$7\r\ncluster\r\n')
      const wanted = await raw.run(COMMANDS)
      const given: string[] = []
      for (const command of COMMANDS) given.push(await harness.raw(...command))
      const normalized = (replies: readonly string[]): string[] =>
        COMMANDS.map((command, i) => `${command.join(' ')} → ${comparable(replies[i])}`)
      expect(normalized(given)).toEqual(normalized(wanted))
      await raw.run([['FLUSHALL']])
    })
  },
  '--cluster-enabled',
  'yes',
  ...ANNOUNCED,
  ...BUS,
)
