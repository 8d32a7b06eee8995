// PEER: the commands between nodes of a cluster; ordinary clients are refused.

import { SUPERUSER } from '../../access/user.ts'
import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { answerHello, makeNonce, PEER_VERSION } from '../../cluster/links/handshake.ts'
import { CONTEXT_COORDINATED, CONTEXT_NO_TOUCH } from '../../cluster/links/request-contexts.ts'
import type { Args } from '../../resp/args.ts'
import { OK } from '../../resp/reply.ts'
import { Collection } from '../../store/value.ts'
import { contextOf } from '../../telemetry/tracing.ts'
import { explainHere } from '../own/explain.ts'
import { deferReply } from '../spec/client.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { CLUSTER_DISABLED, NOT_A_PEER, PASSING_FLUSH } from '../spec/errors.ts'
import { arg } from '../spec/shorthand.ts'
import { forPeers, hasNoSuchGroup, subcommand } from './peer-subcommand.ts'
import { transfers } from './transfers.ts'

const TLS_ONLY = 'NOPERM links between nodes use TLS only (tls-cluster yes)'
const NO_REPORT = 'ERR this node has no HTTP, and no dashboard'
const WRONG_CERTIFICATE = 'NOPERM the certificate is not one of a node (tls-cluster-name)'

export const peerCommands: readonly CommandSpec[] = [
  container({
    name: 'peer',
    flags: [],
    categories: ['slow'],
    isSystem: true,
    summary: 'A container for commands between the nodes of a cluster.',
    since: '7.0.0',
    group: 'erinys',
    helpSince: '7.0.0',
    subcommands: [
      subcommand({
        name: 'challenge',
        arity: 2,
        flags: ['no_auth'],
        summary: 'Returns a nonce, which PEER HELLO must sign.',
        run(c) {
          if (c.host.cluster === undefined) {
            c.reply.error(CLUSTER_DISABLED)
            return
          }
          if (c.host.cluster.requests.isWithoutTls(c.client.tls, c.client.address)) {
            c.reply.error(TLS_ONLY)
            return
          }
          c.client.nonce = makeNonce()
          c.reply.bulkText(c.client.nonce)
        },
      }),
      subcommand({
        name: 'hello',
        arity: 7,
        flags: ['no_auth'],
        summary: 'Authenticates a node by the shared secret.',
        arguments: [
          arg('version', 'integer'),
          arg('name', 'string'),
          arg('run-id', 'string'),
          arg('proof', 'string'),
          arg('nonce', 'string'),
        ],
        run: hello,
      }),
      subcommand({
        name: 'context',
        arity: -6,
        summary:
          'Sets the context (group, ring epoch, flags, trace) of the requests that follow. There is no reply.',
        arguments: [
          arg('group', 'string'),
          arg('protocol', 'integer'),
          arg('flags', 'integer'),
          arg('epoch', 'string'),
          arg('traceparent', 'string', { optional: true }),
          arg('tracestate', 'string', { optional: true }),
        ],
        ...forPeers(setContext),
      }),
      subcommand({
        name: 'state',
        arity: 3,
        summary: 'Exchanges the state of failure detection.',
        arguments: [arg('state', 'string')],
        ...forPeers((c) =>
          answerJson(c, (name, message) => c.host.cluster?.requests.exchangeState(name, message)),
        ),
      }),
      subcommand({
        name: 'claim',
        arity: 3,
        complexity: 'O(N) where N is the number of slots.',
        summary: 'Requests the ownership of slots.',
        arguments: [arg('claim', 'string')],
        ...forPeers((c) =>
          answerJson(c, (name, claim) => {
            const answer = c.host.cluster?.requests.requestOwnership(name, claim)
            return answer && JSON.stringify(answer)
          }),
        ),
      }),
      ...transfers,
      subcommand({
        name: 'size',
        arity: 2,
        summary: 'Returns the number of keys of the group, and of those that were transferred.',
        run(c) {
          const { client, forwarded, host, group, reply } = c
          if (client.peer === undefined && forwarded === undefined) reply.error(NOT_A_PEER)
          else if (host.cluster === undefined || hasNoSuchGroup(c)) reply.null()
          else reply.bulkText(JSON.stringify(host.cluster.requests.keyReport(group)))
        },
      }),
      subcommand({
        name: 'report',
        arity: 2,
        complexity: 'O(N) where N is the number of groups.',
        summary: 'Returns all about this node, for the dashboard of another one.',
        ...forPeers(({ host, reply }) => {
          if (host.report === undefined) reply.error(NO_REPORT)
          else reply.bulkText(host.report())
        }),
      }),
      subcommand({
        name: 'flush',
        arity: -3,
        summary:
          'Flushes the group, or some tags of it, as the sender has done, which had released slots to this node.',
        arguments: [arg('path', 'string'), arg('tag', 'string', { optional: true, multiple: true })],
        ...forPeers(passOn),
      }),
      subcommand({
        name: 'flushed',
        arity: -2,
        summary: 'Whether no flush that came with this path, or began here, is being passed on.',
        arguments: [arg('path', 'string', { optional: true })],
        run(c) {
          const path = c.args.count > 2 ? c.args.text(2).split(' ') : []
          if (!c.host.cluster?.isPassingFlush(path)) c.reply.ok()
          else if (c.args.count > 2) c.reply.simple('passing')
          else c.reply.error(PASSING_FLUSH)
        },
      }),
      subcommand({
        name: 'farewell',
        arity: 2,
        summary: 'Answers when this node has all replies of the sender, which is about to close.',
        ...forPeers(farewell),
      }),
      subcommand({
        name: 'copy',
        arity: -3,
        summary:
          'Returns a value as a hot copy, with its time to live. A write of the key invalidates the copy; the new value is sent for a limited number of writes.',
        arguments: [arg('key', 'string'), arg('updates', 'integer', { optional: true })],
        ...forPeers(copy),
      }),
      subcommand({
        name: 'exec',
        arity: -4,
        flags: ['write'],
        keys: [{ first: 4, last: -1, step: 1, flags: ['RW', 'access', 'update'] }],
        findKeys: ({ args }) => Array.from({ length: countAt(args, 3) }, (_, i) => i + 4),
        fencesItself: true,
        complexity: 'Depends on commands in the transaction',
        summary: 'Runs the commands of a transaction, unless a key of the watch has changed (0: no watch).',
        arguments: [
          arg('watch', 'integer'),
          arg('numkeys', 'integer'),
          arg('key', 'key', { optional: true, multiple: true }),
          arg('command', 'block', {
            optional: true,
            multiple: true,
            arguments: [arg('group', 'string'), arg('request', 'string')],
          }),
        ],
        ...forPeers((c) => c.transactions.execForPeer()),
      }),
      subcommand({
        name: 'watch',
        arity: -4,
        complexity: 'O(1) for every key.',
        summary: 'Watches keys for a client of the other node, under a number.',
        arguments: [arg('watch', 'integer'), arg('key', 'string', { multiple: true })],
        ...forPeers((c) => c.transactions.watchForPeer()),
      }),
      subcommand({
        name: 'unwatch',
        arity: 3,
        summary: 'Ends a watch.',
        arguments: [arg('watch', 'integer')],
        ...forPeers(({ args, client, reply }) => {
          const id = args.latin1(2)
          client.peerWatches?.get(id)?.release()
          client.peerWatches?.delete(id)
          reply.ok()
        }),
      }),
      subcommand({
        name: 'unblock',
        arity: 4,
        summary: 'Ends the wait of a request whose reply was deferred under a number.',
        arguments: [arg('number', 'integer'), arg('reason', 'string')],
        ...forPeers(({ args, client, reply }) => {
          const wait = client.waits.get(Number(args.latin1(2)))
          if (args.is(3, 'CANCEL')) wait?.cancel()
          else wait?.unblock(args.is(3, 'ERROR'))
          reply.ok()
        }),
      }),
      subcommand({
        name: 'explain',
        arity: 3,
        summary: 'Returns the reply of EXPLAIN on this node.',
        arguments: [arg('key', 'string')],
        ...forPeers((c) => explainHere(c, 2)),
      }),
    ],
  }),
]

/** The number of keys in argument `i`, as far as there are as many arguments. */
function countAt(args: Args, i: number): number {
  const count = parseInteger(args.buf, args.start[i], args.end[i])
  return count >= 0 && count <= args.count - i - 1 ? count : 0
}

function hello(c: Context): void {
  const { args, reply, client, host } = c
  const { cluster } = host
  const [version, name, runId, proof, nonce] = [2, 3, 4, 5, 6].map((i) => args.text(i))
  const { nonce: challenge } = client
  client.nonce = ''
  if (cluster === undefined) reply.error(CLUSTER_DISABLED)
  else if (version !== PEER_VERSION)
    reply.error(`NOPERM unsupported peer protocol version, this node has version ${PEER_VERSION}`)
  else if (challenge === '') reply.error('NOPERM PEER HELLO without PEER CHALLENGE')
  else if (!cluster.requests.isMember(client.tls, name, client.address)) reply.error(WRONG_CERTIFICATE)
  else {
    const answer = answerHello(
      cluster.requests.identity,
      { caller: nonce, answerer: challenge, binding: client.tls?.binding ?? '' },
      { name, runId },
      proof,
    )
    if (answer === null) {
      cluster.requests.refused(name, client.address)
      reply.error('NOPERM wrong cluster secret')
      return
    }
    client.authenticated = true
    client.user = SUPERUSER
    client.peer = {
      name,
      runId,
      agreedGeneration: -1,
      isCoordinated: false,
      groupName: '',
      isUnknownGroup: false,
    }
    client.protocol = 2
    reply.protocol = 2
    reply.array(answer.length)
    for (const text of answer) reply.bulkText(text)
    cluster.requests.connected(name, client)
  }
}

function setContext(c: Context): void {
  const { args, client, host } = c
  const { peer } = client
  if (peer === undefined) return
  const name = args.text(2)
  const group = host.groups.find((each) => each.name === name)
  const flags = Number(args.latin1(4))
  client.protocol = args.latin1(3) === '3' ? 3 : 2
  client.noTouch = (flags & CONTEXT_NO_TOUCH) !== 0
  peer.isCoordinated = (flags & CONTEXT_COORDINATED) !== 0
  peer.agreedGeneration = host.cluster?.requests.agreedGeneration(Number(args.latin1(5))) ?? -1
  const traceparent = args.count > 6 ? args.latin1(6) : ''
  client.trace =
    traceparent === ''
      ? undefined
      : contextOf({ traceparent, tracestate: args.count > 7 ? args.latin1(7) : '' })
  peer.groupName = name
  peer.isUnknownGroup = group === undefined
  if (group !== undefined) client.group = group
}

function answerJson(
  c: Context,
  answer: (name: string, message: unknown) => string | Error | undefined,
): void {
  let message: unknown
  try {
    message = JSON.parse(c.args.text(2))
  } catch {
    c.reply.error('ERR invalid JSON')
    return
  }
  const reply = answer(c.client.peer?.name ?? '', message)
  if (typeof reply === 'string') c.reply.bulkText(reply)
  else c.reply.error(`ERR ${reply?.message ?? 'invalid message'}`)
}

function passOn(c: Context): void {
  const { args, group, host, reply } = c
  const { cluster } = host
  if (hasNoSuchGroup(c)) {
    reply.ok()
    return
  }
  const path = args.text(2).split(' ')
  const tags = Array.from({ length: args.count - 3 }, (_, i) => args.copy(i + 3))
  if (tags.length === 0) group.clear()
  for (const tag of tags) group.invalidateTag(tag)
  cluster?.flushed(group, tags, path)
  reply.simple(cluster?.isPassingFlush(path) ? 'passing' : 'OK')
}

function farewell(c: Context): void {
  const { client, host } = c
  const complete = deferReply(client)
  const done = (): void => complete(OK)
  const { name = '', runId = '' } = client.peer ?? {}
  const answered = host.cluster?.farewellBy(name, runId) ?? Promise.resolve()
  answered.then(done, done)
}

function copy(c: Context): void {
  const { args, reply, client, host } = c
  // A node of an earlier version takes no new values.
  const takesUpdates = args.count > 3
  const updates = takesUpdates ? Math.max(0, parseInteger(args.buf, args.start[3], args.end[3]) || 0) : 0
  const copied = hasNoSuchGroup(c)
    ? undefined
    : host.cluster?.requests.copyFor(client, c.group, args.buf, args.start[2], args.end[2], updates)
  if (copied === undefined) {
    reply.nullArray()
    return
  }
  const { value, remainingMs, version } = copied
  const bytes = value instanceof Collection ? value.dump : value
  const isCollection = value instanceof Collection
  reply.array(takesUpdates ? 4 : isCollection ? 3 : 2)
  reply.bulk(bytes, 0, bytes.length)
  reply.integer(remainingMs)
  if (isCollection) reply.integer(value.type)
  else if (takesUpdates) reply.null()
  if (takesUpdates) reply.integer(version)
}
