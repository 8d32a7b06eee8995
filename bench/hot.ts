// A hot key that is read through other nodes: the cost for its owner, with and without hot copies.

import { ownedBy, startNodes, stopAll, withClient } from './clusters.ts'
import { type HotRead, type HotResults, type HotRow, median } from './figures.ts'
import { mixedLoad } from './generators.ts'
import { fillKeys } from './load.ts'
import { ANY_CORE, type Server } from './servers.ts'

const CLIENTS = 50
const DEPTH = 16
const SHARE = 0.9
const VALUE_BYTES = 32

/** Writes among a thousand requests. */
const WRITES = [0, 1] as const

/** Three nodes, of which the first two receive the requests. */
interface Trio {
  readonly read: HotRead
  readonly nodes: readonly Server[]
  /** What the first node is asked for, and the second: a key of the third, or one of their own. */
  readonly hotKeys: readonly string[]
}

export async function measureHot(smoke: boolean): Promise<HotResults> {
  const keys = smoke ? 10_000 : 100_000
  const rounds = smoke ? 1 : 5
  const trios: Trio[] = []
  try {
    for (const read of ['copy', 'owner', 'own'] as const) trios.push(await startTrio(read, keys))
    const samples = new Map<string, HotRow[]>()
    for (let round = 0; round < rounds; round++) {
      for (const writes of WRITES) {
        for (const trio of trios) {
          const row = await benchmark(trio, writes, keys, smoke ? 20_000 : 1_000_000)
          const key = `${trio.read} ${writes}`
          samples.set(key, [...(samples.get(key) ?? []), row])
        }
      }
      if (!smoke) console.log(`the hot key: round ${round + 1} of ${rounds} done`)
    }
    const rows = [...samples.values()].map(medians)
    const conditions =
      `3 nodes, ${CLIENTS} connections to the two that do not own the key, P = ${DEPTH}, values of ${VALUE_BYTES} B, ` +
      `the other tenth drawn evenly from ${keys.toLocaleString('en-US')} keys of all nodes; load on core 1, nodes anywhere`
    return { rounds, conditions, rows }
  } finally {
    await stopAll(trios.flatMap(({ nodes }) => nodes))
  }
}

async function startTrio(read: HotRead, keys: number): Promise<Trio> {
  const cores = [ANY_CORE, ANY_CORE, ANY_CORE]
  const nodes = await startNodes(
    read === 'copy' ? { maxBytes: '256mb', cores } : { maxBytes: '256mb', copies: 0, cores },
  )
  const [entry, second, third] = nodes
  await fillKeys(entry.port, 0, keys, VALUE_BYTES)
  const candidates = Array.from({ length: 100 }, (_, i) => `hot:${i}`)
  // Of its own keys a node says that they are here.
  const [owners, asked] = read === 'own' ? [[entry, second], third] : [[third, third], entry]
  const hotKeys = await Promise.all(owners.map((owner) => ownedBy(owner, asked, candidates, (key) => key)))
  await withClient(entry, async (client) => {
    for (const key of hotKeys) await client.set(key, 'x'.repeat(VALUE_BYTES))
  })
  const trio = { read, nodes, hotKeys }
  await benchmark(trio, 0, keys, 20_000)
  return trio
}

async function benchmark(trio: Trio, writes: number, keys: number, wanted: number): Promise<HotRow> {
  const { read, nodes, hotKeys } = trio
  const [first, second, owner] = nodes
  const look = async () => ({
    owner: owner.cpuMicros(),
    entries: first.cpuMicros() + second.cpuMicros(),
    forwarded: (await forwardedBy(first)) + (await forwardedBy(second)),
  })
  const before = await look()
  const { operations, seconds } = await mixedLoad({
    ports: [first.port, second.port],
    keys,
    skew: 0,
    hot: { keys: hotKeys, share: SHARE },
    clients: CLIENTS,
    depth: DEPTH,
    operations: wanted,
    reads: 100 - writes / 10,
    valueBytes: VALUE_BYTES,
    seed: 5,
  })
  const after = await look()
  return {
    read,
    writes,
    opsPerSecond: operations / seconds,
    ownerMicros: (after.owner - before.owner) / operations,
    entryMicros: (after.entries - before.entries) / operations,
    forwarded: (after.forwarded - before.forwarded) / operations,
  }
}

function medians(rows: readonly HotRow[]): HotRow {
  const of = (field: 'opsPerSecond' | 'ownerMicros' | 'entryMicros' | 'forwarded'): number =>
    median(rows.map((row) => row[field]))
  const figures = { opsPerSecond: of('opsPerSecond'), ownerMicros: of('ownerMicros') }
  return { ...rows[0], ...figures, entryMicros: of('entryMicros'), forwarded: of('forwarded') }
}

/** The number of requests that a node has forwarded so far. */
async function forwardedBy(node: Server): Promise<number> {
  const info = await withClient(node, (client) => client.info('cluster'))
  return [...info.matchAll(/^peer\d+:.*,requests=(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0)
}
