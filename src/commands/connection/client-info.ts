// One line of CLIENT LIST and CLIENT INFO.

import type { Args } from '../../resp/args.ts'
import type { HttpClient } from '../../telemetry/http-stats.ts'
import type { Client } from '../spec/client.ts'
import type { Context } from '../spec/context.ts'

/** Estimated bytes of an idle connection: its own objects and the socket's. */
const CONNECTION_BYTES = 8192

/** The line of Redis 7.2 without its line break. Features that do not exist have the value of a client not using them. */
export function clientInfo(c: Context, client: Client): string {
  const { outputBufferBytes, transaction } = client
  const queryBufferBytes = client.queryBufferBytes + (client === c.client ? requestBytes(c.args) : 0)
  const now = c.instant.now
  const fields = [
    `id=${client.id}`,
    `addr=${client.address}`,
    `laddr=${client.localAddress}`,
    'fd=-1',
    `name=${client.name}`,
    `age=${seconds(now - client.createdAt)}`,
    `idle=${seconds(now - client.lastActiveAt)}`,
    `flags=${flags(client)}`,
    `db=${c.host.groups.indexOf(client.group)}`,
    'sub=0',
    'psub=0',
    'ssub=0',
    `multi=${transaction?.size ?? -1}`,
    `qbuf=${queryBufferBytes}`,
    'qbuf-free=0',
    'argv-mem=0',
    `multi-mem=${transaction?.bytes ?? 0}`,
    'rbs=0',
    'rbp=0',
    'obl=0',
    `oll=${client.pending.size}`,
    `omem=${outputBufferBytes}`,
    `tot-mem=${CONNECTION_BYTES + queryBufferBytes + outputBufferBytes + (transaction?.bytes ?? 0)}`,
    `events=${client.closing ? '' : 'r'}${outputBufferBytes > 0 ? 'w' : ''}`,
    `cmd=${client.lastCommand === '' ? 'NULL' : client.lastCommand}`,
    `user=${client.user.name}`,
    'redir=-1',
    `resp=${client.protocol}`,
    `lib-name=${client.libName}`,
    `lib-ver=${client.libVersion}`,
  ]
  return fields.join(' ')
}

/**
 * The same for an HTTP connection, whose flag is `H`. It is in no group (`db`) and has no version of the Redis protocol
 * (`resp`); `cmd` is the command that the route of its last request stands for.
 */
export function httpClientInfo(client: HttpClient): string {
  const { unsentBytes } = client
  const fields = [
    `id=${client.id}`,
    `addr=${client.address}`,
    `laddr=${client.localAddress}`,
    'fd=-1',
    'name=',
    `age=${seconds(client.ageMs)}`,
    `idle=${seconds(client.idleMs)}`,
    'flags=H',
    'db=-1',
    'sub=0',
    'psub=0',
    'ssub=0',
    'multi=-1',
    'qbuf=0',
    'qbuf-free=0',
    'argv-mem=0',
    'multi-mem=0',
    'rbs=0',
    'rbp=0',
    'obl=0',
    `oll=${client.activeRequests}`,
    `omem=${unsentBytes}`,
    `tot-mem=${CONNECTION_BYTES + unsentBytes}`,
    `events=r${unsentBytes > 0 ? 'w' : ''}`,
    `cmd=${client.lastCommand === '' ? 'NULL' : client.lastCommand}`,
    `user=${client.userName}`,
    'redir=-1',
    'resp=0',
    'lib-name=',
    'lib-ver=',
  ]
  return fields.join(' ')
}

/** The request that runs, as its client has sent it: Redis counts it, too. */
function requestBytes(args: Args): number {
  let bytes = headerBytes(args.count)
  for (let i = 0; i < args.count; i++) bytes += headerBytes(args.length(i)) + args.length(i) + 2
  return bytes
}

/** Bytes of `*1\r\n` or `$1\r\n`. */
function headerBytes(count: number): number {
  return String(count).length + 3
}

/** Redis's letters: monitor, in a transaction, waits for a reply or the end of a pause, closes after its replies, a watched key has changed, not
 * evicted, by a Unix socket, does not touch. */
function flags(client: Client): string {
  let text = ''
  if (client.monitor) text += 'O'
  if (client.transaction !== undefined) text += 'x'
  if (client.pending.size !== 0 || client.isPaused) text += 'b'
  if (client.closing) text += 'c'
  if (client.watch?.isBroken === true) text += 'd'
  if (client.noEvict) text += 'e'
  if (client.address.startsWith('/')) text += 'U'
  if (client.noTouch) text += 'T'
  return text === '' ? 'N' : text
}

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1000))
}
