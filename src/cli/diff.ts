// `erinys check --diff`: what another configuration would change, and what of it needs a restart.

import { addressName } from '../cluster/member.ts'
import { ConfigError } from '../config/config.ts'
import { sourceText } from '../config/describe.ts'
import type { LoadedConfig } from '../config/file.ts'
import { describeChanges } from '../config/reload/changes.ts'

const TIMEOUT_MS = 10_000

/** Compares two configurations, without a node. */
export function diffText(present: LoadedConfig, next: LoadedConfig): string {
  return textOf(`${sourceText(present)} -> ${sourceText(next)}`, describeChanges(present.config, next.config))
}

/**
 * Asks the node that runs with this configuration, on this machine, what a reload would change. It reads its file, checks
 * all of it, and starts the new origins to see whether they answer; then it closes them.
 * @throws ConfigError for a node that does not answer, or would not take its configuration over
 */
export async function runningDiffText({ config }: LoadedConfig): Promise<string> {
  const [{ host: bound }] = config.bind
  const host = ['*', '0.0.0.0', '::'].includes(bound) ? '127.0.0.1' : bound
  const place = addressName(host, config.port)
  const { Redis } = await import('ioredis')
  const client = new Redis(config.port, host, {
    ...(config.requirepass === '' ? {} : { password: config.requirepass }),
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

function textOf(what: string, lines: readonly string[]): string {
  const changes = lines.length === 0 ? ['  no changes'] : lines.map((line) => `  ${line}`)
  return [what, ...changes].join('\n')
}
