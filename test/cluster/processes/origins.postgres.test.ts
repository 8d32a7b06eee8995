// PostgreSQL notifies three nodes of changes, each over a connection of its own that breaks or falls silent.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { sql } from '../../../src/index.ts'
import { triggerSql } from '../../../src/origin/sql/postgres/trigger.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import { startCluster, type TestCluster } from '../../support/cluster.ts'
import { poll } from '../../support/poll.ts'
import { describeWithPostgres } from '../../support/postgres.ts'
import { FaultyProxy } from '../../support/proxy.ts'

const KEYS = Array.from({ length: 30 }, (_, i) => `user:${i}`)

describeWithPostgres('change notifications from PostgreSQL', (postgres) => {
  let cluster: TestCluster
  /** Between each node and the database. */
  let proxies: FaultyProxy[]
  let round = 0

  beforeAll(async () => {
    await postgres().run('create table users (id int primary key, name text)')
    await postgres().run(triggerSql({ table: 'users', column: 'id', channel: 'users', key: 'user:{id}' }))
    await postgres().run(`insert into users select id, 'name 0' from generate_series(0, 29) as id`)
    proxies = await Promise.all([0, 1, 2].map(() => FaultyProxy.start(() => postgres().target)))
    cluster = await startCluster(3, {
      each: (place) => ({
        groups: {
          users: {
            maxBytes: '16mb',
            originTimeout: '2s',
            breakAfter: 0,
            origin: sql({
              url: `postgres://postgres@127.0.0.1:${proxies[place].port}/postgres`,
              keys: 'user:{id:int}',
              query: 'select name from users where id = $1',
              batchQuery: 'select id, name from users where id = any($1)',
              pool: 2,
              listen: 'users',
            }),
          },
        },
      }),
    })
  })
  afterAll(async () => {
    await cluster.close()
    await Promise.all(proxies.map((proxy) => proxy.close()))
  })

  const read = (node: number): Promise<(string | null)[]> => cluster.members[node].watcher.mget(KEYS)
  const update = async (): Promise<void> => {
    await postgres().run(`update users set name = 'name ${++round}'`)
  }
  /** Resolves when every node answers with the last update of all rows. */
  const seenByAll = async (): Promise<void> => {
    for (const node of [0, 1, 2]) {
      const isNew = async (): Promise<boolean> => {
        const names = await read(node).catch(() => [])
        return names.length === KEYS.length && names.every((name) => name === `name ${round}`)
      }
      await poll(isNew, `the names of round ${round} at ${node}`)
    }
  }

  beforeEach(async () => {
    await update()
    await seenByAll()
  })

  test('reach every node', async () => {
    for (let i = 0; i < 5; i++) {
      await update()
      await seenByAll()
    }
    await postgres().run('delete from users where id = 7')
    await poll(async () => (await read(1))[7] === null, 'a row that is gone')
    await postgres().run(`insert into users values (7, 'name ${round}')`)
    await seenByAll()
  })

  test('are lost with the connection of one node: it invalidates its values when it reconnects', async () => {
    for (const node of [0, 1, 2]) {
      proxies[node].refuse()
      await update()
      // Meanwhile it serves its values, old or not.
      await expect(cluster.members[node].watcher.get(KEYS[0])).resolves.toMatch(/^name /)
      proxies[node].heal()
      await seenByAll()
    }
  })

  test('are lost on a silent connection: the node notices and reconnects', async () => {
    const before = cluster.warnings.length
    proxies[0].silence()
    await update()
    const isFound = (): boolean =>
      cluster.warnings.slice(before).some((each) => each.includes('change notifications are interrupted'))
    await poll(isFound, 'the silence to be noticed')
    proxies[0].heal()
    await seenByAll()
  })

  test('apply to entries that a node takes over from a disconnected node', async () => {
    proxies[0].refuse()
    await poll(() => proxies[0].connections === 0, 'the connections to end')
    await update()
    const [{ watcher }] = cluster.members
    expect(await watcher.call('CLUSTER', 'DRAIN', 'TIMEOUT', PATIENT_MS)).toBe('OK')
    for (const node of [0, 1, 2])
      expect(new Set(await read(node)), `at ${node}`).toEqual(new Set([`name ${round}`]))
  })
})
