// CLUSTER and its subcommands, READONLY, READWRITE and ASKING, for cluster-aware clients.

import { MAX_TIMER_MS } from '../../bytes/clock.ts'
import { keySlot } from '../../bytes/crc16.ts'
import { parseInteger } from '../../bytes/numbers/decimal.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { nodeId } from '../../cluster/member.ts'
import type { ClusterReport } from '../../cluster/report.ts'
import { deferReply } from '../spec/client.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { CLUSTER_DISABLED, NOT_AN_INTEGER, SYNTAX_ERROR } from '../spec/errors.ts'
import { arg, option } from '../spec/shorthand.ts'
import { clusterInfo, clusterLinks } from './info.ts'
import { countKeysInSlot, listKeysInSlot } from './slot-keys.ts'
import { Topology } from './topology.ts'

/** Redis's reply when a node does not know the owners of the slots; clients then try another node. */
const NOT_JOINED = 'CLUSTERDOWN The cluster is down'

type Subcommand = Pick<CommandSpec, 'name' | 'arity' | 'summary' | 'since' | 'complexity' | 'run'> &
  Partial<CommandSpec>

function subcommand(spec: Subcommand): CommandSpec {
  return { flags: ['stale'], categories: ['slow'], group: 'cluster', ...spec }
}

const PER_NODE = 'O(N) where N is the total number of cluster nodes, and of ranges of their slots.'
const VARYING = ['nondeterministic_output']

/** Arguments of a handler besides its context. */
interface Joined {
  readonly cluster: Cluster
  readonly report: ClusterReport
  readonly topology: Topology
}

/** The commands of one node. */
export function clusterCommands(): readonly CommandSpec[] {
  const topology = new Topology()

  /** Requires that this node has joined a cluster and knows the owners of the slots. */
  function joined(run: (c: Context, joined: Joined) => void): (c: Context) => void {
    return (c) => {
      const { cluster } = c.host
      const report = cluster?.status.report
      if (cluster === undefined || report === undefined) {
        c.reply.error(NOT_JOINED)
        return
      }
      topology.update(cluster.owners, report)
      run(c, { cluster, report, topology })
    }
  }

  /** A command by which a client learns of all nodes: from then on it asks each of them itself. */
  function topologyOf(run: (c: Context, joined: Joined) => void): (c: Context) => void {
    return joined((c, parts) => {
      c.client.asksEveryNode = true
      run(c, parts)
    })
  }

  const cluster = container({
    name: 'cluster',
    flags: [],
    categories: ['slow'],
    summary: 'A container for Redis Cluster commands.',
    since: '3.0.0',
    group: 'cluster',
    helpSince: '5.0.0',
    subcommands: [
      subcommand({
        name: 'slots',
        arity: 2,
        summary: 'Returns the mapping of cluster slots to nodes.',
        since: '3.0.0',
        complexity: PER_NODE,
        tips: VARYING,
        deprecated: { since: '7.0.0', replacedBy: '`CLUSTER SHARDS`' },
        history: [
          ['4.0.0', 'Added node IDs.'],
          ['7.0.0', 'Added additional networking metadata field.'],
        ],
        run: topologyOf((c, { report }) => {
          if (topology.isEmpty) c.reply.error(NOT_JOINED)
          else c.reply.raw(topology.slots(c.reply.protocol, report, c.client.tls !== undefined))
        }),
      }),
      subcommand({
        name: 'shards',
        arity: 2,
        summary: 'Returns the mapping of cluster slots to shards.',
        since: '7.0.0',
        complexity: PER_NODE,
        tips: VARYING,
        run: topologyOf((c, { report }) => topology.writeShards(c.reply, report, c.client.tls !== undefined)),
      }),
      subcommand({
        name: 'nodes',
        arity: 2,
        summary: 'Returns the cluster configuration for a node.',
        since: '3.0.0',
        complexity: PER_NODE,
        tips: VARYING,
        run: topologyOf((c, { report }) =>
          c.reply.verbatim('txt', topology.nodes(report, c.client.tls !== undefined)),
        ),
      }),
      subcommand({
        name: 'info',
        arity: 2,
        summary: 'Returns information about the state of a node.',
        since: '3.0.0',
        complexity: 'O(1)',
        tips: VARYING,
        run: joined((c, { cluster, report }) =>
          c.reply.verbatim('txt', clusterInfo(cluster, report, topology)),
        ),
      }),
      subcommand({
        name: 'links',
        arity: 2,
        summary: 'Returns a list of all TCP links to and from peer nodes.',
        since: '7.0.0',
        complexity: 'O(N) where N is the total number of Cluster nodes',
        tips: VARYING,
        run: joined((c, { report }) => clusterLinks(c, report)),
      }),
      subcommand({
        name: 'myid',
        arity: 2,
        summary: 'Returns the ID of a node.',
        since: '3.0.0',
        complexity: 'O(1)',
        run: joined((c, { report }) => c.reply.bulkText(nodeId(report.self.name))),
      }),
      subcommand({
        name: 'myshardid',
        arity: 2,
        summary: 'Returns the shard ID of a node, which is its own ID.',
        since: '7.2.0',
        complexity: 'O(1)',
        tips: VARYING,
        run: joined((c, { report }) => c.reply.bulkText(nodeId(report.self.name))),
      }),
      subcommand({
        name: 'keyslot',
        arity: 3,
        summary: 'Returns the hash slot for a key.',
        since: '3.0.0',
        complexity: 'O(N) where N is the number of bytes in the key',
        arguments: [arg('key', 'string')],
        run: ({ args, reply }) => reply.integer(keySlot(args.buf, args.start[2], args.end[2])),
      }),
      subcommand({
        name: 'countkeysinslot',
        arity: 3,
        wholeKeyspace: true,
        summary: 'Returns the number of keys in a hash slot that this node holds.',
        since: '3.0.0',
        complexity: 'O(N) where N is the number of keys that this node holds in the group.',
        arguments: [arg('slot', 'integer')],
        groups: (_, selected) => [selected],
        run: countKeysInSlot,
      }),
      subcommand({
        name: 'getkeysinslot',
        arity: 4,
        wholeKeyspace: true,
        summary: 'Returns the key names in a hash slot that this node holds.',
        since: '3.0.0',
        complexity: 'O(N) where N is the number of keys that this node holds in the group.',
        tips: VARYING,
        arguments: [arg('slot', 'integer'), arg('count', 'integer')],
        groups: (_, selected) => [selected],
        run: listKeysInSlot,
      }),
      subcommand({
        name: 'drain',
        arity: -2,
        flags: ['admin', 'stale'],
        categories: ['admin', 'slow', 'dangerous'],
        summary:
          'Hands all slots and entries of this node over to the others; it keeps running and forwards requests.',
        since: '7.2.0',
        complexity: 'O(N) where N is the number of keys that this node holds.',
        arguments: [option('TIMEOUT', 'milliseconds', 'integer', { optional: true })],
        run: joined(drain),
      }),
    ],
  })
  return [
    { ...cluster, subcommands: cluster.subcommands?.map(inCluster) },
    inCluster({
      name: 'readonly',
      arity: 1,
      flags: ['loading', 'stale', 'fast'],
      categories: ['fast', 'connection'],
      summary: 'Enables read-only queries for a connection to a Redis Cluster replica node.',
      since: '3.0.0',
      group: 'cluster',
      complexity: 'O(1)',
      // There are no replicas. Only a client that has chosen this node itself sends it.
      run({ client, reply }) {
        client.asksEveryNode = true
        reply.ok()
      },
    }),
    inCluster({
      name: 'readwrite',
      arity: 1,
      flags: ['loading', 'stale', 'fast'],
      categories: ['fast', 'connection'],
      summary: 'Enables read-write queries for a connection to a Redis Cluster replica node.',
      since: '3.0.0',
      group: 'cluster',
      complexity: 'O(1)',
      run: ({ reply }) => reply.ok(),
    }),
    inCluster({
      name: 'asking',
      arity: 1,
      flags: ['fast'],
      categories: ['fast', 'connection'],
      summary: 'Signals that a cluster client is following an -ASK redirect.',
      since: '3.0.0',
      group: 'cluster',
      complexity: 'O(1)',
      run({ client, reply }) {
        client.asking = true
        reply.ok()
      },
    }),
  ]
}

/** Replies when the handover is done; the node keeps running and forwards requests. */
function drain(c: Context, { cluster }: Joined): void {
  const { args, reply, client } = c
  const isTimed = args.count === 4 && args.is(2, 'TIMEOUT')
  if (args.count > 2 && !isTimed) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const timeout = isTimed ? parseInteger(args.buf, args.start[3], args.end[3]) : MAX_TIMER_MS
  if (!(timeout >= 0)) {
    reply.error(Number.isNaN(timeout) ? NOT_AN_INTEGER : 'ERR timeout is negative')
    return
  }
  if (cluster.status.liveOwners.length === 1) {
    reply.error('ERR there is no other node to hand anything over to')
    return
  }
  const complete = deferReply(client)
  void cluster
    .drain(timeout)
    .then((isDone) =>
      complete(isDone ? DRAINED : cluster.status.report?.living === 0 ? NOBODY_STAYS : NOT_DRAINED),
    )
}

const DRAINED = Buffer.from('+OK\r\n')
const NOBODY_STAYS = Buffer.from(
  '-ERR no other node remains to take over the keys: start a node, or restart one that was drained, and try again\r\n',
)
const NOT_DRAINED = Buffer.from('-ERR not everything is handed over yet: ask again, or see the log\r\n')

/** A command that is refused unless the node is in a cluster. */
function inCluster(spec: CommandSpec): CommandSpec {
  return {
    ...spec,
    run(c) {
      if (c.host.cluster === undefined) c.reply.error(CLUSTER_DISABLED)
      else spec.run(c)
    },
  }
}
