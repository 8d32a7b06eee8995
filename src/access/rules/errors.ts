// The errors of rules, in Redis's words, and a rule's text without its password.

export const UNKNOWN_COMMAND = 'Unknown command or category name in ACL'
export const SYNTAX_ERROR = 'Syntax error'
export const NO_SUCH_PASSWORD = 'The password you are trying to remove from the user does not exist'
export const BAD_HASH =
  'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters'
export const ARGUMENT_OF_SUBCOMMAND = 'Allowing first-arg of a subcommand is not supported'

/** A pattern is added where everything is allowed already. */
export function patternAfterAll(kind: 'keys' | 'channels' | 'groups'): string {
  return (
    `Adding a pattern after the * pattern (or the 'all${kind}' flag) is not valid and does not have any effect. ` +
    `Try 'reset${kind}' to start with an empty list of ${kind === 'keys' ? 'patterns' : kind}`
  )
}

/** A rule for an error text or the log: passwords and their hashes are left out. */
export function shownRule(rule: string): string {
  return rule.replace(/(^|[\s(])([><#!])[^\s]*/g, '$1$2(redacted)')
}

/** Whether a name or a pattern can be written in a list of rules (Redis: `ACLStringHasSpaces`). */
export function isWord(text: string): boolean {
  return !/[\0\t-\r ]/.test(text)
}
