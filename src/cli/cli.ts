// The command line: starts a node, or several, or checks a configuration.

import { Command, Option } from 'commander'
import type { Logger } from 'pino'
import { systemTimers } from '../bytes/clock.ts'
import { addressName } from '../cluster/member.ts'
import { clusterSettingNames, clusterSettings } from '../config/cluster-settings.ts'
import { ConfigError, type Flags } from '../config/config.ts'
import {
  clusterFallbackText,
  clusterText,
  describeConfig,
  groupText,
  sourceText,
  unusualText,
  valueText,
} from '../config/describe.ts'
import { type LoadedConfig, loadConfig } from '../config/file.ts'
import { kebabName, machineMemory, settingNames, settings } from '../config/settings.ts'
import { version } from '../config/version.ts'
import { OriginError } from '../group/group.ts'
import type { Node } from '../node.ts'
import { type TriggerOptions, triggerSql } from '../origin/sql/trigger.ts'
import { countNodes, LISTENING, LocalNodes, MEMBER, planNodes } from './local-nodes.ts'
import { createLog } from './log.ts'

/** What an origin may take to close, ms. */
const ORIGINS_TIMEOUT = 1000

const program = new Command('erinys')
  .description('A read-through distributed cache that speaks the Redis protocol.')
  .version(version, '-v, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .configureHelp({ showGlobalOptions: true })
  .option('-c, --config <file>', 'configuration (default: erinys.config.{ts,mts,js,mjs,json} here)')
  .addHelpText(
    'after',
    `
Each option can also be a variable (ERINYS_PORT, ERINYS_CONFIG…) or, in camel case, a field of the
configuration file (those of the cluster below its field cluster); an option wins over a variable, and a
variable over the file.
Sizes are bytes or 64mb, durations 250ms or 5m.`,
  )
  .allowExcessArguments()
  .action(async (options: Options, { args: [word] }: Command) => {
    if (word !== undefined)
      program.error(`error: unknown command '${word}', known are check, cluster and sql`)
    await start(await load(options))
  })

for (const name of settingNames) {
  const { argument, summary, fallback, fallbackText } = settings[name]
  const standard = fallbackText ?? valueText(name, fallback)
  program.addOption(new Option(`--${kebabName(name)} ${argument}`, `${summary} (default: ${standard})`))
}

for (const name of clusterSettingNames) {
  const { argument, summary } = clusterSettings[name]
  const text = `${summary} (default: ${clusterFallbackText(name)})`
  program.addOption(new Option(`--${kebabName(name)} ${argument}`, text).helpGroup('Cluster:'))
}

program
  .command('check')
  .allowExcessArguments(false)
  .description('check the configuration, and print what it means')
  .action(async (_, command: Command) => {
    console.log(describeConfig(await load(command.optsWithGlobals())))
  })

program
  .command('sql')
  .configureHelp({ showGlobalOptions: false })
  .description('what a SQL origin needs in its database')
  .command('trigger')
  .allowExcessArguments(false)
  .description('print the triggers by which PostgreSQL tells of changes to a table')
  .requiredOption('--table <name>', 'the table, with its schema if it needs one')
  .requiredOption('--column <name>', 'the column that is in the key')
  .option('--channel <name>', 'what the origin of the group has for listen', 'erinys')
  .option('--key <pattern>', "the key, with a place for the column: 'user:{id}'", '{key}')
  .addHelpText(
    'after',
    `
Names are written as they are, not folded to lower case. Give the SQL to psql:
  erinys sql trigger --table users --column id --channel users --key 'user:{id}' | psql "$DATABASE_URL"`,
  )
  .action((options: TriggerOptions) => {
    try {
      process.stdout.write(triggerSql(options))
    } catch (error) {
      program.error(`error: ${(error as Error).message}`)
    }
  })

program
  .command('cluster')
  .allowExcessArguments(false)
  .description('start several nodes on this machine, which form a cluster, on ports that follow each other')
  .option('--nodes <number>', 'how many', '3')
  .action(async ({ nodes }: { nodes: string }, command: Command) => {
    await startMany(nodes, command.parent?.opts() ?? {})
  })

// What `cluster` starts: it ends with the process that has started it, at once.
program
  .command('member', { hidden: true })
  .allowExcessArguments(false)
  .action(async (_, command: Command) => {
    process.once('disconnect', () => process.exit(1))
    await start(await load(command.optsWithGlobals()))
    process.send?.(LISTENING)
  })

type Options = Flags & { readonly config?: string }

await program.parseAsync().catch(fail)

function load({ config: file, ...flags }: Options): Promise<LoadedConfig> {
  return loadConfig({ directory: process.cwd(), variables: process.env, file, flags })
}

async function startMany(count: string, options: Options): Promise<void> {
  const { config: file, ...flags } = options
  const number = countNodes(count, flags)
  const loaded = await load({ ...options, ...MEMBER })
  const { loglevel, shutdownTimeout } = loaded.config
  const isTerminal = process.stdout.isTTY
  const log = createLog(loglevel, isTerminal)
  const nodes = new LocalNodes(planNodes(number, file, flags, loaded), {
    program: process.argv[1],
    log,
    isTerminal,
    stopTimeout: shutdownTimeout + 2 * ORIGINS_TIMEOUT,
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => nodes.stop())
  process.exit(await nodes.run())
}

async function start(loaded: LoadedConfig): Promise<void> {
  const { config } = loaded
  const log = createLog(config.loglevel, process.stdout.isTTY)
  // Not before it is needed: --help and check do without the server.
  const { createNode } = await import('../node.ts')
  const node = await createNode(config, { log, configFile: loaded.file })
  closeOnSignal(node, log)
  logDefects(log)
  const addresses = await node.listen()
  // By a signal or by SHUTDOWN; what a configuration keeps open must not keep the process.
  void node.closed.then(() => {
    log.info('closed')
    process.exit(0)
  })
  banner(log, loaded)
  for (const { host, port } of addresses) log.info({ host, port }, `listening on ${addressName(host, port)}`)
}

function banner(log: Logger, loaded: LoadedConfig): void {
  const { config, sources } = loaded
  log.info({ pid: process.pid }, `erinys ${version} on Node.js ${process.version}, ${sourceText(loaded)}`)
  config.groups.forEach((group, index) => {
    const { name, maxBytes, origin } = group
    const text = [groupText(group), unusualText(group)].filter((part) => part !== '').join(', ')
    log.info({ index, maxBytes, origin: origin?.kind }, `group ${name}: ${text}`)
  })
  if (config.cluster !== undefined) log.info(`cluster: ${clusterText(config.cluster)}`)
  const chosen = sources.get('maxmemory') ?? "a quarter of the machine's memory"
  const total = config.groups.reduce((sum, { maxBytes }) => sum + maxBytes, 0)
  if (total > machineMemory)
    log.warn({ total, machineMemory }, 'the budgets together exceed the memory there is')
  log.info(`a group that names no budget has ${valueText('maxmemory', config.maxmemory)} (${chosen})`)
}

/** The first SIGTERM or SIGINT lets keys go to other nodes and replies in flight leave, for a while; a second one does not wait. */
function closeOnSignal(node: Node, log: Logger): void {
  let closing = false
  const close = async (signal: NodeJS.Signals): Promise<void> => {
    if (closing) {
      log.warn(`${signal} again: exiting at once`)
      process.exit(1)
    }
    closing = true
    log.info(`${signal}: closing`)
    const late = systemTimers.after(node.shutdownTimeout + ORIGINS_TIMEOUT, () => {
      log.warn('the origins did not close in time')
      process.exit(0)
    })
    await node.close().catch(fail)
    late()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, (name) => void close(name))
}

/** A promise that an origin forgot must not end the node; an exception that nobody caught does, and is in the log. */
function logDefects(log: Logger): void {
  process.on('unhandledRejection', (error) =>
    log.error({ err: error }, 'a promise failed, and nothing waited for it'),
  )
  process.on('uncaughtExceptionMonitor', (error) => log.fatal({ err: error }, 'an exception was not caught'))
}

/** Says in one line what a person can mend; anything else is a defect, whose stack is wanted. */
function fail(error: unknown): never {
  const lines =
    error instanceof ConfigError
      ? error.problems
      : [error instanceof OriginError ? error.message : reason(error as NodeJS.ErrnoException)]
  for (const line of lines) console.error(`erinys: ${line}`)
  process.exit(1)
}

function reason(error: NodeJS.ErrnoException & { address?: string; port?: number }): string {
  const { code, address = '', port = 0 } = error
  const place = addressName(address, port)
  if (code === 'EADDRINUSE')
    return `${place} is taken: stop what listens there, or choose another port with --port`
  if (code === 'EADDRNOTAVAIL') return `${place} is not an address of this machine: choose others with --bind`
  if (code === 'EACCES') return `${place} is not allowed to this user: choose a port above 1023 with --port`
  if (error.syscall === 'getaddrinfo') return `${error.message}: choose other addresses with --bind`
  return code === undefined ? String(error.stack ?? error) : error.message
}
