// The subcommands of PEER by which entries go from the previous owner of their slots to the next one.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { areSlots } from '../../cluster/messages.ts'
import type { Group } from '../../group/group.ts'
import type { CommandSpec } from '../spec/command.ts'
import type { Context } from '../spec/context.ts'
import { wrongArguments } from '../spec/errors.ts'
import { arg } from '../spec/shorthand.ts'
import { forPeers, hasNoSuchGroup, subcommand } from './peer-subcommand.ts'

export const transfers: readonly CommandSpec[] = [
  subcommand({
    name: 'peek',
    arity: 3,
    summary: 'Returns the serialized entry of a key without removing it.',
    arguments: [arg('key', 'string')],
    ...forPeers((c) => {
      const { args, reply, group } = c
      const entry = hasNoSuchGroup(c) ? undefined : c.host.cluster?.requests.peek(group, args.copy(2))
      if (entry === undefined) reply.null()
      else if (entry === 'large') reply.simple(entry)
      else reply.bulk(entry, 0, entry.length)
    }),
  }),
  subcommand({
    name: 'take',
    arity: -4,
    complexity: 'O(N) where N is the number of entries.',
    summary: 'Transfers entries.',
    arguments: [
      arg('data', 'block', { multiple: true, arguments: [arg('key', 'string'), arg('entry', 'string')] }),
    ],
    ...forPeers(take),
  }),
  subcommand({
    name: 'part',
    arity: 5,
    complexity: 'O(N*log(N)) where N is the number of elements.',
    summary: 'Transfers a part of a large collection, before its entry.',
    arguments: [arg('key', 'string'), arg('number', 'integer'), arg('data', 'string')],
    ...forPeers(part),
  }),
  subcommand({
    name: 'done',
    arity: 3,
    complexity: 'O(N) where N is the number of slots.',
    summary: 'Announces that all entries of some slots were transferred.',
    arguments: [arg('slots', 'string')],
    ...forPeers((c) => {
      const slots = c.args.text(2).split(' ').map(Number)
      if (!areSlots(slots)) c.reply.error('ERR invalid slot')
      else c.reply.simple(c.host.cluster?.requests.handoverDone(c.client.peer?.name ?? '', slots) ?? 'later')
    }),
  }),
  subcommand({
    name: 'tally',
    arity: -2,
    summary: 'Reports how many entries of each group the sender has transferred in all.',
    arguments: [
      arg('data', 'block', {
        multiple: true,
        arguments: [arg('group', 'string'), arg('count', 'integer')],
      }),
    ],
    ...forPeers(tally),
  }),
]

function take(c: Context): void {
  const { args, reply, client, host } = c
  if (args.count % 2 !== 0) {
    reply.error(wrongArguments(c.command.fullName))
    return
  }
  if (hasNoSuchGroup(c)) {
    reply.simple('refused')
    return
  }
  const entries = Array.from({ length: args.count / 2 - 1 }, (_, i) => {
    return { key: args.copy(2 * i + 2), dump: args.copy(2 * i + 3) }
  })
  reply.simple(host.cluster?.requests.accept(client.peer?.name ?? '', c.group, entries) ?? 'later')
}

function tally({ args, client, host, reply }: Context): void {
  const counts = new Map<Group, number>()
  for (let i = 2; i + 1 < args.count; i += 2) {
    const group = host.groups.find(({ name }) => name === args.text(i))
    const count = parseInteger(args.buf, args.start[i + 1], args.end[i + 1])
    if (group !== undefined && count >= 0) counts.set(group, count)
  }
  host.cluster?.requests.tallied(client.peer?.name ?? '', counts)
  reply.ok()
}

function part(c: Context): void {
  const { args, reply, client, host } = c
  const number = parseInteger(args.buf, args.start[3], args.end[3])
  if (hasNoSuchGroup(c) || !(number >= 0)) {
    reply.simple('refused')
    return
  }
  const from = client.peer?.name ?? ''
  reply.simple(
    host.cluster?.requests.acceptPart(from, c.group, args.copy(2), number, args.copy(4)) ?? 'later',
  )
}
