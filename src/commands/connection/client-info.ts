// One line of CLIENT LIST and CLIENT INFO.

import type { Args } from '../../resp/args.ts'
import type { HttpClient } from '../../telemetry/http-stats.ts'
import type { Client } from '../spec/client.ts'
import type { Context } from '../spec/context.ts'

/** Estimated bytes of an idle connection: its own objects and the socket's. */
const CONNECTION_BYTES = 8192

/** The fields of a line that differ between clients. */
interface Shown {
  readonly id: number
  readonly address: string
  readonly localAddress: string
  readonly name: string
  readonly ageMs: number
  readonly idleMs: number
  readonly flags: string
  /** The index of its group; -1: it is in none. */
  readonly group: number
  /** Commands queued in a transaction, -1: there is none; and their bytes. */
  readonly queued: number
  readonly queuedBytes: number
  readonly watchedBytes: number
  readonly queryBytes: number
  readonly outputBytes: number
  readonly pending: number
  readonly closing: boolean
  readonly lastCommand: string
  readonly userName: string
  /** The version of the Redis protocol; 0: another protocol. */
  readonly protocol: number
  readonly libName: string
  readonly libVersion: string
}

/** The line of Redis 7.2 without its line break. Features that do not exist have the value of a client not using them. */
function infoLine(shown: Shown): string {
  const { queryBytes, outputBytes, queuedBytes, watchedBytes, lastCommand } = shown
  const fields = [
    `id=${shown.id}`,
    `addr=${shown.address}`,
    `laddr=${shown.localAddress}`,
    'fd=-1',
    `name=${shown.name}`,
    `age=${seconds(shown.ageMs)}`,
    `idle=${seconds(shown.idleMs)}`,
    `flags=${shown.flags}`,
    `db=${shown.group}`,
    'sub=0',
    'psub=0',
    'ssub=0',
    `multi=${shown.queued}`,
    `qbuf=${queryBytes}`,
    'qbuf-free=0',
    'argv-mem=0',
    `multi-mem=${queuedBytes}`,
    'rbs=0',
    'rbp=0',
    'obl=0',
    `oll=${shown.pending}`,
    `omem=${outputBytes}`,
    `tot-mem=${CONNECTION_BYTES + queryBytes + outputBytes + queuedBytes + watchedBytes}`,
    `events=${shown.closing ? '' : 'r'}${outputBytes > 0 ? 'w' : ''}`,
    `cmd=${lastCommand === '' ? 'NULL' : lastCommand}`,
    `user=${shown.userName}`,
    'redir=-1',
    `resp=${shown.protocol}`,
    `lib-name=${shown.libName}`,
    `lib-ver=${shown.libVersion}`,
  ]
  return fields.join(' ')
}

export function clientInfo(c: Context, client: Client): string {
  const { id, address, localAddress, name, transaction, closing, lastCommand, protocol } = client
  const { now } = c.instant
  return infoLine({
    id,
    address,
    localAddress,
    name,
    ageMs: now - client.createdAt,
    idleMs: now - client.lastActiveAt,
    flags: flags(client),
    group: c.host.groups.indexOf(client.group),
    queued: transaction?.size ?? -1,
    queuedBytes: transaction?.bytes ?? 0,
    watchedBytes: client.watch?.bytes ?? 0,
    queryBytes: client.queryBufferBytes + (client === c.client ? requestBytes(c.args) : 0),
    outputBytes: client.outputBufferBytes,
    pending: client.pending.size,
    closing,
    lastCommand,
    userName: client.user.name,
    protocol,
    libName: client.libName,
    libVersion: client.libVersion,
  })
}

/** The line of an HTTP connection, whose flag is `H`; `cmd` is the command that the route of its last request stands for. */
export function httpClientInfo(client: HttpClient): string {
  const { id, address, localAddress, ageMs, idleMs, lastCommand, userName } = client
  return infoLine({
    id,
    address,
    localAddress,
    name: '',
    ageMs,
    idleMs,
    flags: 'H',
    group: -1,
    queued: -1,
    queuedBytes: 0,
    watchedBytes: 0,
    queryBytes: 0,
    outputBytes: client.unsentBytes,
    pending: client.activeRequests,
    closing: false,
    lastCommand,
    userName,
    protocol: 0,
    libName: '',
    libVersion: '',
  })
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
