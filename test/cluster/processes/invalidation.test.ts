// Invalidation through any node while others join, leave, pause or are cut off: no later read sees an invalidated value.

import { describe, expect, onTestFinished, test } from 'vitest'
import { PATIENT_MS } from '../../support/budget.ts'
import { startCluster, type TestCluster, type TestMember } from '../../support/cluster.ts'
import { poll } from '../../support/poll.ts'
import { type Random, seededRandom } from '../../support/random.ts'
import { RespClient } from '../../support/resp-client.ts'
import { agree, GROUP, historyOf, keysOf, startFaulty, startMembers } from './members.ts'
import { Source } from './source.ts'

const TAGS = 30
const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`)
const tagOf = (key: string): string => `tag:${Number(key.slice(4)) % TAGS}`
/** The number of clients that read in a loop. */
const READERS = 8

/** Clients that read, and one that changes the source and invalidates through a node. */
class Traffic {
  changes = 0
  readonly #source: Source
  readonly #members: () => readonly TestMember[]
  readonly #random: Random
  readonly #running: Promise<void>[]
  #isOver = false

  constructor(source: Source, members: () => readonly TestMember[], seed: number) {
    this.#source = source
    this.#members = members
    this.#random = seededRandom(seed)
    this.#running = [this.#change(), ...Array.from({ length: READERS }, () => this.#read())]
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#running)
  }

  /** Resolves after this many further changes. */
  async progress(changes: number): Promise<void> {
    const goal = this.changes + changes
    await poll(() => this.changes >= goal, `${changes} changes`)
  }

  async #read(): Promise<void> {
    while (!this.#isOver) {
      const { port, watcher } = this.#anyone()
      await this.#source.read(KEYS[this.#draw(KEYS.length)], port, (key) => watcher.get(key))
      await new Promise((resolve) => void setImmediate(resolve))
    }
  }

  async #change(): Promise<void> {
    while (!this.#isOver) {
      const { watcher } = this.#anyone()
      const draw = this.#draw(100)
      if (draw < 45) {
        const keys = [...new Set([0, 1, 2].map(() => KEYS[this.#draw(KEYS.length)]))]
        await this.#source.change(keys, () => watcher.call('INVALIDATE', 'KEY', ...keys))
      } else if (draw < 98) {
        const tag = `tag:${this.#draw(TAGS)}`
        const keys = KEYS.filter((key) => tagOf(key) === tag)
        await this.#source.change(keys, () => watcher.call('INVALIDATE', 'TAG', tag))
      } else await this.#source.change(KEYS.slice(0, 20), () => watcher.call('GROUP', 'FLUSH', 'users'))
      this.changes++
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  #anyone(): TestMember {
    const members = this.#members()
    return members[this.#draw(members.length)]
  }

  #draw(below: number): number {
    return this.#random() % below
  }
}

/** A node hands over its slots while its clients are still connected, and closes. */
async function leave(cluster: TestCluster, open: TestMember[], place: number): Promise<void> {
  const member = cluster.members[place]
  expect(await member.watcher.call('CLUSTER', 'DRAIN', 'TIMEOUT', PATIENT_MS)).toBe('OK')
  open.splice(open.indexOf(member), 1)
  await member.close()
}

describe.each([
  // The notice to the holders of copies may arrive after the reply to the invalidation, by this many ms.
  ['with copies', { copies: 0.125 }, 250],
  ['without copies', { copies: 0 }, 0],
] as const)('%s', (_name, copies, delivery) => {
  test('no stale read while nodes join and leave', async () => {
    const history = historyOf({ keeps: 'always', delivery, errors: /^Connection is closed\.$/ })
    const source = new Source(history, KEYS, tagOf)
    const cluster = await startCluster(4, {
      groups: { users: { maxBytes: '16mb', origin: source.load } },
      cluster: { ...copies, handoverRate: '64kb' },
      starts: 2,
      shutdownTimeout: 5000,
    })
    onTestFinished(() => cluster.close())
    const open = [...cluster.members]
    const traffic = new Traffic(source, () => open, 1)
    onTestFinished(() => traffic.stop())
    await traffic.progress(50)
    for (const place of [2, 3]) {
      open.push(await cluster.start())
      await cluster.agreed()
      await traffic.progress(50)
      if (place === 3) await leave(cluster, open, 0)
    }
    await traffic.progress(50)
    await leave(cluster, open, 1)
    await traffic.progress(50)
    await traffic.stop()
    // Every node answers with the last version.
    for (const { port, watcher } of open)
      for (const key of KEYS) await source.read(key, port, (each) => watcher.get(each))
    expect(history.check()).toEqual([])
  })
})

/** A connection in the first group. */
async function connectTo({ port }: { readonly port: number }): Promise<RespClient> {
  const client = await RespClient.connect(port)
  onTestFinished(() => void client.socket.destroy())
  return client
}

describe('nodes in a network partition', () => {
  /** Starts three nodes that have cached all keys. */
  async function startFilled() {
    const history = historyOf()
    const source = new Source(history, KEYS, tagOf)
    const cluster = await startFaulty(3, {
      config: { groups: { users: { maxBytes: '16mb', origin: source.load } } },
    })
    const clients = await Promise.all(cluster.nodes.map(connectTo))
    for (const client of clients) await client.call('MGET', ...KEYS)
    return { source, cluster, clients }
  }

  test('an invalidation at a node that reaches no other is an error', async () => {
    const { cluster, clients } = await startFilled()
    for (const proxy of cluster.linksOf(2)) proxy.silence()
    const [, , isolated] = clients
    for (const command of [
      ['INVALIDATE', 'TAG', 'tag:1'],
      ['GROUP', 'FLUSH'],
      ['INVALIDATE', ...KEYS],
    ]) {
      const answer = await isolated.call(...command)
      expect(String(answer), command.join(' ')).toMatch(/^(Error: |ReplyError: )?PEERDOWN /)
    }
  })

  test('what others invalidated during a partition is gone after it', async () => {
    const { source, cluster, clients } = await startFilled()
    const [first, second, isolated] = clients
    for (const proxy of cluster.linksOf(2)) proxy.silence()
    await source.change(KEYS, async () => undefined)
    expect(await first.call('INVALIDATE', 'TAG', ...Array.from({ length: TAGS }, (_, i) => `tag:${i}`))).toBe(
      'OK',
    )
    const wanted = await second.call('MGET', ...KEYS)
    cluster.heal()
    const seen = await poll(async () => {
      const info = String(await isolated.call('CLUSTER', 'INFO'))
      return info.includes('cluster_size:3\r') && isolated.call('MGET', ...KEYS)
    }, 'three owners again')
    expect(seen).toEqual(wanted)
    expect(await first.call('MGET', ...KEYS)).toEqual(wanted)
  })

  test('an invalidation reaches every node although links break meanwhile', async () => {
    const { source, cluster, clients } = await startFilled()
    for (let i = 0; i < 5; i++) {
      await source.change(KEYS, async () => undefined)
      const asking = clients[0].call(
        'INVALIDATE',
        'TAG',
        ...Array.from({ length: TAGS }, (_, t) => `tag:${t}`),
      )
      for (const other of [1, 2]) cluster.link(0, other).cut()
      expect(await asking).toBe('OK')
      const values = await Promise.all(clients.map((client) => client.call('MGET', ...KEYS)))
      expect(new Set(values.map(String)).size).toBe(1)
      expect(await source.load(KEYS[0]).then(({ value }) => value)).toBe((values[0] as string[])[0])
    }
  })
})

test.each([
  ['INVALIDATE TAG', ['INVALIDATE', 'TAG', 'red']],
  ['GROUP FLUSH', ['GROUP', 'FLUSH']],
])('a node that was paused during %s serves no value from before', async (_name, command) => {
  const nodes = await startMembers(3)
  const keys = keysOf(
    nodes[2].name,
    nodes.map(({ name }) => name),
    20,
  )
  const [client, , own] = await Promise.all(nodes.map(connectTo))
  for (const each of [client, own]) await each.call('SELECT', GROUP)
  for (const key of keys) await client.call('SET', key, 'before', 'TAGS', '1', 'red')
  expect(await own.call('EXISTS', ...keys)).toBe(20)
  nodes[2].stop()
  expect(await client.call(...command)).toBe('OK')
  nodes[2].resume()
  expect(new Set((await own.call('MGET', ...keys)) as null[])).toEqual(new Set([null]))
  await agree(nodes)
  expect(new Set((await own.call('MGET', ...keys)) as null[])).toEqual(new Set([null]))
})
