// The text of an ACL file: one user a line, as ACL LIST prints them.

import type { UserDefinition, Users } from './users.ts'

/**
 * The users of a text, or what is wrong with its lines. The rules are not checked yet.
 *
 * @param name the file's, for messages
 */
export function parseAclFile(text: string, name: string): readonly UserDefinition[] | string {
  const definitions: UserDefinition[] = []
  const problems: string[] = []
  for (const [i, line] of text.split('\n').entries()) {
    const words = line.replace(/^[ \t\r]+|[ \t\r]+$/g, '').split(' ')
    if (words.length === 1 && words[0] === '') continue
    const place = `${name}:${i + 1}`
    const [keyword, user, ...rules] = words
    if (keyword !== 'user' || user === undefined || user === '')
      problems.push(`${place} should start with user keyword followed by the username.`)
    else
      definitions.push({
        name: user,
        rules: rules.map((rule) => rule.replace(/^[\t\r]+|[\t\r]+$/g, '')),
        place,
      })
  }
  return problems.length === 0 ? definitions : problems.join(' ')
}

/** The file that `parseAclFile` reads as the same users. */
export function printAclFile(users: Users): string {
  return users.all.map(({ line }) => `${line}\n`).join('')
}
