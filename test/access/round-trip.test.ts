// Rules of any kind: what is printed of a user makes the same user again.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Users } from '../../src/access/users.ts'
import { createCommandTable } from '../../src/execution/table.ts'

const catalog = createCommandTable()
const commands = catalog.all.flatMap((command) => [command, ...command.subcommands.values()])
const names = commands.map(({ fullName }) => fullName)
const categories = [...new Set(commands.flatMap(({ categories: own }) => own))]

const word = fc.string({ unit: fc.constantFrom(...'ab*?[]^-\\|~%@()\xe9\xff'), maxLength: 6 })
const selectorRule = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom('+', '-'), fc.constantFrom(...names)).map((each) => each.join('')),
  },
  fc.tuple(fc.constantFrom('+@', '-@'), fc.constantFrom(...categories)).map((each) => each.join('')),
  fc.tuple(fc.constantFrom('+select|', '+debug|', '+ping|'), word).map((each) => each.join('')),
  fc.tuple(fc.constantFrom('~', '%R~', '%W~', '%RW~', '&', '@group:'), word).map((each) => each.join('')),
  fc.constantFrom(
    ...'+@all -@all allcommands nocommands allkeys resetkeys ~* allchannels resetchannels &* allgroups resetgroups'.split(
      ' ',
    ),
  ),
)
const selector = fc.array(selectorRule, { maxLength: 6 }).map((rules) => `(${rules.join(' ')})`)
const userRule = fc.oneof(
  { weight: 8, arbitrary: selectorRule },
  selector,
  fc.tuple(fc.constantFrom('>', '<'), word).map((each) => each.join('')),
  fc.constantFrom(
    ...'on off nopass resetpass sanitize-payload skip-sanitize-payload reset clearselectors'.split(' '),
  ),
)

function newUsers(): Users {
  return new Users({ catalog, allowsChannels: false })
}

test('printing and reading again changes nothing', () => {
  fc.assert(
    fc.property(fc.array(userRule, { maxLength: 12 }), (rules) => {
      const users = newUsers()
      // Rules that do not fit together are refused; the others are applied.
      for (const rule of rules) users.set('u', [rule])
      const user = users.get('u')
      if (user === undefined) return
      const again = newUsers()
      expect(again.set('u', user.text.split(' '))).toBeUndefined()
      const copy = again.get('u')
      expect(copy?.text).toBe(user.text)
      expect(copy?.isUnlimited).toBe(user.isUnlimited)
      expect(copy?.selectors.length).toBe(user.selectors.length)
      const different = user.selectors.flatMap(({ commands: allowed }, i) =>
        commands.filter(({ id }) => copy?.selectors[i].commands.allows(id) !== allowed.allows(id)),
      )
      expect(different.map(({ fullName }) => fullName)).toEqual([])
    }),
    { numRuns: 100 },
  )
})

test('a rule that a later one makes superfluous is not printed', () => {
  const users = newUsers()
  expect(users.set('u', ['+@keyspace', '-type', '+@keyspace'])).toBeUndefined()
  expect(users.get('u')?.text).toContain('-@all +@keyspace')
})

test('any bytes as rules are refused or applied, and never throw', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 12 })), (rules) => {
      const users = newUsers()
      const bytes = rules.map((rule) => Buffer.from(rule).toString('latin1'))
      const error = users.set('u', bytes)
      expect(users.get('u') === undefined).toBe(error !== undefined)
    }),
    { numRuns: 100 },
  )
})
