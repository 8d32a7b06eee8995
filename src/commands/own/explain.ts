// EXPLAIN: what a read of a key would do, and the state of its entry; any node of a cluster answers for any key.

import { keySlot } from '../../bytes/crc16.ts'
import { camelName } from '../../bytes/names.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { deferReply } from '../spec/client.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { replyObject } from '../spec/fields.ts'
import { KEY, oneKey } from '../spec/shorthand.ts'
import { type Explanation, explanationOf, UNKNOWN } from './explanation.ts'

export const explainCommands: readonly CommandSpec[] = [
  {
    name: 'explain',
    arity: 2,
    flags: ['readonly', 'fast'],
    categories: ['keyspace', 'read', 'fast'],
    keys: oneKey('RO'),
    isLocal: true,
    summary: 'Returns what would answer a read of a key, and the state of its entry.',
    since: '0.1.0',
    group: 'erinys',
    complexity: 'O(1)',
    tips: ['nondeterministic_output'],
    arguments: [KEY],
    run(c) {
      const { args, host } = c
      const { cluster } = host
      const owner = cluster?.ownerOf(args.buf, args.start[1], args.end[1])
      if (cluster === undefined || owner === undefined) explainHere(c, 1)
      else explainThere(c, cluster, owner)
    },
  },
]

/** Describes the key in argument `i` as this node has it. */
export function explainHere(c: Context, i: number): void {
  const { cluster } = c.host
  const explanation = explanationOf(c.group, c.args.copy(i), c.instant)
  replyObject(c.reply, cluster === undefined ? explanation : { ...explanation, problem: problemOf(cluster) })
}

/** Describes a key that another node owns; `owner-source` is what the owner would do. */
function explainThere(c: Context, cluster: Cluster, owner: string): void {
  const { args, client, group, reply } = c
  const [start, end] = [args.start[1], args.end[1]]
  const slot = keySlot(args.buf, start, end)
  const isCopied = group.copies?.holds(args.buf, start, end) ?? false
  // A program's read is forwarded also where clients are redirected.
  const redirects = cluster.redirects && !client.isProgram
  const source = redirects ? 'moved' : isCopied ? 'copy' : 'peer'
  const { protocol } = client
  const complete = deferReply(client)
  const answer = (theirs: Partial<Explanation>): void => {
    reply.protocol = protocol
    replyObject(reply, {
      ...UNKNOWN,
      ...theirs,
      group: group.name,
      slot,
      owner,
      source,
      problem: problemOf(cluster),
      ownerSource: theirs.source ?? null,
    })
    complete(reply.take())
  }
  cluster.askPeer(owner, group, ['PEER', 'EXPLAIN', args.copy(1)]).then(
    (explanation) => answer(explanationIn(explanation)),
    // The owner cannot be reached: nothing is known.
    () => answer({}),
  )
}

/** As in CLUSTER INFO. */
function problemOf(cluster: Cluster): string {
  return cluster.status.problem ?? 'none'
}

/** A reply to EXPLAIN, a map as RESP2 has it, as an object. */
export function explanationIn(reply: unknown): Explanation {
  const fields: [name: string, value: unknown][] = []
  const map: readonly unknown[] = Array.isArray(reply) ? reply : []
  for (let i = 0; i + 1 < map.length; i += 2) {
    const value = map[i + 1]
    fields.push([camelName(String(map[i])), Buffer.isBuffer(value) ? value.toString() : value])
  }
  return Object.fromEntries(fields) as unknown as Explanation
}
