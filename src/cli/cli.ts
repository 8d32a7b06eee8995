// The command line: starts a node, or several, or checks a configuration.

import { Command, Option } from 'commander'
import { kebabName } from '../bytes/names.ts'
import { nearest } from '../bytes/nearest.ts'
import { clusterSettingNames, clusterSettings } from '../config/cluster-settings.ts'
import { ConfigError, type Flags } from '../config/config.ts'
import {
  clusterFallbackText,
  describeConfig,
  httpFallbackText,
  overcommitted,
  valueText,
} from '../config/describe.ts'
import { type LoadedConfig, loadConfig } from '../config/file.ts'
import { httpSettingNames, httpSettings } from '../config/http-settings.ts'
import { tlsProblems, tlsWarnings } from '../config/listening.ts'
import { settingNames, settings } from '../config/settings.ts'
import { version } from '../config/version.ts'
import { type TriggerOptions, triggerSql } from '../origin/sql/postgres/trigger.ts'
import { diffText, type Login, runningDiffText } from './diff.ts'
import { fail, PREFIX } from './errors.ts'
import { countNodes, LISTENING, LocalNodes, MEMBER, planNodes } from './local-nodes.ts'
import { createProcessLog } from './log.ts'
import { survivesBrokenOutput } from './log-output.ts'
import { ignoreSignals, onClosingSignal, onReloadSignal, onReportSignal } from './signals.ts'
import { logReport, ORIGINS_TIMEOUT, startNode } from './start.ts'
import { topOptions } from './top/options.ts'

const program = new Command('erinys')
  .description('A read-through distributed cache that speaks the Redis protocol.')
  .version(version, '-v, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand(false)
  .configureOutput({
    // commander: `error: unknown option '--prot'\n(Did you mean --port?)`.
    outputError: (text, write) =>
      write(text.replace(/^error: /, PREFIX).replace(/\n\(Did you mean (.*)\?\)/s, ', did you mean $1?')),
  })
  .option(
    '-c, --config <file>',
    'configuration file (default: erinys.config.{ts,mts,js,mjs,json} in the working directory)',
  )
  .addHelpText(
    'after',
    `
Every option is also an environment variable (ERINYS_PORT, ERINYS_CONFIG…) and, in camel case, a field of the
configuration file (cluster and HTTP options: a field of its object cluster or http). Options override variables,
variables override the file. Sizes: bytes or 64mb; durations: 250ms or 5m.
Exit code: 0 after an orderly shutdown or a valid check; 1 for an unknown option, an invalid configuration, a
start that fails, an uncaught exception, or a second signal.`,
  )
  .allowExcessArguments()
  .action(async (options: Options, { args: [word] }: Command) => {
    if (word !== undefined) program.error(`error: ${unknownCommand(word)}`)
    await startNode(() => load(options))
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

for (const name of httpSettingNames) {
  const { argument, summary } = httpSettings[name]
  const text = `${summary} (default: ${httpFallbackText(name)})`
  program.addOption(new Option(`--${kebabName(name)} ${argument}`, text).helpGroup('HTTP:'))
}

program
  .command('start')
  .allowExcessArguments(false)
  .description('start a node (the default command)')
  .action(async (_, command: Command) => startNode(() => load(command.optsWithGlobals())))

program
  .command('check')
  .allowExcessArguments(false)
  .description('check the configuration and print what it means')
  .option(
    '--diff [file]',
    'print what this file would change instead; without a file, what a reload of the running node would change',
  )
  .addHelpText(
    'after',
    `
Nothing is changed. Exit code: 0 if the configuration would be accepted, whether or not it differs; else 1.`,
  )
  .option('--user <name>', 'with --diff: the user that asks the running node (default: default)')
  .option('--pass <password>', 'with --diff: its password (default: that of --requirepass)')
  .action(async ({ diff, ...login }: { diff?: string | true } & Login, command: Command) => {
    const options: Options = command.parent?.opts() ?? {}
    const present = await load(options)
    const next = typeof diff === 'string' ? await load({ ...options, config: diff }) : present
    if (diff === undefined) console.log(describeConfig(present))
    else if (diff === true) console.log(await runningDiffText(present, login))
    else console.log(diffText(present, next))
    for (const warning of tlsWarnings(next.config, Date.now())) console.error(`warning: ${warning}`)
  })

program
  .command('cluster')
  .allowExcessArguments(false)
  .description('start several nodes on this machine as one cluster, on consecutive ports')
  .option('--nodes <number>', 'number of nodes', '3')
  .action(async ({ nodes }: { nodes: string }, command: Command) => {
    await startCluster(nodes, command.parent?.opts() ?? {})
  })

program
  .command('top')
  .argument('[address]', 'host:port of a node (default: this machine, and the port of --port)')
  .allowExcessArguments(false)
  .description('show a live view of a node and its whole cluster; q quits')
  .option('--interval <duration>', 'interval between updates', '1s')
  .option('--once', 'print once, after one interval, and exit')
  .option('--user <name>', 'user name')
  .option(
    '--pass <password>',
    'its password; other users of the machine can read flags: ERINYS_REQUIREPASS is safer',
  )
  .option('--tls', 'connect with TLS')
  .option('--cacert <file>', "CA of the nodes' certificates, PEM (default: the CAs that Node.js knows)")
  .option('--cert <file>', 'certificate to show to the nodes, PEM')
  .option('--key <file>', 'private key of that certificate, PEM')
  .option('--sni <name>', "name that the nodes' certificates must have (default: the address of each)")
  .option('--insecure', 'accept any certificate')
  .action(async (address: string | undefined, _, command: Command) => {
    const { runTop } = await import('./top/top.ts')
    const options = topOptions(address, command.optsWithGlobals())
    await runTop(options).catch((error: Error) => program.error(`error: ${error.message}`))
  })

const sql = program
  .command('sql')
  .helpCommand(false)
  .description('print SQL that an origin needs in its database')

sql
  .command('trigger')
  .allowExcessArguments(false)
  .description('print the triggers that send change notifications of a PostgreSQL table')
  .requiredOption('--table <name>', 'the table, with its schema if it needs one')
  .requiredOption('--column <name>', 'the column that is part of the key')
  .option('--channel <name>', 'the channel, as in `listen` of the origin', 'erinys')
  .option('--key <pattern>', "the key, with a placeholder for the column: 'user:{id}'", '{key}')
  .addHelpText(
    'after',
    `
Names are case-sensitive. Pipe the SQL into psql:
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
  .command('version')
  .allowExcessArguments(false)
  .description('print the version')
  .action(() => console.log(version))

for (const command of program.commands)
  if (command !== sql && command.name() !== 'version')
    command.addHelpText('after', '\nThe options of erinys --help apply, too.')
addHelp(sql)
addHelp(program)

// One process of `erinys cluster`: closes when its parent process is gone.
program
  .command('member', { hidden: true })
  .allowExcessArguments(false)
  .option('--default-http-port <port>')
  .action(async (_, command: Command) => {
    const exit = (): never => process.exit(1)
    process.once('disconnect', exit)
    await startNode(() => load(command.optsWithGlobals()), true)
    process.off('disconnect', exit)
    process.send?.(LISTENING)
  })

/** `defaultHttpPort`: the port of the HTTP gateway that a member takes if none is configured. */
type Options = Flags & { readonly config?: string; readonly defaultHttpPort?: string }

survivesBrokenOutput()
process.once('beforeExit', failUnfinished)
await program.parseAsync().catch(fail)
process.off('beforeExit', failUnfinished)

/** The event loop is empty before the command has ended: Node.js would exit with 0, or 13, without a message. */
function failUnfinished(): never {
  fail(new ConfigError('it waits for a promise of the configuration, or of an origin, that never settles'))
}

/** Not Commander's own: that prints all of the help for an unknown command. */
function addHelp(to: Command): void {
  to.command('help [command...]')
    .description('print this help, or that of a command')
    .action((words: readonly string[]) => {
      let command = to
      for (const word of words) {
        const next = visibleCommands(command).find((each) => each.name() === word)
        if (next === undefined) program.error(`error: ${unknownCommand(word, command)}`)
        else command = next
      }
      command.help()
    })
}

function visibleCommands(of: Command): readonly Command[] {
  return of.commands.filter((command) => command.name() !== 'member')
}

function unknownCommand(word: string, of: Command = program): string {
  const names = visibleCommands(of).map((command) => command.name())
  const meant = nearest(word, names)
  if (names.length === 0) return `unknown command '${word}', ${of.name()} has none`
  const hint = meant === undefined ? `known are ${names.join(', ')}` : `did you mean ${meant}?`
  return `unknown command '${word}', ${hint}`
}

/** @throws ConfigError also for budgets that the machine cannot hold, and for certificates that cannot be used */
async function load({ config: file, defaultHttpPort, ...flags }: Options): Promise<LoadedConfig> {
  const httpPort = defaultHttpPort === undefined ? undefined : Number(defaultHttpPort)
  const loaded = await loadConfig({ directory: process.cwd(), variables: process.env, file, flags, httpPort })
  const problem = overcommitted(loaded.config)
  const problems = [...(problem === undefined ? [] : [problem]), ...tlsProblems(loaded.config)]
  if (problems.length > 0) throw new ConfigError(...problems)
  return loaded
}

async function startCluster(count: string, options: Options): Promise<void> {
  const { config: file, ...flags } = options
  const number = countNodes(count, flags)
  const loaded = await load({ ...options, ...MEMBER })
  const { loglevel, shutdownTimeout } = loaded.config
  const isTerminal = process.stdout.isTTY
  const log = createProcessLog(loglevel, isTerminal)
  ignoreSignals(log)
  const nodes = new LocalNodes(planNodes(number, file, flags, loaded), {
    program: process.argv[1],
    log,
    isTerminal,
    stopTimeout: shutdownTimeout + 2 * ORIGINS_TIMEOUT,
  })
  onClosingSignal(() => nodes.stop())
  onReloadSignal(() => {
    log.info('SIGHUP: all nodes read their configuration again')
    nodes.reload()
  })
  onReportSignal(() => logReport(log))
  process.exit(await nodes.run())
}
