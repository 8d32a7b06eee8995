// A hot key with copies on nodes that do not own it, while its owner is cut off, paused or killed.

import { expect, onTestFinished, test } from 'vitest'
import type { History } from '../../support/history.ts'
import { poll } from '../../support/poll.ts'
import { RespClient } from '../../support/resp-client.ts'
import type { Workload } from '../../support/workload.ts'
import {
  agree,
  DETECTION,
  GROUP,
  historyOf,
  keysOf,
  PATIENT,
  startFaulty,
  startMembers,
  TIMEOUT,
  work,
} from './members.ts'

/** Longer than stale reads are allowed: notices of writes and broken links must end copies before they expire. */
const COPIES = { copyMaxAge: 5000 }
const COPY_ARGS = ['--cluster-copy-max-age', '5s']

interface Listening {
  readonly name: string
  readonly port: number
}

/** Clients of `asked` that read keys of the first node often, and write them now and then. */
function startTraffic(history: History, nodes: readonly Listening[], asked: readonly Listening[]) {
  const names = nodes.map(({ name }) => name)
  const common = { history, nodes: asked, keys: keysOf(names[0], names, 3, 'hot') }
  const readers = work({ ...common, clients: 4, depth: 16, writes: 0, deletions: 0 })
  const writers = work({ ...common, clients: 1, depth: 1, writes: 0.9, deletions: 0.1, pause: 100, seed: 50 })
  const stop = async (): Promise<void> => {
    await readers.stop()
    await writers.stop()
  }
  return { keys: common.keys, readers, writers, stop }
}

/** Resolves when a node serves a key from a copy. */
async function copied({ port }: Listening, keys: readonly string[]): Promise<void> {
  const client = await RespClient.connect(port)
  onTestFinished(() => void client.socket.destroy())
  await client.call('SELECT', GROUP)
  await poll(async () => {
    for (const key of keys) {
      const fields = (await client.call('EXPLAIN', key)) as unknown[]
      if (fields[fields.indexOf('source') + 1] === 'copy') return true
    }
    return false
  }, `a copy at ${port}`)
}

test('the holders of copies are notified of every write', async () => {
  const { nodes } = await startFaulty(3, { config: { cluster: { ...COPIES, ...PATIENT } } })
  const history = historyOf({ keeps: 'always' })
  const { keys, writers, stop } = startTraffic(history, nodes, nodes)
  await copied(nodes[1], keys)
  await copied(nodes[2], keys)
  await writers.progress(50)
  await stop()
  expect(history.check()).toEqual([])
})

/** Clients of all nodes that only read keys of the first node; `write` starts a client of one node that writes them. */
function startReaders(history: History, nodes: readonly Listening[], writer: Listening) {
  const names = nodes.map(({ name }) => name)
  const keys = keysOf(names[0], names, 8, 'hot')
  const read = work({ history, nodes, keys, clients: 4, depth: 16, writes: 0, deletions: 0 })
  const write = (): Workload =>
    work({
      history,
      nodes: [writer],
      keys,
      clients: 1,
      depth: 4,
      writes: 1,
      deletions: 0,
      pause: 20,
      seed: 50,
    })
  return { keys, read, write }
}

test('a holder that receives nothing from the owner drops its copies', async () => {
  const cluster = await startFaulty(3, { config: { cluster: COPIES } })
  const { nodes } = cluster
  const history = historyOf({ errors: /^PEERDOWN (no (answer|handshake) |\S+ cannot be reached from here)/ })
  const { keys, read, write } = startReaders(history, nodes, nodes[2])
  const before = write()
  await before.progress(100)
  await before.stop()
  await copied(nodes[1], keys)
  const heal = history.fault()
  cluster.silence(0, 1)
  const after = write()
  await elapsed(DETECTION + TIMEOUT)
  cluster.heal()
  await agree(nodes)
  heal()
  await after.stop()
  await read.stop()
  expect(history.check()).toEqual([])
})

test('a holder drops its copies when the link to the owner breaks', async () => {
  const cluster = await startFaulty(3, { config: { cluster: { ...COPIES, ...PATIENT } } })
  const { nodes } = cluster
  const history = historyOf({ keeps: 'always' })
  const { keys, read, write } = startReaders(history, nodes, nodes[2])
  for (let i = 0; i < 3; i++) {
    const writing = write()
    await writing.progress(150)
    await writing.stop()
    await copied(nodes[1], keys)
    cluster.link(1, 0).cut()
  }
  await read.stop()
  expect(history.check()).toEqual([])
})

async function elapsed(ms: number): Promise<void> {
  const until = performance.now() + ms
  await poll(() => performance.now() > until, `${ms} ms`)
}

test.each(['killed', 'paused'] as const)('the owner is %s', async (fate) => {
  const nodes = await startMembers(3, { args: COPY_ARGS })
  const [owner, ...others] = nodes
  const history = historyOf()
  const { keys, readers, stop } = startTraffic(history, nodes, others)
  await copied(others[0], keys)
  await copied(others[1], keys)
  const heal = history.fault()
  if (fate === 'killed') await owner.kill()
  else owner.stop()
  await agree(others)
  await readers.progress(2000)
  if (fate === 'killed') await owner.start()
  else owner.resume()
  await agree(nodes)
  heal()
  await readers.progress(1000)
  await stop()
  expect(history.check()).toEqual([])
})

test('a holder is paused while the key is written elsewhere', async () => {
  const nodes = await startMembers(3, { args: COPY_ARGS })
  const holder = nodes[2]
  const history = historyOf()
  const { keys, readers, stop } = startTraffic(history, nodes, nodes.slice(0, 2))
  const own = work({
    history,
    nodes: [holder],
    keys,
    clients: 4,
    depth: 16,
    writes: 0,
    deletions: 0,
    seed: 50,
  })
  await copied(holder, keys)
  const heal = history.fault()
  const endPause = history.pause(holder.port)
  holder.stop()
  await readers.progress(1000)
  await agree(nodes.slice(0, 2))
  await readers.progress(1000)
  endPause()
  holder.resume()
  await own.progress(1000)
  await agree(nodes)
  heal()
  await stop()
  await own.stop()
  expect(history.check()).toEqual([])
})
