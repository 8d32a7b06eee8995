// COMMAND: describes the command table.

import { Glob } from '../../bytes/glob.ts'
import type { Args } from '../../resp/args.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import type { Context } from '../spec/context.ts'
import { SYNTAX_ERROR } from '../spec/errors.ts'
import type { Command } from '../spec/ready-command.ts'
import { arg, oneOf, option } from '../spec/shorthand.ts'
import { writeCommandDocs } from './command-docs.ts'
import { writeCommandInfo, writeKeyFlags } from './command-info.ts'

const COMMON = {
  flags: ['loading', 'stale'],
  categories: ['slow', 'connection'],
  group: 'server',
} as const

const UNORDERED = ['nondeterministic_output_order']
const PER_NAME = 'O(N) where N is the number of commands to look up'
const PER_ARGUMENT = 'O(N) where N is the number of arguments to the command'
const PER_COMMAND = 'O(N) where N is the total number of Redis commands'
const NAMES = [arg('command-name', 'string', { optional: true, multiple: true })]
const ANY_COMMAND = [arg('command', 'string'), arg('arg', 'string', { optional: true, multiple: true })]

/** All commands by name; the command table is one. */
export interface CommandDirectory {
  readonly all: readonly Command[]
  /** The command that argument `i` names, in any case. */
  find(args: Args, i: number): Command | undefined
  /** The command or subcommand of a request; `undefined`: there is none. */
  resolve(args: Args): Command | undefined
  /** The command or subcommand of a name in lower case: 'get', 'client|setname'. */
  byName(name: string): Command | undefined
}

/** @param table the table that will contain these commands; called when one of them runs */
export function introspectionCommands(table: () => CommandDirectory): readonly CommandSpec[] {
  const subcommands: readonly CommandSpec[] = [
    {
      ...COMMON,
      name: 'count',
      arity: 2,
      summary: 'Returns a count of commands.',
      since: '2.8.13',
      complexity: 'O(1)',
      run: ({ reply }) => reply.integer(table().all.length),
    },
    {
      ...COMMON,
      name: 'docs',
      arity: -2,
      summary: 'Returns documentary information about one, multiple or all commands.',
      since: '7.0.0',
      complexity: PER_NAME,
      tips: UNORDERED,
      arguments: NAMES,
      run: (c) => docs(c, table()),
    },
    {
      ...COMMON,
      name: 'getkeys',
      arity: -3,
      summary: 'Extracts the key names from an arbitrary command.',
      since: '2.8.13',
      complexity: PER_ARGUMENT,
      arguments: ANY_COMMAND,
      run: (c) => getKeys(c, table(), false),
    },
    {
      ...COMMON,
      name: 'getkeysandflags',
      arity: -3,
      summary: 'Extracts the key names and access flags for an arbitrary command.',
      since: '7.0.0',
      complexity: PER_ARGUMENT,
      arguments: ANY_COMMAND,
      run: (c) => getKeys(c, table(), true),
    },
    {
      ...COMMON,
      name: 'info',
      arity: -2,
      summary: 'Returns information about one, multiple or all commands.',
      since: '2.8.13',
      complexity: PER_NAME,
      tips: UNORDERED,
      history: [['7.0.0', 'Allowed to be called with no argument to get info on all commands.']],
      arguments: NAMES,
      run: (c) => info(c, table()),
    },
    {
      ...COMMON,
      name: 'list',
      arity: -2,
      summary: 'Returns a list of command names.',
      since: '7.0.0',
      complexity: PER_COMMAND,
      tips: UNORDERED,
      arguments: [
        oneOf(
          'filterby',
          [
            option('MODULE', 'module-name', 'string'),
            option('ACLCAT', 'category', 'string'),
            option('PATTERN', 'pattern', 'pattern'),
          ],
          { token: 'FILTERBY', optional: true },
        ),
      ],
      run: (c) => list(c, table()),
    },
  ]
  return [
    container({
      ...COMMON,
      name: 'command',
      summary: 'Returns detailed information about all commands.',
      since: '2.8.13',
      helpSince: '5.0.0',
      tips: UNORDERED,
      subcommands,
      own: { arity: -1, complexity: PER_COMMAND, run: (c) => info(c, table()) },
    }),
  ]
}

function info({ args, reply }: Context, table: CommandDirectory): void {
  if (args.count <= 2) {
    reply.array(table.all.length)
    for (const command of table.all) writeCommandInfo(reply, command)
    return
  }
  reply.array(args.count - 2)
  for (let i = 2; i < args.count; i++) {
    const command = table.byName(args.latin1(i).toLowerCase())
    if (command === undefined) reply.null()
    else writeCommandInfo(reply, command)
  }
}

function docs({ args, reply }: Context, table: CommandDirectory): void {
  const commands: Command[] = []
  if (args.count === 2) commands.push(...table.all)
  for (let i = 2; i < args.count; i++) {
    const command = table.byName(args.latin1(i).toLowerCase())
    if (command !== undefined) commands.push(command)
  }
  reply.map(commands.length)
  for (const command of commands) {
    reply.bulkText(command.fullName)
    writeCommandDocs(reply, command)
  }
}

function list({ args, reply }: Context, table: CommandDirectory): void {
  let matches: ((command: Command) => boolean) | undefined
  if (args.count === 5 && args.is(2, 'FILTERBY')) {
    if (args.is(3, 'MODULE')) matches = () => false
    if (args.is(3, 'ACLCAT')) {
      const category = args.latin1(4).toLowerCase()
      matches = ({ spec }) => spec.categories.includes(category)
    }
    if (args.is(3, 'PATTERN')) {
      const glob = new Glob(args.buf, args.start[4], args.end[4], true)
      matches = ({ fullName }) => {
        const name = Buffer.from(fullName)
        return glob.matches(name, 0, name.length)
      }
    }
  }
  if (args.count !== 2 && matches === undefined) {
    reply.error(SYNTAX_ERROR)
    return
  }
  const all = table.all.flatMap((command) => [command, ...command.subcommands.values()])
  const found = matches === undefined ? all : all.filter(matches)
  reply.array(found.length)
  for (const { fullName } of found) reply.bulkText(fullName)
}

/** The keys of the command that begins at argument 2. */
function getKeys(c: Context, table: CommandDirectory, withFlags: boolean): void {
  const { args, reply } = c
  const inner = args.from(2)
  const command = table.resolve(inner)
  if (command === undefined) {
    reply.error('ERR Invalid command specified')
    return
  }
  const { spec } = command
  if (spec.keys === undefined) {
    reply.error('ERR The command has no key arguments')
    return
  }
  if (!command.accepts(inner.count)) {
    reply.error('ERR Invalid number of arguments specified for command')
    return
  }
  const positions = c.withArgs(inner, () => command.keysOf(c))
  // A number that is wrong hides the keys behind it, not the destination before it.
  const lacksCounted = spec.keys.some(
    ({ counted, first }) => counted === true && !positions.some((i) => i > first),
  )
  if (positions.length === 0 || lacksCounted) {
    reply.error('ERR Invalid arguments specified for command')
    return
  }
  reply.array(positions.length)
  for (const i of positions) {
    if (withFlags) reply.array(2)
    reply.bulk(inner.buf, inner.start[i], inner.end[i])
    if (withFlags) writeKeyFlags(reply, command.keyFlagsOf(inner, i))
  }
}
