// ACL: users, their rights, and the log of refused requests.

import type { CommandDirectory } from '../introspection/introspection.ts'
import type { CommandSpec } from '../spec/command.ts'
import { container } from '../spec/container.ts'
import { arg, oneOf, token } from '../spec/shorthand.ts'
import { listCategories } from './categories.ts'
import { dryRun } from './dry-run.ts'
import { showLog } from './log.ts'
import { generatePassword } from './password.ts'
import {
  deleteUsers,
  describeUser,
  listNames,
  listUsers,
  loadUsers,
  saveUsers,
  setUser,
  whoAmI,
} from './users.ts'

/** The flags of subcommands for everybody, and of those for operators. */
const COMMON = {
  flags: ['noscript', 'loading', 'stale'],
  categories: ['slow'],
  group: 'server',
  since: '6.0.0',
} as const
const ADMIN = {
  ...COMMON,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  categories: ['admin', 'slow', 'dangerous'],
} as const

const PER_USER = 'O(N). Where N is the number of configured users.'
const NAME = arg('username', 'string')

/** @param directory all commands by name; asked for when one of these runs */
export function aclCommands(directory: () => CommandDirectory): readonly CommandSpec[] {
  const subcommands: readonly CommandSpec[] = [
    {
      ...COMMON,
      name: 'cat',
      arity: -2,
      summary: 'Lists the ACL categories, or the commands inside a category.',
      complexity: 'O(1) since the categories and commands are a fixed set.',
      arguments: [arg('category', 'string', { optional: true })],
      run: (c) => listCategories(c, directory()),
    },
    {
      ...ADMIN,
      name: 'deluser',
      arity: -3,
      summary: 'Deletes ACL users, and terminates their connections.',
      complexity: 'O(1) amortized time considering the typical user.',
      arguments: [arg('username', 'string', { multiple: true })],
      run: deleteUsers,
    },
    {
      ...ADMIN,
      name: 'dryrun',
      arity: -4,
      summary: 'Simulates the execution of a command by a user, without executing the command.',
      since: '7.0.0',
      complexity: 'O(1).',
      arguments: [NAME, arg('command', 'string'), arg('arg', 'string', { optional: true, multiple: true })],
      run: (c) => dryRun(c, directory()),
    },
    {
      ...COMMON,
      name: 'genpass',
      arity: -2,
      summary: 'Generates a pseudorandom, secure password that can be used to identify ACL users.',
      complexity: 'O(1)',
      arguments: [arg('bits', 'integer', { optional: true })],
      run: generatePassword,
    },
    {
      ...ADMIN,
      name: 'getuser',
      arity: 3,
      summary: 'Lists the ACL rules of a user.',
      complexity: 'O(N). Where N is the number of password, command and pattern rules that the user has.',
      history: [
        ['6.2.0', 'Added Pub/Sub channel patterns.'],
        [
          '7.0.0',
          'Added selectors and changed the format of key and channel patterns from a list to their rule representation.',
        ],
      ],
      arguments: [NAME],
      run: describeUser,
    },
    {
      ...ADMIN,
      name: 'list',
      arity: 2,
      summary: 'Dumps the effective rules in ACL file format.',
      complexity: PER_USER,
      run: listUsers,
    },
    {
      ...ADMIN,
      name: 'load',
      arity: 2,
      summary: 'Reloads the rules from the configured ACL file.',
      complexity: PER_USER,
      run: loadUsers,
    },
    {
      ...ADMIN,
      name: 'log',
      arity: -2,
      summary: 'Lists recent security events generated due to ACL rules.',
      complexity: 'O(N) with N being the number of entries shown.',
      history: [['7.2.0', 'Added entry ID, timestamp created, and timestamp last updated.']],
      arguments: [oneOf('operation', [arg('count', 'integer'), token('RESET')], { optional: true })],
      run: showLog,
    },
    {
      ...ADMIN,
      name: 'save',
      arity: 2,
      summary: 'Saves the effective ACL rules in the configured ACL file.',
      complexity: PER_USER,
      run: saveUsers,
    },
    {
      ...ADMIN,
      name: 'setuser',
      arity: -3,
      summary: 'Creates and modifies an ACL user and its rules.',
      complexity: 'O(N). Where N is the number of rules provided.',
      history: [
        ['6.2.0', 'Added Pub/Sub channel patterns.'],
        ['7.0.0', 'Added selectors and key based permissions.'],
      ],
      arguments: [NAME, arg('rule', 'string', { optional: true, multiple: true })],
      secrets: ({ count }) => Array.from({ length: count - 2 }, (_, i) => i + 2),
      run: setUser,
    },
    {
      ...ADMIN,
      name: 'users',
      arity: 2,
      summary: 'Lists all ACL users.',
      complexity: PER_USER,
      run: listNames,
    },
    {
      ...COMMON,
      name: 'whoami',
      arity: 2,
      summary: 'Returns the authenticated username of the current connection.',
      complexity: 'O(1)',
      run: whoAmI,
    },
  ]
  return [
    container({
      name: 'acl',
      flags: [],
      categories: ['slow'],
      summary: 'A container for Access List Control commands.',
      since: '6.0.0',
      helpSince: '6.0.0',
      group: 'server',
      subcommands,
    }),
  ]
}
