// Random commands from the real command table, with the arguments that it describes and with others.

import fc from 'fast-check'
import type { ArgumentSpec, CommandSpec } from '../../src/commands/spec/command.ts'
import type { Command } from '../../src/commands/spec/ready-command.ts'
import { createCommandTable } from '../../src/execution/table.ts'

type Words = readonly string[]

/** Strings have one character per byte. */
const key = fc.constantFrom(
  'a',
  'b',
  'c',
  '',
  '__proto__',
  'slow',
  'bad',
  'odd',
  'none',
  'late',
  'k\0\r\n\xff',
)

const integer = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('0', '1', '-1', '2', '10', '100', '3000', '5000000') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '9223372036854775807',
      '-9223372036854775808',
      '9223372036854775808',
      '9007199254740993',
      '4294967296',
      '2147483648',
      '1704067200',
      '1704067201000',
      '01',
      '1.5',
      '',
      'x',
    ),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String) },
)

const double = fc.oneof(
  fc.constantFrom('1.5', '-0.1', '1e300', '1e4932', '1e-5000', 'nan', 'inf', '-inf', '0x1p3', '3.0', ''),
  fc.double().map(String),
)

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array).toString('latin1'))

const text = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('x', '12', 'hello', '__proto__', 'constructor', '', 'a b', '\r\n', '\xff\xfe'),
  },
  { weight: 2, arbitrary: bytes },
  { weight: 2, arbitrary: integer },
  { weight: 1, arbitrary: double },
  // Lengths at which the layout of records, output pages, the index or the budget changes.
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(15, 255, 256, 4000, 16_384, 16_385, 30_000, 65_536),
        fc.constantFrom('v', '7', '\0'),
      )
      .map(([length, letter]) => letter.repeat(length)),
  },
)

const pattern = fc.constantFrom(
  '*',
  '',
  'a',
  '?',
  '[a-c]',
  '[^a]*',
  '\\',
  '[',
  '*[',
  '**a**b',
  '\xff*',
  'max*',
  'client*',
)

/**
 * Commands that would stop the test: they pause or silence clients, change the protocol, require a password, or queue the
 * commands that follow. So do blocking ones, which may wait for ever.
 */
const EXCLUDED = new Set([
  'client|pause',
  'client|reply',
  'monitor',
  'debug',
  'hello',
  'shutdown',
  'multi',
  'wait',
])
const EXCLUDED_PARAMETERS = /^(requirepass|maxclients)$/i

const table = createCommandTable()
const commands: readonly Command[] = table.all
  .flatMap((command) => [command, ...command.subcommands.values()])
  .filter(({ fullName, spec }) => !EXCLUDED.has(fullName) && !spec.flags.includes('blocking'))

/** Every token that some command has. */
const vocabulary: Words = [
  ...new Set([
    ...table.all.flatMap(({ spec }) => tokensOf(spec)),
    ...commands.flatMap(({ fullName }) => fullName.split('|')),
    ...[
      'cache',
      'loaded',
      'quick',
      'default',
      'normal',
      'yes',
      'no',
      'server',
      'groups',
      'string',
      'all',
      'command',
    ],
    ...[
      'maxmemory',
      'maxmemory:cache',
      'timeout',
      'hz',
      'slowlog-log-slower-than',
      'latency-tracking',
      '1mb',
      '16kb',
    ],
  ]),
].filter((word) => !/^(REPLY|PAUSE|MONITOR|DEBUG|HELLO|SHUTDOWN)$/i.test(word))

function tokensOf(spec: CommandSpec): string[] {
  const ofArguments = (list: readonly ArgumentSpec[] = []): string[] =>
    list.flatMap((each) => [
      ...(each.token === undefined ? [] : [each.token]),
      ...ofArguments(each.arguments),
    ])
  return [...ofArguments(spec.arguments), ...(spec.subcommands ?? []).flatMap(tokensOf)]
}

const word = fc.constantFrom(...vocabulary)

const anything = fc.oneof(
  { weight: 3, arbitrary: key },
  { weight: 3, arbitrary: word },
  { weight: 2, arbitrary: integer },
  { weight: 2, arbitrary: text },
  { weight: 1, arbitrary: pattern },
)

const VALUES: Readonly<Record<ArgumentSpec['type'], fc.Arbitrary<string>>> = {
  key,
  integer,
  double,
  pattern,
  string: fc.oneof({ weight: 3, arbitrary: text }, { weight: 1, arbitrary: word }),
  'unix-time': integer,
  'pure-token': word,
  oneof: anything,
  block: anything,
}

/** The words of a valid argument. */
function described(argument: ArgumentSpec): fc.Arbitrary<Words> {
  const { type, token, optional, multiple } = argument
  let words: fc.Arbitrary<Words>
  if (type === 'pure-token') words = fc.constant([])
  else if (type === 'oneof') words = fc.oneof(...(argument.arguments ?? []).map(described))
  else if (type === 'block') words = sequence((argument.arguments ?? []).map(described))
  else words = VALUES[type].map((value) => [value])
  if (multiple) words = fc.array(words, { minLength: 1, maxLength: 4 }).map((list) => list.flat())
  if (token !== undefined) words = words.map((rest) => [token, ...rest])
  return optional ? fc.oneof(fc.constant([]), words) : words
}

function sequence(parts: readonly fc.Arbitrary<Words>[]): fc.Arbitrary<Words> {
  return fc.tuple(...parts).map((list) => list.flat())
}

/** A valid command. */
function valid(command: Command): fc.Arbitrary<Words> {
  const name = fc.constant(command.fullName.split('|'))
  return sequence([name, ...(command.spec.arguments ?? []).map(described)])
}

/** A command with any arguments. */
function withAnyArguments(command: Command): fc.Arbitrary<Words> {
  return sequence([fc.constant(command.fullName.split('|')), fc.array(anything, { maxLength: 6 })])
}

/** A command with one argument replaced, inserted or removed. */
function damaged(words: Words): fc.Arbitrary<Words> {
  return fc
    .tuple(
      fc.nat({ max: Math.max(0, words.length - 1) }),
      anything,
      fc.constantFrom('replace', 'insert', 'remove'),
    )
    .map(([at, stray, how]) => {
      const changed = [...words]
      changed.splice(at, how === 'insert' ? 0 : 1, ...(how === 'remove' ? [] : [stray]))
      return changed.length === 0 ? ['PING'] : changed
    })
}

/** Half of all commands are about values. */
const FREQUENT = new Set(['string', 'generic'])
const choice = fc.oneof(
  fc.constantFrom(...commands.filter(({ spec }) => FREQUENT.has(spec.group))),
  fc.constantFrom(...commands),
)

export const command: fc.Arbitrary<Words> = fc
  .oneof(
    { weight: 6, arbitrary: choice.chain(valid) },
    { weight: 3, arbitrary: choice.chain(valid).chain(damaged) },
    { weight: 2, arbitrary: choice.chain(withAnyArguments) },
  )
  .filter(isHarmless)

function isHarmless(words: Words): boolean {
  const [name, sub] = words.map((each) => each.toUpperCase())
  if (['MONITOR', 'DEBUG', 'HELLO', 'SHUTDOWN'].includes(name)) return false
  if (name === 'CLIENT' && (sub === 'PAUSE' || sub === 'REPLY')) return false
  return !(name === 'CONFIG' && words.some((each) => EXCLUDED_PARAMETERS.test(each)))
}
