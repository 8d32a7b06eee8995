// Runs one node until a signal or SHUTDOWN ends it.

import type { Logger } from 'pino'
import { systemTimers } from '../bytes/clock.ts'
import { addressName } from '../cluster/member.ts'
import type { LoadedConfig } from '../config/file.ts'
import type { Node } from '../node.ts'
import { bannerText, logAdvice, logConfig } from './banner.ts'
import { fail } from './errors.ts'
import { createLog } from './log.ts'

/** How long the origins may take to close, ms. */
export const ORIGINS_TIMEOUT = 1000

export async function startNode(loaded: LoadedConfig): Promise<void> {
  const { config } = loaded
  const isTerminal = process.stdout.isTTY
  const log = createLog(config.loglevel, isTerminal)
  // Imported late: --help and check do without the server.
  const { createNode } = await import('../node.ts')
  const node = await createNode(config, { log, configFile: loaded.file })
  closeOnSignal(node, log)
  logDefects(log)
  const addresses = await node.listen()
  // A timer or socket that the configuration file left open does not keep the process alive.
  void node.closed.then(() => {
    log.info('closed')
    process.exit(0)
  })
  if (isTerminal && log.isLevelEnabled('info')) {
    process.stdout.write(`${bannerText(loaded, addresses)}\n`)
    logAdvice(log, loaded)
    return
  }
  logConfig(log, loaded)
  logAdvice(log, loaded)
  for (const { host, port } of addresses) log.info({ host, port }, `listening on ${addressName(host, port)}`)
}

/** The first SIGTERM or SIGINT shuts down in order: slots are handed over, pending replies sent. A second one exits at once. */
function closeOnSignal(node: Node, log: Logger): void {
  let closing = false
  const close = async (signal: NodeJS.Signals): Promise<void> => {
    if (closing) {
      log.warn(`${signal} again: exiting at once`)
      process.exit(1)
    }
    closing = true
    log.info(`${signal}: closing`)
    const cancel = systemTimers.after(node.shutdownTimeout + ORIGINS_TIMEOUT, () => {
      log.warn('the origins did not close in time')
      process.exit(0)
    })
    await node.close().catch(fail)
    cancel()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, (name) => void close(name))
}

/** Logs both; only an uncaught exception ends the process, as Node.js does by default. */
function logDefects(log: Logger): void {
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled promise rejection'))
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'uncaught exception'))
}
