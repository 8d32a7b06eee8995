// The users of a configuration: Redis's rules by name, or a file of them.

import { z } from 'zod'
import type { CommandCatalog } from '../access/catalog.ts'
import { SYNTAX_ERROR } from '../access/rules/errors.ts'
import { latin1 } from '../access/text.ts'
import { DEFAULT_USER, stageUsers, type UserDefinition } from '../access/users.ts'
import { createCommandTable } from '../execution/table.ts'
import { readAclFile } from '../server/access/acl-file.ts'
import { givenKind, isObject } from './readers.ts'

/** The rules of a user: one text, such as `on >secret ~cache:* +@read`, or a list of them. */
export type UserRules = string | readonly string[]

/** The users of a node, and what follows from them. */
export interface ConfiguredUsers {
  readonly users: readonly UserDefinition[]
  /** Whether a client has to log in before it may run commands. */
  readonly needsLogin: boolean
}

/** `users`: an object of rules. The messages do not repeat them: they have passwords. */
export function usersSchema(): z.ZodType<readonly UserDefinition[]> {
  return z.unknown().transform((value, context): readonly UserDefinition[] => {
    const refuse = (message: string, ...path: string[]): void =>
      context.addIssue({ code: 'custom', message, path })
    if (!isObject(value)) {
      refuse(`got ${givenKind(value)}, wants an object of users`)
      return z.NEVER
    }
    const definitions = Object.entries(value).flatMap(([name, rules]): UserDefinition[] => {
      const words = wordsOf(rules)
      if (words !== undefined) return [{ name: latin1(name), rules: words.map(latin1), place: name }]
      refuse(`got ${givenKind(rules)}, wants rules such as 'on >password ~cache:* +@read'`, name)
      return []
    })
    for (const { place, message } of stageUsers(definitions, ruleContext()).problems)
      refuse(explained(message), place)
    return definitions
  })
}

/**
 * The users of a file, or of the configuration itself.
 *
 * @param aclfile '' if there is no file
 * @param refuse takes each problem
 */
export function decideUsers(
  written: readonly UserDefinition[] | undefined,
  { aclfile, requirepass }: { readonly aclfile: string; readonly requirepass: string },
  refuse: (problem: string) => void,
): ConfiguredUsers {
  const users = aclfile === '' ? (written ?? []) : readUsers(aclfile, refuse)
  if (aclfile !== '' && written !== undefined)
    refuse('users: aclfile names a file of users, keep one of both')
  if (users.length === 0) return { users, needsLogin: requirepass !== '' }
  const { users: staged, problems } = stageUsers(users, ruleContext())
  if (aclfile !== '')
    for (const { place, message } of problems) refuse(`aclfile: ${place}: ${explained(message)}`)
  const own = staged.get(DEFAULT_USER)
  if (own !== undefined && written !== undefined && requirepass !== '')
    refuse('users.default: requirepass sets the password of this user, too: keep one of both')
  return { users, needsLogin: own === undefined ? requirepass !== '' : !own.isOpen }
}

function readUsers(aclfile: string, refuse: (problem: string) => void): readonly UserDefinition[] {
  const read = readAclFile(aclfile)
  if (typeof read !== 'string') return read
  refuse(`aclfile: ${read}`)
  return []
}

/** Rules are checked against the commands of this version. */
function ruleContext(): { readonly catalog: CommandCatalog; allowsChannels: boolean } {
  return { catalog: createCommandTable(), allowsChannels: false }
}

/** Redis's error about a rule that is none, and the rules that there are. */
function explained(message: string): string {
  return message.endsWith(`: ${SYNTAX_ERROR}`) ? `${message}, wants ${RULES}` : message
}

const RULES =
  'on, off, nopass, >password, #hash, ~keys, %R~keys, %W~keys, +command, -command, +@category, -@category, @group:name, ' +
  'allkeys, allcommands, nocommands, reset, or a selector in parentheses'

function wordsOf(rules: unknown): readonly string[] | undefined {
  if (typeof rules === 'string') return rules.split(/\s+/).filter((word) => word !== '')
  if (!Array.isArray(rules) || !rules.every((rule) => typeof rule === 'string')) return undefined
  return rules
}
