import { Etcd3 } from 'etcd3'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { parseAddress } from '../../../src/cluster/member.ts'
import { EtcdMembership } from '../../../src/cluster/membership/etcd.ts'
import type { EtcdConfig } from '../../../src/cluster/membership/membership.ts'
import { membershipContract } from '../../contracts/membership.contract.ts'
import { describeWithEtcd, type EtcdServer } from '../../support/etcd.ts'
import { MembershipWatch, memberNamed } from '../../support/membership-watch.ts'

const A = '127.0.0.1:7000'
const B = '127.0.0.1:7001'
const C = '127.0.0.1:7002'

let prefixes = 0

function configOf({ endpoint }: EtcdServer, options: Partial<EtcdConfig> = {}): EtcdConfig {
  return { kind: 'etcd', endpoints: [endpoint], prefix: `/test/${++prefixes}`, lease: 1000, ...options }
}

/** A separate client, for changes by operators and other programs. */
function client({ endpoint }: EtcdServer) {
  const etcd = new Etcd3({ hosts: endpoint })
  return {
    put: async (config: EtcdConfig, name: string, value?: string) => {
      const { host, port } = parseAddress(name)!
      await etcd
        .put(`${config.prefix}/members/${name}`)
        .value(value ?? JSON.stringify({ host, port, weight: 1 }))
    },
    remove: async (config: EtcdConfig, name: string) =>
      void (await etcd.delete().key(`${config.prefix}/members/${name}`)),
    names: (config: EtcdConfig) => etcd.namespace(`${config.prefix}/members/`).getAll().keys(),
    get: (config: EtcdConfig, name: string) => etcd.get(`${config.prefix}/members/${name}`).json(),
    revokeAll: async () => {
      for (const { ID } of (await etcd.leaseClient.leaseLeases()).leases) {
        await etcd.leaseClient.leaseRevoke({ ID })
      }
    },
    close: () => etcd.close(),
  }
}

describeWithEtcd('etcd', (etcd) => {
  membershipContract('etcd', async (addresses) => {
    const config = configOf(etcd(), { lease: 3000 })
    const tool = client(etcd())
    const list = async (next: readonly string[]): Promise<void> => {
      for (const name of next) await tool.put(config, name)
      for (const name of await tool.names(config)) if (!next.includes(name)) await tool.remove(config, name)
    }
    await list(addresses.slice(1).concat(addresses[0]))
    return {
      create: () => new EtcdMembership(config),
      list,
      fail: () => etcd().kill(),
      recover: () => etcd().restart(),
      wait: async () => {},
      dispose: async () => tool.close(),
    }
  })

  describe('a node', () => {
    const running: EtcdMembership[] = []
    let tool: ReturnType<typeof client>
    beforeAll(() => {
      tool = client(etcd())
      return () => tool.close()
    })
    afterEach(async () => {
      for (const membership of running.splice(0)) await membership.close()
    })

    async function start(name: string, config: EtcdConfig, weight?: number) {
      const membership = new EtcdMembership(config)
      running.push(membership)
      const watch = new MembershipWatch()
      await membership.start(memberNamed(name, weight), watch)
      return { membership, watch }
    }

    test('registers with its weight, and sees others join', async () => {
      const config = configOf(etcd(), { lease: 60_000 })
      const a = await start(A, config)
      expect(a.watch.names).toEqual([A])
      const b = await start(B, config, 3)
      expect(b.watch.names).toEqual([A, B])
      await a.watch.untilNames(A, B)
      expect(a.watch.lists.at(-1)).toEqual([memberNamed(A), memberNamed(B, 3)])
      expect(await tool.get(config, B)).toEqual({ host: '127.0.0.1', port: 7001, weight: 3 })
      expect(
        await start(C, { ...config, prefix: `${config.prefix}0` }).then(({ watch }) => watch.names),
      ).toEqual([C])
    })

    test('that leaves is removed at once, and still sees the others', async () => {
      const config = configOf(etcd(), { lease: 60_000 })
      const a = await start(A, config)
      const b = await start(B, config)
      await b.membership.leave()
      await b.watch.untilNames(A)
      await a.watch.untilNames(A)
      await start(C, config)
      await b.watch.untilNames(A, C)
      expect(b.membership.isRegistered).toBe(true)
      expect(await tool.names(config)).toEqual([A, C])
    })

    test('that ends without leaving is removed when its lease expires', async () => {
      const config = configOf(etcd(), { lease: 2000 })
      const a = await start(A, config)
      const b = await start(B, config)
      await a.watch.untilNames(A, B)
      await b.membership.close()
      await a.watch.untilNames(A)
      expect(await tool.names(config)).toEqual([A])
      expect(a.watch.registrations).toEqual([])
      expect(a.membership.isRegistered).toBe(true)
    })

    test('whose lease was revoked is not registered until it has a new one', async () => {
      const config = configOf(etcd(), { lease: 60_000 })
      const { membership, watch } = await start(A, config)
      await tool.revokeAll()
      await watch.until(() => watch.registrations.length === 2)
      expect(watch.registrations).toEqual([false, true])
      await watch.until(() => watch.lists.length === 3)
      expect(watch.lists.map((list) => list.map(({ name }) => name))).toEqual([[A], [], [A]])
      expect(membership.isRegistered).toBe(true)
      expect(watch.warnings).toEqual([
        'members from etcd: this node is no longer listed: its lease has expired',
        'members from etcd: this node is registered again',
      ])
    })

    test('whose key was deleted by hand registers again', async () => {
      const config = configOf(etcd(), { lease: 60_000 })
      const { watch } = await start(A, config)
      await tool.remove(config, A)
      await watch.until(() => watch.lists.length === 3)
      expect(watch.names).toEqual([A])
      expect(watch.registrations).toEqual([])
    })

    test('ignores keys that do not describe a member', async () => {
      const config = configOf(etcd(), { lease: 60_000 })
      await tool.put(config, B, '{"host":"127.0.0.1"}')
      await tool.put(config, C, 'not JSON')
      const { watch } = await start(A, config)
      expect(watch.names).toEqual([A])
      expect(watch.warnings).toEqual([
        `members from etcd: ${B} is ignored, its value does not describe a member: {"host":"127.0.0.1"}`,
        `members from etcd: ${C} is ignored, its value does not describe a member: not JSON`,
      ])
    })

    test('is not registered during an outage longer than its lease, keeps the list, and recovers', async () => {
      const config = configOf(etcd())
      const a = await start(A, config)
      const b = await start(B, config)
      await a.watch.untilNames(A, B)
      etcd().pause()
      await Promise.all([a, b].map(({ watch }) => watch.until(() => watch.registrations.length === 1)))
      expect([a, b].map(({ membership }) => membership.isRegistered)).toEqual([false, false])
      etcd().resume()
      await Promise.all([a, b].map(({ watch }) => watch.until(() => watch.registrations.length === 2)))
      expect([a, b].map(({ membership }) => membership.isRegistered)).toEqual([true, true])
      await start(C, config)
      await a.watch.untilNames(A, B, C)
      // The other node stayed listed all the time: both had the length of a lease to register again.
      expect(a.watch.lists.map((list) => list.map(({ name }) => name))).toEqual([[A], [A, B], [A, B, C]])
    })

    test('reconnects after a restart of etcd, and sees what has changed', async () => {
      const config = configOf(etcd(), { lease: 5000 })
      const a = await start(A, config)
      await etcd().kill()
      await a.watch.until(() => a.watch.warnings.length > 0)
      await etcd().restart()
      await start(B, config)
      await a.watch.untilNames(A, B)
      expect(a.watch.registrations).toEqual([])
    })

    test('registers again with an etcd that has lost its data', async () => {
      const config = configOf(etcd(), { lease: 2000 })
      const a = await start(A, config)
      const b = await start(B, config)
      await a.watch.untilNames(A, B)
      await etcd().kill()
      await etcd().restart('empty')
      await Promise.all([a, b].map(({ watch }) => watch.until(() => watch.registrations.length === 2)))
      await start(C, config)
      await a.watch.untilNames(A, B, C)
      expect(a.watch.lists.map((list) => list.length)).toEqual([1, 2, 3])
    })

    test('switches to another endpoint if one does not answer', async () => {
      const config = configOf(etcd(), { endpoints: ['127.0.0.1:1', etcd().endpoint] })
      const { watch } = await start(A, config)
      await watch.untilNames(A)
      expect(watch.warnings[0]).toMatch(
        /^members from etcd: etcd does not answer \(.*ECONNREFUSED.*; there is no list of members yet: this node joins when etcd answers$/,
      )
    })

    test('credentials are not used while etcd has no authentication, and are once it has', async () => {
      const credentials = { username: 'root', password: 'hush' }
      const config = configOf(etcd(), credentials)
      const { watch } = await start(A, config)
      await watch.untilNames(A)
      expect(watch.warnings).toEqual([
        'members from etcd: etcd has no authentication: connecting without the credentials',
      ])
      const open = new Etcd3({ hosts: etcd().endpoint })
      await (await open.user('root').create('hush')).addRole('root')
      await open.auth.authEnable()
      try {
        await (await start(B, config)).watch.untilNames(A, B)
        await watch.untilNames(A, B)
      } finally {
        const closed = new Etcd3({ hosts: etcd().endpoint, auth: credentials })
        await closed.auth.authDisable()
        await open.user('root').delete()
        closed.close()
        open.close()
      }
    })

    test('authenticates with user name and password, and does not start with wrong ones', async () => {
      const open = new Etcd3({ hosts: etcd().endpoint })
      const root = await open.user('root').create('hush')
      await open.role('root').create()
      await root.addRole('root')
      await open.auth.authEnable()
      try {
        const config = configOf(etcd(), { username: 'root', password: 'hush' })
        // The first answer takes long: etcd hashes the password.
        await (await start(A, config)).watch.untilNames(A)
        const { endpoint } = etcd()
        // An attempt that has timed out is repeated; a call may take a third of a lease.
        const patient = { ...config, lease: 60_000 }
        await expect(start(B, { ...patient, password: 'hash' })).rejects.toThrow(
          new RegExp(`^members from etcd: ${endpoint} refuses user root: .*authentication failed`),
        )
        const admin = new Etcd3({ hosts: endpoint, auth: { username: 'root', password: 'hush' } })
        await admin.user('mate').create('aye')
        await expect(start(C, { ...patient, username: 'mate', password: 'aye' })).rejects.toThrow(
          new RegExp(`^members from etcd: ${endpoint} refuses user mate: .*permission denied`),
        )
        await admin.user('mate').delete()
        admin.close()
        await expect(start(C, { ...patient, username: undefined, password: undefined })).rejects.toThrow(
          `members from etcd: ${endpoint} wants a user name and a password (cluster.etcd.username, cluster.etcd.password)`,
        )
      } finally {
        const auth = { username: 'root', password: 'hush' }
        const closed = new Etcd3({ hosts: etcd().endpoint, auth })
        await closed.auth.authDisable()
        closed.close()
        open.close()
      }
    })

    test('that was paused for longer than its lease detects the expiry by its clock', async () => {
      const config = configOf(etcd(), { lease: 60_000 })
      const clock = new ManualClock()
      const membership = new EtcdMembership(config, { clock })
      running.push(membership)
      await membership.start(memberNamed(A), new MembershipWatch())
      clock.advance(59_999)
      expect(membership.isRegistered).toBe(true)
      clock.advance(1)
      expect(membership.isRegistered).toBe(false)
    })

    test('can leave while etcd does not answer', async () => {
      const config = configOf(etcd(), { lease: 2000 })
      const { membership, watch } = await start(A, config)
      etcd().pause()
      await membership.leave()
      etcd().resume()
      expect(watch.warnings.at(-1)).toMatch(/^members from etcd: this node stays listed for up to 2 s: /)
      expect(watch.registrations).toEqual([])
    })
  })
})
