// The state of another node of the cluster, asked for by the one that serves the dashboard.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DashboardState } from '../../../src/http/dashboard/state.ts'
import { startCluster, type TestCluster } from '../../support/cluster.ts'
import { type Answer, ask, problemOf } from '../../support/http.ts'

const failing = { origin: (key: string) => Promise.reject(new Error(`no ${key}`)) }

let cluster: TestCluster
let names: readonly string[]

beforeAll(async () => {
  cluster = await startCluster(3, {
    cluster: { secret: 'hush' },
    users: { default: 'on nopass ~* &* +@all', viewer: 'on >v ~* @group:open +info +scan' },
    slowlogLogSlowerThan: 0,
    groups: { open: failing, closed: failing },
    // The third has no HTTP.
    each: (i) => (i === 2 ? {} : { http: { port: 'any', bind: '127.0.0.1' } }),
  })
  names = cluster.ports.map((port) => `127.0.0.1:${port}`)
  // On each node some keys: whichever owns them.
  for (let i = 0; i < 20; i++)
    for (const group of ['open', 'closed'])
      await cluster.members[1].node.get(group, `key:${i}`).catch(() => undefined)
})

afterAll(() => cluster.close())

function stateOf(node: string | undefined, headers: Record<string, string> = {}): Promise<Answer> {
  const [{ port }] = cluster.members[0].node.httpAddresses
  const query = node === undefined ? '' : `?${new URLSearchParams({ node })}`
  return ask(port, `/dashboard/state${query}`, { headers })
}

test('is that of the other node, and what this one may do there is not more', async () => {
  const own = (await stateOf(undefined)).json() as DashboardState
  const named = (await stateOf(names[0])).json() as DashboardState
  const other = (await stateOf(names[1])).json() as DashboardState
  expect([own.node.name, named.node.name, other.node.name]).toEqual([names[0], names[0], names[1]])
  expect(Object.keys(other).sort()).toEqual(Object.keys(own).sort())
  expect(other.cluster?.self).toBe(names[1])
  expect(other.node.http).toMatchObject({ connections: 0, maxConnections: 1000 })
  expect(own.may).toEqual({ browse: true, invalidate: true, flush: true, drain: true })
  expect(other.may).toEqual({ browse: true, invalidate: true, flush: true, drain: false })
  expect(other.slowLog.length).toBeGreaterThan(0)
})

test('shows a user no more of the other node than of this one', async () => {
  const authorization = `Basic ${Buffer.from('viewer:v').toString('base64')}`
  const all = (await stateOf(names[1])).json() as DashboardState
  const some = (await stateOf(names[1], { authorization })).json() as DashboardState
  const keysOf = (state: DashboardState, group: string): string[] =>
    state.failures.filter((each) => each.group === group).map(({ key }) => key.text)
  expect(keysOf(all, 'closed').length).toBeGreaterThan(0)
  expect(keysOf(all, 'closed')).not.toContain('')
  expect(new Set(keysOf(some, 'closed'))).toEqual(new Set(['']))
  expect(keysOf(some, 'open')).toEqual(keysOf(all, 'open'))
  expect(some.slowLog).toEqual([])
  expect(some.may).toEqual({ browse: true, invalidate: false, flush: false, drain: false })
})

test('says why there is none', async () => {
  expect(problemOf(await stateOf('10.0.0.9:7000'))).toEqual({ status: 404, type: 'absent' })
  expect(problemOf(await stateOf(''))).toEqual({ status: 404, type: 'absent' })
  const without = await stateOf(names[2])
  expect(problemOf(without)).toEqual({ status: 503, type: 'peer-down' })
  expect(without.json().detail).toContain('has no HTTP')
})

test('clients cannot ask for it', async () => {
  const reply = cluster.members[0].watcher.call('PEER', 'REPORT')
  await expect(reply).rejects.toThrow()
})
