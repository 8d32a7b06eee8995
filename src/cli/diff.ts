// `erinys check --diff`: what another configuration would change, and what of it needs a restart.

import { createSecureContext } from 'node:tls'
import type { RedisOptions } from 'ioredis'
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
export async function runningDiffText(
  { config }: LoadedConfig,
  { user, pass = config.requirepass }: Login,
): Promise<string> {
  const { place, options } = reachOf(config)
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
  try {
    await client.connect()
    const lines = (await client.call('CONFIG', 'RELOAD', 'DRYRUN')) as string[]
    return textOf(`the node at ${place} -> its configuration now`, lines)
  } catch (error) {
    const text = reason || (error as Error).message.replace(/^ERR /, '')
    throw new ConfigError(`the node at ${place}: ${text}`)
  } finally {
    client.disconnect()
  }
}

/** The address of the node: its port, its TLS port, or its Unix socket. */
function reachOf(config: NodeConfig): { readonly place: string; readonly options: RedisOptions } {
  const { port, tlsPort, unixsocket, bind } = config
  if (port === 0 && tlsPort === 0 && unixsocket !== '')
    return { place: unixsocket, options: { path: unixsocket } }
  const [{ host: bound }] = bind
  const host = ['*', '0.0.0.0', '::'].includes(bound) ? '127.0.0.1' : bound
  if (port !== 0 || tlsPort === 0) return { place: addressName(host, port), options: { host, port } }
  const material = loadMaterial(config)
  const secureContext = createSecureContext(contextOptions(material.client, material, config))
  // The node is on this machine; its certificate names the addresses that others use.
  const tls = { secureContext, rejectUnauthorized: false }
  return { place: addressName(host, tlsPort), options: { host, port: tlsPort, tls } }
}

function textOf(what: string, lines: readonly string[]): string {
  const changes = lines.length === 0 ? ['  no changes'] : lines.map((line) => `  ${line}`)
  return [what, ...changes].join('\n')
}
