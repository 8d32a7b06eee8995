// `erinys check --diff`: what another configuration would change, and what of it needs a restart.

import { createSecureContext } from 'node:tls'
import type { RedisOptions } from 'ioredis'
import { kebabName } from '../bytes/names.ts'
import { formatDuration } from '../bytes/units.ts'
import { addressName } from '../cluster/member.ts'
import { ConfigError, type NodeConfig } from '../config/config.ts'
import { sourceText } from '../config/describe.ts'
import type { LoadedConfig } from '../config/file.ts'
import { describeChanges } from '../config/reload/changes.ts'
import { contextOptions, loadMaterial } from '../tls/material.ts'

const TIMEOUT_MS = 10_000

/** The user with which the node is asked; by default the default user, with `requirepass`. */
export interface Login {
  readonly user?: string
  readonly pass?: string
}

/** Compares two configurations, without a node. */
export function diffText(present: LoadedConfig, next: LoadedConfig): string {
  return textOf(`${sourceText(present)} -> ${sourceText(next)}`, describeChanges(present.config, next.config))
}

/**
 * Asks the node that runs with this configuration, on this machine, what a reload would change. It reads its file, checks
 * all of it, and starts the new origins to see whether they answer; then it closes them.
 * @throws ConfigError for a node that does not answer, or would not take its configuration over
 */
export async function runningDiffText(loaded: LoadedConfig, login: Login): Promise<string> {
  const { config } = loaded
  const { user, pass = config.requirepass } = login
  const { place, options, setting } = reachOf(config)
  const { Redis } = await import('ioredis')
  const client = new Redis({
    ...options,
    ...(user === undefined ? {} : { username: user }),
    ...(pass === '' ? {} : { password: pass }),
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: TIMEOUT_MS,
    retryStrategy: () => null,
  })
  let reason = ''
  client.on('error', (error) => {
    reason ||= error.message
  })
  // A dry run takes as long as the new origins need; a server that speaks the protocol answers PING at once.
  const timer = setTimeout(() => {
    reason ||= `no reply within ${formatDuration(TIMEOUT_MS)}`
    client.disconnect()
  }, TIMEOUT_MS)
  let isAnswering = false
  try {
    await client.connect()
    await client.ping().catch(unlessReply)
    isAnswering = true
    clearTimeout(timer)
    const lines = (await client.call('CONFIG', 'RELOAD', 'DRYRUN')) as string[]
    return textOf(`the node at ${place} -> its configuration now`, lines)
  } catch (error) {
    const text = (reason || (error as Error).message).replace(/^ERR /, '').replace(/\.+$/, '')
    const isNode = isAnswering && !text.startsWith('unknown ')
    const advice = REFUSED_LOGIN.test(text)
      ? `. ${OTHER_LOGIN}`
      : isNode
        ? ''
        : `. ${otherAddressText(loaded, place, setting)}`
    throw new ConfigError(`the node at ${place}: ${text}${advice}`)
  } finally {
    clearTimeout(timer)
    client.disconnect()
  }
}

const REFUSED_LOGIN = /^(WRONGPASS|NOAUTH|NOPERM) /
const OTHER_LOGIN =
  'It was asked with the password of this configuration: if the node has another one, give that (--pass), and the user where it is not the default one (--user)'

/** An error reply is a reply: the user may not be allowed to send PING. */
function unlessReply(error: Error): void {
  if (error.name !== 'ReplyError') throw error
}

/** Why this address was asked, and how to name another one. */
function otherAddressText({ sources, file }: LoadedConfig, place: string, setting: Reach['setting']): string {
  const source = sources.get(setting)
  const from =
    source === undefined ? 'by default' : source === file ? `from ${file} as it is now` : `from ${source}`
  return (
    `${place} is the ${kebabName(setting)} of this configuration (${from}); ` +
    `if the node listens elsewhere, name that: ${OTHER_ADDRESS[setting]}`
  )
}

/** The flags that name another address; they take precedence over the file. */
const OTHER_ADDRESS = {
  port: 'erinys check --diff --port <port> [--bind <address>]',
  tlsPort: 'erinys check --diff --tls-port <port> [--bind <address>], or --port <port> without TLS',
  unixsocket: 'erinys check --diff --unixsocket <path>, or --port <port>',
} as const

interface Reach {
  readonly place: string
  readonly options: RedisOptions
  /** The setting that names the address. */
  readonly setting: keyof typeof OTHER_ADDRESS
}

/** The address of the node: its port, its TLS port, or its Unix socket. */
function reachOf(config: NodeConfig): Reach {
  const { port, tlsPort, unixsocket, bind } = config
  if (port === 0 && tlsPort === 0 && unixsocket !== '')
    return { place: unixsocket, options: { path: unixsocket }, setting: 'unixsocket' }
  const [{ host: bound }] = bind
  const host = ['*', '0.0.0.0', '::'].includes(bound) ? '127.0.0.1' : bound
  if (port !== 0 || tlsPort === 0)
    return { place: addressName(host, port), options: { host, port }, setting: 'port' }
  const material = loadMaterial(config)
  const secureContext = createSecureContext(contextOptions(material.client, material, config))
  // The node is on this machine; its certificate names the addresses that others use.
  const tls = { secureContext, rejectUnauthorized: false }
  return { place: addressName(host, tlsPort), options: { host, port: tlsPort, tls }, setting: 'tlsPort' }
}

function textOf(what: string, lines: readonly string[]): string {
  const changes = lines.length === 0 ? ['  no changes'] : lines.map((line) => `  ${line}`)
  return [what, ...changes].join('\n')
}
