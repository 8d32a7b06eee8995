// The commands of the table, as arguments of tests.

import type { Command } from '../../src/commands/spec/ready-command.ts'
import { createCommandTable } from '../../src/execution/table.ts'

/** All commands and subcommands. */
export const commands: readonly Command[] = createCommandTable().all.flatMap((command) => [
  command,
  ...command.subcommands.values(),
])

/** The name of a command as arguments: 'client|kill' is CLIENT KILL. */
export function nameOf({ fullName }: Command): string[] {
  return fullName.split('|')
}

/** A command with `count` arguments, its name included. */
export function withCount(command: Command, count: number, argument: string): string[] {
  const named = nameOf(command)
  return [...named, ...new Array<string>(Math.max(0, count - named.length)).fill(argument)].slice(0, count)
}

/** The groups of the commands on data types other than strings, and of transactions. */
export const COLLECTION_GROUPS: ReadonlySet<string> = new Set(
  'bitmap hyperloglog hash list set sorted-set geo stream transactions'.split(' '),
)

/** Error texts of Redis. */
export const SYNTAX = 'ERR syntax error'
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'
export const RANGE = 'ERR DB index is out of range'
export const NO_GROUP = /^ERR DB index is out of range: there is no group "[^"]*", known are \w+ \(0\), /
