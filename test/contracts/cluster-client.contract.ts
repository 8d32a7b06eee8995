// The contract of every cluster-aware client library.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type TestCluster } from '../support/cluster.ts'
import { Forwarder } from '../support/forwarder.ts'
import { freePorts } from '../support/ports.ts'

interface ClusterClient {
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<string | null>
  close(): Promise<void> | void
}

export interface ClusterLibrary {
  readonly name: string
  /** Names of errors for lost connections, after which the caller retries. Empty: the library retries. */
  readonly losses: readonly string[]
  connect(ports: readonly number[]): Promise<ClusterClient>
}

const KEYS: readonly string[] = Array.from({ length: 1000 }, (_, i) => `key:${i}`)
const READ = { scores: { maxBytes: '16mb', origin: (key: string) => `value of ${key}` } } as const
const EMPTY = { cache: { maxBytes: '16mb' } } as const

export function clusterContract({ name, losses, connect }: ClusterLibrary): void {
  describe.each(['forward', 'moved'] as const)(
    `${name} when a node that is not the owner gets a request: %s`,
    (redirect) => {
      let cluster: TestCluster
      const clients: ClusterClient[] = []
      beforeAll(async () => {
        cluster = await startCluster(3, { cluster: { redirect }, groups: EMPTY })
      })
      afterAll(async () => {
        await Promise.all(clients.map((client) => client.close()))
        await cluster.close()
      })

      test('1,000 keys are requested from their owners, without forwarding', async () => {
        const client = await connect([cluster.ports[0]])
        clients.push(client)
        await Promise.all(KEYS.map((key) => client.set(key, `value of ${key}`)))
        expect(await Promise.all(KEYS.map((key) => client.get(key)))).toEqual(
          KEYS.map((key) => `value of ${key}`),
        )
        expect(await cluster.forwarded()).toBe(0)
        // INFO counts the requests of each node.
        const sizes = cluster.members.map(({ watcher }) => watcher.info('keyspace'))
        for (const size of await Promise.all(sizes)) expect(size).toMatch(/db0:keys=[23]\d\d,/)
      })
    },
  )

  describe.each(['forward', 'moved'] as const)(`${name} when nodes leave: %s`, (redirect) => {
    const closing: (() => Promise<void> | void)[] = []
    afterEach(async () => {
      for (const close of closing.splice(0)) await close()
    })

    test('continues with the remaining nodes, and finds the new owners', async () => {
      const cluster = await startCluster(3, { cluster: { redirect }, groups: READ })
      const client = await connect(cluster.ports)
      closing.push(
        () => client.close(),
        () => cluster.close(),
      )
      const read = async (key: string): Promise<string | null> => {
        for (;;) {
          try {
            return await client.get(key)
          } catch (error) {
            const lost = losses.includes((error as Error).constructor.name)
            expect(lost, (error as Error).stack).toBe(true)
          }
        }
      }
      const wanted = KEYS.map((key) => `value of ${key}`)
      expect(await Promise.all(KEYS.map(read))).toEqual(wanted)
      const [closed] = await Promise.all([
        cluster.members[2].close(),
        Promise.all(KEYS.map(read)).then((values) => expect(values).toEqual(wanted)),
      ])
      expect(closed).toBeUndefined()
      await cluster.agreed(0, 1)
      expect(await Promise.all(KEYS.map(read))).toEqual(wanted)
    })
  })

  test(`${name} discovers a node that joins through a redirection`, async () => {
    const cluster = await startCluster(3, { starts: 2, cluster: { redirect: 'moved' }, groups: READ })
    const client = await connect(cluster.ports.slice(0, 2))
    const read = async (): Promise<void> => {
      const values = await Promise.all(KEYS.map((key) => client.get(key)))
      expect(values).toEqual(KEYS.map((key) => `value of ${key}`))
    }
    const sent = async (): Promise<number> => {
      const infos = await Promise.all(cluster.members.map(({ watcher }) => watcher.info('errorstats')))
      return infos.reduce((sum, info) => sum + Number(/MOVED:count=(\d+)/.exec(info)?.[1] ?? 0), 0)
    }
    await read()
    expect(await sent()).toBe(0)
    await Promise.all([cluster.start(), read()])
    await cluster.agreed()
    await read()
    let before: number
    do {
      before = await sent()
      await read()
    } while ((await sent()) !== before)
    expect(before).toBeGreaterThan(0)
    await client.close()
    await cluster.close()
  })

  test(`${name} connects to the addresses that nodes announce`, async () => {
    const ports = await freePorts(3)
    const forwarders = await Promise.all(ports.map(() => Forwarder.listen()))
    for (const [i, forwarder] of forwarders.entries()) forwarder.target = ports[i]
    const places = ports.map((listens, i) => ({ listens, announced: forwarders[i].port }))
    const cluster = await startCluster(places, { groups: EMPTY, cluster: { redirect: 'moved' } })
    const before = forwarders.map(({ connections }) => connections)
    const client = await connect([forwarders[0].port])
    await Promise.all(KEYS.map((key) => client.set(key, key)))
    expect(await Promise.all(KEYS.map((key) => client.get(key)))).toEqual(KEYS)
    for (const [i, { connections }] of forwarders.entries()) expect(connections).toBeGreaterThan(before[i])
    await client.close()
    await cluster.close()
    for (const forwarder of forwarders) await forwarder.close()
  })
}
