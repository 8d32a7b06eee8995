// The replies of CLUSTER SLOTS, SHARDS and NODES: slots and their owners for cluster-aware clients.

import { clientPort, type Member, nodeId } from '../../cluster/member.ts'
import { type ClusterReport, type MemberReport, rangesOf, type SlotRange } from '../../cluster/report.ts'
import type { ReplyWriter } from '../../resp/reply.ts'

/*
 * Nodes have hundreds of ranges, in large clusters thousands: with three nodes the reply of CLUSTER SLOTS has about
 * 55 kB. So the ranges and that reply are computed once per table of owners.
 */

/** A member's flags in CLUSTER NODES. */
const FLAGS: Readonly<Record<MemberReport['state'], string>> = {
  self: 'myself,master',
  up: 'master',
  leaving: 'master',
  suspect: 'master,fail?',
  down: 'master,fail',
  unknown: 'master,handshake',
}

/** A member's health in CLUSTER SHARDS. */
const HEALTHS: Readonly<Record<MemberReport['state'], string>> = {
  self: 'online',
  up: 'online',
  leaving: 'online',
  suspect: 'online',
  down: 'fail',
  unknown: 'loading',
}

/** Slots with an owner, with an owner that may have failed, and with a failed owner. */
interface SlotCounts {
  readonly assigned: number
  readonly suspect: number
  readonly down: number
}

export class Topology {
  /** The owners and members for which the cached replies were made. */
  #owners: Uint16Array = new Uint16Array(0)
  #names = ''
  #ranges: readonly SlotRange[] = []
  #byOwner: ReadonlyMap<number, readonly SlotRange[]> = new Map()
  /** By protocol, and whether the client uses TLS. */
  readonly #slots = new Map<string, Buffer>()

  /** Updates the owners. */
  update(owners: Uint16Array, { members }: ClusterReport): void {
    const names = members
      .map(
        ({ member, index }) =>
          `${index} ${member.name} ${clientPort(member, false)} ${clientPort(member, true)}`,
      )
      .join()
    if (names === this.#names && bytesOf(owners).equals(bytesOf(this.#owners))) return
    this.#names = names
    this.#owners = owners.slice()
    // A member that left the list owns its slots until another one takes them; it cannot be reported.
    const known = new Set(members.map(({ index }) => index))
    this.#ranges = rangesOf(owners).filter(({ owner }) => known.has(owner))
    this.#byOwner = byOwner(this.#ranges)
    this.#slots.clear()
  }

  /** Whether any slot has an owner. */
  get isEmpty(): boolean {
    return this.#ranges.length === 0
  }

  /** The slots of a member. */
  of({ index }: MemberReport): readonly SlotRange[] {
    return this.#byOwner.get(index) ?? []
  }

  count(members: readonly MemberReport[]): SlotCounts {
    const of = (...states: MemberReport['state'][]): number =>
      members
        .filter(({ state }) => states.includes(state))
        .reduce((sum, each) => sum + lengthOf(this.of(each)), 0)
    return {
      assigned: of('self', 'up', 'leaving', 'suspect', 'down', 'unknown'),
      suspect: of('suspect'),
      down: of('down', 'unknown'),
    }
  }

  /** The reply of CLUSTER SLOTS: by slot, each range with its owner's address, id and (no) other addresses. */
  slots(protocol: 2 | 3, { members }: ClusterReport, byTls = false): Buffer {
    const key = `${protocol} ${byTls}`
    let reply = this.#slots.get(key)
    if (reply === undefined) {
      const nodes = new Map(members.map(({ index, member }) => [index, slotNode(member, protocol, byTls)]))
      const ranges = this.#ranges.map(
        ({ first, last, owner }) => `*3\r\n:${first}\r\n:${last}\r\n${nodes.get(owner)}`,
      )
      reply = Buffer.from(`*${ranges.length}\r\n${ranges.join('')}`)
      this.#slots.set(key, reply)
    }
    return reply
  }

  /** The reply of CLUSTER SHARDS: each node is a shard, since there are no replicas. */
  writeShards(reply: ReplyWriter, { members }: ClusterReport, byTls = false): void {
    reply.array(members.length)
    for (const each of members) {
      const { member, state } = each
      const ranges = this.of(each)
      reply.map(2)
      reply.bulkText('slots')
      reply.array(2 * ranges.length)
      for (const { first, last } of ranges) {
        reply.integer(first)
        reply.integer(last)
      }
      reply.bulkText('nodes')
      reply.array(1)
      const ports = shardPorts(member, byTls)
      reply.map(6 + ports.length)
      writeText(reply, 'id', nodeId(member.name))
      for (const [name, port] of ports) {
        reply.bulkText(name)
        reply.integer(port)
      }
      writeText(reply, 'ip', member.host)
      writeText(reply, 'endpoint', member.host)
      writeText(reply, 'role', 'master')
      reply.bulkText('replication-offset')
      reply.integer(0)
      writeText(reply, 'health', HEALTHS[state])
    }
  }

  /** The text of CLUSTER NODES. The cluster bus port is that of the links between nodes. */
  nodes({ members, views }: ClusterReport, byTls = false): string {
    const lines = members.map((each) => {
      const { member, state, health } = each
      const { name, host, port } = member
      const ranges = this.of(each).map(({ first, last }) =>
        first === last ? `${first}` : `${first}-${last}`,
      )
      const link = state === 'self' || health?.linked ? 'connected' : 'disconnected'
      const heard = Math.floor(health?.lastHeard ?? 0)
      const fields = [
        nodeId(name),
        `${host}:${clientPort(member, byTls)}@${port}`,
        FLAGS[state],
        '-',
        0,
        heard,
        views,
        link,
      ]
      return `${[...fields, ...ranges].join(' ')}\n`
    })
    return lines.join('')
  }
}

function byOwner(ranges: readonly SlotRange[]): Map<number, SlotRange[]> {
  const lists = new Map<number, SlotRange[]>()
  for (const range of ranges) {
    const list = lists.get(range.owner)
    if (list === undefined) lists.set(range.owner, [range])
    else list.push(range)
  }
  return lists
}

export function lengthOf(ranges: readonly SlotRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
}

/** Redis: `port` and `tls-port`, as far as there are such ports. A node that has not announced its ports has one. */
function shardPorts(member: Member, byTls: boolean): readonly (readonly [string, number])[] {
  const { tcp = 0, tls = 0 } = member.clientPorts ?? {}
  const known = [['port', tcp] as const, ['tls-port', tls] as const].filter(([, port]) => port !== 0)
  return known.length > 0 ? known : [[byTls ? 'tls-port' : 'port', member.port]]
}

function slotNode(member: Member, protocol: 2 | 3, byTls: boolean): string {
  const { name, host } = member
  const port = clientPort(member, byTls)
  const metadata = protocol === 3 ? '%0' : '*0'
  return `*4\r\n$${Buffer.byteLength(host)}\r\n${host}\r\n:${port}\r\n$40\r\n${nodeId(name)}\r\n${metadata}\r\n`
}

function writeText(reply: ReplyWriter, name: string, value: string): void {
  reply.bulkText(name)
  reply.bulkText(value)
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint16Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
