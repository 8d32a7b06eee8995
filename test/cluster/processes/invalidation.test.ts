// Invalidation by any node, while others join, leave, stand still and are cut off: no read sees what was there before.

import { describe, expect, onTestFinished, test } from 'vitest'
import { Talker } from '../../attack/talker.ts'
import { startCluster, type TestCluster, type TestMember } from '../../support/cluster.ts'
import { poll } from '../../support/poll.ts'
import { type Random, seededRandom } from '../../support/random.ts'
import { agree, GROUP, historyOf, keysOf, startFaulty, startMembers } from './members.ts'
import { Source } from './source.ts'

const TAGS = 30
const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`)
const tagOf = (key: string): string => `tag:${Number(key.slice(4)) % TAGS}`
/** How many clients read all the time. */
const READERS = 8

/** Clients that read, and one that changes the source and tells a node of it. */
class Work {
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

  /** Resolves after so many changes more. */
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
      const dice = this.#draw(100)
      if (dice < 45) {
        const keys = [...new Set([0, 1, 2].map(() => KEYS[this.#draw(KEYS.length)]))]
        await this.#source.change(keys, () => watcher.call('INVALIDATE', 'KEY', ...keys))
      } else if (dice < 98) {
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

/** One after the other leaves, and gives what it owns to the others, while its clients are still there. */
async function leave(cluster: TestCluster, open: TestMember[], place: number): Promise<void> {
  const member = cluster.members[place]
  expect(await member.watcher.call('CLUSTER', 'DRAIN', 'TIMEOUT', 20_000)).toBe('OK')
  open.splice(open.indexOf(member), 1)
  await member.close()
}

describe.each([
  // Word to who holds a copy may arrive after the reply to who invalidated it.
  ['with copies', { copies: 0.125 }, 250],
  ['without copies', { copies: 0 }, 0],
] as const)('%s', (_name, copies, delivery) => {
  test('nodes join and leave while others invalidate', async () => {
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
    const work = new Work(source, () => open, 1)
    onTestFinished(() => work.stop())
    await work.progress(50)
    for (const place of [2, 3]) {
      open.push(await cluster.start())
      await cluster.agreed()
      await work.progress(50)
      if (place === 3) await leave(cluster, open, 0)
    }
    await work.progress(50)
    await leave(cluster, open, 1)
    await work.progress(50)
    await work.stop()
    // What is left anywhere is of the last version.
    for (const { port, watcher } of open)
      for (const key of KEYS) await source.read(key, port, (each) => watcher.get(each))
    expect(history.check()).toEqual([])
  })
})

/** A connection in the group that the nodes have. */
async function talkTo({ port }: { readonly port: number }): Promise<Talker> {
  const talker = await Talker.connect(port)
  onTestFinished(() => void talker.socket.destroy())
  return talker
}

describe('nodes that are cut off', () => {
  /** Three nodes that hold all keys, and connections to them. */
  async function held() {
    const history = historyOf()
    const source = new Source(history, KEYS, tagOf)
    const cluster = await startFaulty(3, {
      config: { groups: { users: { maxBytes: '16mb', origin: source.load } } },
    })
    const talkers = await Promise.all(cluster.nodes.map(talkTo))
    for (const talker of talkers) await talker.call('MGET', ...KEYS)
    return { source, cluster, talkers }
  }

  test('what is invalidated at a node that reaches nobody is an error', async () => {
    const { cluster, talkers } = await held()
    for (const proxy of cluster.linksOf(2)) proxy.silence()
    const [, , lonely] = talkers
    for (const command of [
      ['INVALIDATE', 'TAG', 'tag:1'],
      ['GROUP', 'FLUSH'],
      ['INVALIDATE', ...KEYS],
    ]) {
      const answer = await lonely.call(...command)
      expect(String(answer), command.join(' ')).toMatch(/^(Error: |ReplyError: )?PEERDOWN /)
    }
  })

  test('what others invalidate meanwhile is gone when it is back', async () => {
    const { source, cluster, talkers } = await held()
    const [first, second, lonely] = talkers
    for (const proxy of cluster.linksOf(2)) proxy.silence()
    await source.change(KEYS, async () => undefined)
    expect(await first.call('INVALIDATE', 'TAG', ...Array.from({ length: TAGS }, (_, i) => `tag:${i}`))).toBe(
      'OK',
    )
    const wanted = await second.call('MGET', ...KEYS)
    cluster.heal()
    const seen = await poll(async () => {
      const info = String(await lonely.call('CLUSTER', 'INFO'))
      return info.includes('cluster_size:3\r') && lonely.call('MGET', ...KEYS)
    }, 'three owners again')
    expect(seen).toEqual(wanted)
    expect(await first.call('MGET', ...KEYS)).toEqual(wanted)
  })

  test('a link that breaks for a moment does not let a node be passed over', async () => {
    const { source, cluster, talkers } = await held()
    for (let i = 0; i < 5; i++) {
      await source.change(KEYS, async () => undefined)
      const asking = talkers[0].call(
        'INVALIDATE',
        'TAG',
        ...Array.from({ length: TAGS }, (_, t) => `tag:${t}`),
      )
      for (const other of [1, 2]) cluster.link(0, other).cut()
      expect(await asking).toBe('OK')
      const values = await Promise.all(talkers.map((talker) => talker.call('MGET', ...KEYS)))
      expect(new Set(values.map(String)).size).toBe(1)
      expect(await source.load(KEYS[0]).then(({ value }) => value)).toBe((values[0] as string[])[0])
    }
  })
})

test.each([
  ['INVALIDATE TAG', ['INVALIDATE', 'TAG', 'red']],
  ['GROUP FLUSH', ['GROUP', 'FLUSH']],
])('a node that stood still during %s answers nothing from before', async (_name, command) => {
  const nodes = await startMembers(3)
  const keys = keysOf(
    nodes[2].name,
    nodes.map(({ name }) => name),
    20,
  )
  const [talker, , own] = await Promise.all(nodes.map(talkTo))
  for (const each of [talker, own]) await each.call('SELECT', GROUP)
  for (const key of keys) await talker.call('SET', key, 'before', 'TAGS', '1', 'red')
  expect(await own.call('EXISTS', ...keys)).toBe(20)
  nodes[2].stop()
  expect(await talker.call(...command)).toBe('OK')
  nodes[2].resume()
  expect(new Set((await own.call('MGET', ...keys)) as null[])).toEqual(new Set([null]))
  await agree(nodes)
  expect(new Set((await own.call('MGET', ...keys)) as null[])).toEqual(new Set([null]))
})
