// Runs one node until a signal or SHUTDOWN ends it.

import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { systemTimers } from '../bytes/clock.ts'
import type { NodeConfig } from '../config/config.ts'
import type { LoadedConfig } from '../config/file.ts'
import { ConfigWatch } from '../config/reload/watch.ts'
import type { Node } from '../node.ts'
import { collectGarbage } from '../store/store-memory.ts'
import { addressText, bannerText, httpText, logAdvice, logConfig } from './banner.ts'
import { fail } from './errors.ts'
import { createProcessLog } from './log.ts'
import { writeReport } from './report.ts'
import { ignoreSignals, onClosingSignal, onReloadSignal, onReportSignal } from './signals.ts'
import { boundYoungGeneration } from './young-generation.ts'

/** How long the origins may take to close, ms. */
export const ORIGINS_TIMEOUT = 1000

/**
 * @param load reads the configuration, at the start and for each reload
 * @param isMember whether a process of `erinys cluster` has started this one; the node closes when that one is gone
 */
export async function startNode(load: () => Promise<LoadedConfig>, isMember = false): Promise<void> {
  const loaded = await load()
  const { config } = loaded
  const path = loaded.file === undefined ? undefined : resolve(loaded.file)
  // Before the origins start: the file may change while they do.
  const known = path === undefined ? undefined : await ConfigWatch.digestOf(path)
  /** The setting when the file was last read. */
  let isWatching = config.watchConfig
  const isTerminal = process.stdout.isTTY
  const log = createProcessLog(config.loglevel, isTerminal)
  ignoreSignals(log)
  const started: { node?: Node } = {}
  const close = closer(started, log)
  onClosingSignal(close)
  const reload = reloader(started, log)
  onReloadSignal((signal) => void reload(signal))
  onReportSignal(() => logReport(log))
  // Imported here: --help and check do not need the server.
  const { createNode } = await import('../node.ts')
  const { CLOSED } = await import('../server/program.ts')
  const readConfig = async (): Promise<NodeConfig> => {
    const { config: next } = await load()
    isWatching = next.watchConfig
    return next
  }
  const node = await createNode(config, { log, configFile: loaded.file, readConfig })
  started.node = node
  if (path !== undefined)
    await ConfigWatch.start({
      path,
      known,
      timers: systemTimers,
      isOn: () => isWatching,
      changed: () => reload(`${loaded.file} has changed`),
      unreadable: ({ message }) =>
        log.warn(`${loaded.file} cannot be read, the configuration stays as it is: ${message}`),
      readable: () => log.info(`${loaded.file} can be read again`),
    })
  if (isMember)
    process.once('disconnect', () => {
      // The parent process, which reads the log, is gone.
      log.level = 'silent'
      close('the end of erinys cluster')
    })
  logDefects(log)
  // Now, while nobody waits: the objects of the start would fill V8's young generation once more, and be moved as it serves.
  collectGarbage('sync')
  boundYoungGeneration(systemTimers)
  const addresses = await node.listen().catch((error: Error) => {
    // The node was closed before it had joined the cluster: `closed` ends the process.
    if (error.message !== CLOSED) throw error
  })
  // A timer or socket that the configuration file left open does not keep the process alive.
  void node.closed.then(() => {
    log.info('closed')
    process.exit(0)
  })
  if (addresses === undefined) return
  if (isTerminal && log.isLevelEnabled('info')) {
    process.stdout.write(`${bannerText(loaded, addresses, node.httpAddresses)}\n`)
    logAdvice(log, loaded)
    return
  }
  logConfig(log, loaded)
  logAdvice(log, loaded)
  for (const address of addresses) log.info({ ...address }, `listening on ${addressText(address)}`)
  for (const address of node.httpAddresses) log.info({ ...address }, `HTTP on ${httpText(address)}`)
}

/**
 * What closes the node: in order at the first call, pending replies and writes included; at once at the second. A node
 * whose origins have not answered yet has accepted nothing: there is nothing to wait for.
 */
function closer(started: { readonly node?: Node }, log: Logger): (cause: string) => void {
  let isClosing = false
  return (cause) => {
    if (isClosing) {
      log.warn(`${cause} again: exiting at once`)
      const lost = started.node?.pendingWrites ?? 0
      if (lost > 0) log.error({ lost }, `${lost} keys could not be written to their origins and are lost`)
      process.exit(1)
    }
    isClosing = true
    log.info(`${cause}: closing`)
    const { node } = started
    if (node === undefined) {
      log.info('closed')
      process.exit(0)
    }
    const onTimeout = (): void => {
      log.warn('the origins did not close in time')
      process.exit(0)
    }
    void node.handedOver.then(() => systemTimers.after(node.shutdownTimeout + ORIGINS_TIMEOUT, onTimeout))
    void node.close().catch(fail)
  }
}

/** Returns the function that reloads the node's configuration. The node logs the outcome. */
function reloader(started: { readonly node?: Node }, log: Logger): (cause: string) => Promise<void> {
  return async (cause) => {
    const { node } = started
    if (node === undefined) log.warn(`${cause}: ignored, the node has not started yet`)
    else await node.reload(undefined, cause).catch(() => undefined)
  }
}

/** Writes a report, and logs its path. */
export function logReport(log: Logger): void {
  try {
    const path = writeReport(new Date())
    log.info({ path }, `SIGUSR2: a diagnostic report is in ${path}`)
  } catch (err) {
    log.error({ err }, 'SIGUSR2: the diagnostic report could not be written')
  }
}

/** Logs both; only an uncaught exception ends the process, as Node.js does by default. */
function logDefects(log: Logger): void {
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled promise rejection'))
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'uncaught exception'))
}
