// The memory that a node needs for the others: the slot table, and for each peer links, state and health.

import { Socket } from 'node:net'
import { ManualClock } from '../../src/bytes/clock.ts'
import { LinkPool } from '../../src/cluster/links/link-pool.ts'
import { Peer } from '../../src/cluster/links/peer.ts'
import { SendBufferPool } from '../../src/cluster/links/send-buffers.ts'
import { Ownership } from '../../src/cluster/ownership/ownership.ts'
import { assignSlots } from '../../src/cluster/ring/slots.ts'
import type { ScalingRow } from '../figures.ts'
import { retainedBytes } from '../micro/measure.ts'
import { defaultOf } from './defaults.ts'
import { SimulatedNode } from './simulated-node.ts'
import { membersOf } from './slot-table.ts'

const LINKS = defaultOf('clusterLinks')

/** To each peer the data links and one control link, and as many from it. */
function connectionsOf(count: number): number {
  return 2 * (LINKS + 1) * (count - 1)
}

/** Without the socket buffers of the operating system, as nothing is connected. */
export function memoryFigures(count: number): Pick<ScalingRow, 'connections' | 'tableBytes' | 'peerBytes'> {
  const alone = retainedBytes(() => tableOf(1))
  const table = retainedBytes(() => tableOf(count))
  const links = retainedBytes(
    () => linksTo(count),
    (close) => close(),
  )
  const states = retainedBytes(() => {
    const node = new SimulatedNode(count, new ManualClock(1_000_000))
    node.reachAll()
    return node
  })
  return { connections: connectionsOf(count), tableBytes: alone, peerBytes: table - alone + links + states }
}

function tableOf(count: number): Ownership {
  const members = membersOf(count)
  const names = members.map(({ name }) => name)
  const ownership = new Ownership({
    self: names[0],
    firstSequence: 0,
    indexOf: (name) => names.indexOf(name) + 1,
    nameOf: (index) => names[index - 1],
    assign: (some) => assignSlots(some.map((name) => members[names.indexOf(name)])),
    busy: () => false,
    gained: () => undefined,
    lost: () => undefined,
    moved: () => undefined,
  })
  ownership.setView({ epoch: 1, members: names, target: assignSlots(members), leaving: [] })
  return ownership
}

/** Creates links that are not connected. Returns a function that closes them. */
function linksTo(count: number): () => void {
  const timers = new ManualClock(0)
  const buffers = new SendBufferPool()
  const nothing = (): void => undefined
  const peers = membersOf(count - 1, 1).map((member, i) => {
    const pool = new LinkPool(
      {
        peer: member.name,
        connect: () => new Socket(),
        identity: { name: '10.0.0.0:7000', runId: '0', secret: '' },
        contextBytes: () => Buffer.alloc(0),
        buffers,
        clock: timers,
        timers,
        connectTimeout: 1000,
        handshakeTimeout: 1000,
        responseTimeout: 1000,
        size: LINKS,
        random: () => 0,
      },
      { onDirty: nothing, onPush: nothing, onDrain: nothing, onReady: nothing, onClose: nothing },
    )
    const peer = new Peer(member, i + 1, pool)
    for (let link = 0; link < LINKS; link++) peer.data(link)
    peer.control
    return peer
  })
  return () => {
    for (const { pool } of peers) pool.close()
  }
}
