import { describe, expect, test } from 'vitest'
import { parseAclFile, printAclFile } from '../../src/access/acl-file.ts'
import { Users } from '../../src/access/users.ts'
import { createCommandTable } from '../../src/execution/table.ts'

const catalog = createCommandTable()
const HASH = 'a'.repeat(64)

function newUsers(): Users {
  return new Users({ catalog, allowsChannels: false })
}

/** The rules of a new user after these. */
function rulesOf(rules: string): string {
  const users = newUsers()
  expect(users.set('u', rules.split(' '))).toBeUndefined()
  return users.get('u')?.text ?? ''
}

function errorOf(...rules: string[]): string | undefined {
  return newUsers().set('u', rules)
}

describe('rules', () => {
  test.each([
    ['', 'off resetchannels -@all'],
    ['on nopass ~* &* +@all', 'on nopass ~* &* +@all'],
    ['allkeys allchannels allcommands', 'off ~* &* +@all'],
    [`#${HASH} !${HASH}`, 'off resetchannels -@all'],
    ['>a nopass', 'off nopass resetchannels -@all'],
    ['nopass resetpass', 'off resetchannels -@all'],
    ['%R~a %W~a', 'off ~a resetchannels -@all'],
    ['%r~a %w~b %rw~c', 'off %R~a %W~b ~c resetchannels -@all'],
    ['%RW~*', 'off ~* resetchannels -@all'],
    ['%R~* %W~* ~a', 'off %RW~* ~a resetchannels -@all'],
    ['~a %RW~* ~*', 'off ~* resetchannels -@all'],
    ['~a resetkeys ~b', 'off ~b resetchannels -@all'],
    ['&a &b &a', 'off resetchannels &a &b -@all'],
    ['+GET +client|ID', 'off resetchannels -@all +get +client|id'],
    ['+client|id +client', 'off resetchannels -@all +client'],
    ['+select|0 +select|1', 'off resetchannels -@all +select|0 +select|1'],
    ['+select|0 -select', 'off resetchannels -@all'],
    ['+@all +get', 'off resetchannels +@all'],
    ['+@all -@pubsub', 'off resetchannels +@all -@pubsub'],
    ['+@read -get +get', 'off resetchannels -@all +@read +get'],
    ['+get +set -set', 'off resetchannels -@all +get'],
    ['+@string -set', 'off resetchannels -@all +@string -set'],
    ['+@read -@read', 'off resetchannels -@all'],
    ['skip-sanitize-payload', 'off skip-sanitize-payload resetchannels -@all'],
    ['on ~a +get reset', 'off sanitize-payload resetchannels -@all'],
    [
      '(+get ~a) (+set ~b)',
      'off resetchannels -@all (~a resetchannels -@all +get) (~b resetchannels -@all +set)',
    ],
    ['( +get ~a )', 'off resetchannels -@all (~a resetchannels -@all +get)'],
    ['() clearselectors', 'off resetchannels -@all'],
    ['@group:a @group:b*', 'off resetchannels resetgroups @group:a @group:b* -@all'],
    ['allgroups', 'off resetchannels allgroups -@all'],
    ['resetgroups', 'off resetchannels resetgroups -@all'],
    ['@group:a reset', 'off sanitize-payload resetchannels -@all'],
    [
      '@GROUP:a (@group:b)',
      'off resetchannels resetgroups @group:a -@all (resetchannels resetgroups @group:b -@all)',
    ],
  ])('%j', (rules, text) => {
    expect(rulesOf(rules)).toBe(text)
    expect(rulesOf(text)).toBe(text)
  })

  test.each([
    [['+nosuch'], "Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL"],
    [['+@nosuch'], "Error in ACL SETUSER modifier '+@nosuch': Unknown command or category name in ACL"],
    [
      ['+config|nosuch'],
      "Error in ACL SETUSER modifier '+config|nosuch': Unknown command or category name in ACL",
    ],
    [['-select|0'], "Error in ACL SETUSER modifier '-select|0': Unknown command or category name in ACL"],
    [['+get|a|b'], "Error in ACL SETUSER modifier '+get|a|b': Unknown command or category name in ACL"],
    [
      ['+config|get|x'],
      "Error in ACL SETUSER modifier '+config|get|x': Allowing first-arg of a subcommand is not supported",
    ],
    [['+select|'], "Error in ACL SETUSER modifier '+select|': Syntax error"],
    // A file of users would have further rules, or another user, there.
    [['+select|0 on'], "Error in ACL SETUSER modifier '+select|0 on': Syntax error"],
    [['+select|0\nuser'], "Error in ACL SETUSER modifier '+select|0\nuser': Syntax error"],
    [['nonsense'], "Error in ACL SETUSER modifier 'nonsense': Syntax error"],
    [['%~a'], "Error in ACL SETUSER modifier '%~a': Syntax error"],
    [['%R'], "Error in ACL SETUSER modifier '%R': Syntax error"],
    [['%RR~a'], "Error in ACL SETUSER modifier '%RR~a': Syntax error"],
    [['~a b'], "Error in ACL SETUSER modifier '~a b': Syntax error"],
    [['@a'], "Error in ACL SETUSER modifier '@a': Syntax error"],
    [['@group:'], "Error in ACL SETUSER modifier '@group:': Syntax error"],
    [['(on)'], "Error in ACL SETUSER modifier '(on)': Syntax error"],
    [['(+get', '~a'], "Unmatched parenthesis in acl selector starting at '(+get'."],
  ])('%j is refused', (rules, error) => expect(errorOf(...rules)).toBe(error))

  test.each([
    ['~*', '~a', 'keys', 'patterns'],
    ['&*', '&a', 'channels', 'channels'],
    ['allgroups', '@group:a', 'groups', 'groups'],
  ])('%s excludes %s', (all, one, kind, list) => {
    expect(errorOf(all, one)).toBe(
      `Error in ACL SETUSER modifier '${one}': Adding a pattern after the * pattern (or the 'all${kind}' flag) is not ` +
        `valid and does not have any effect. Try 'reset${kind}' to start with an empty list of ${list}`,
    )
  })

  test.each([['<secret'], ['#secret'], ['!secret'], ['(~a >secret)']])('no error repeats %s', (rule) => {
    const error = errorOf(rule)
    expect(error).toContain('Error in ACL SETUSER modifier')
    expect(error).not.toContain('secret')
  })

  test('a rule that is refused changes nothing', () => {
    const users = newUsers()
    users.set('u', ['on', '+get'])
    expect(users.set('u', ['+set', 'nonsense'])).toContain('Syntax error')
    expect(users.get('u')?.text).toBe('on resetchannels -@all +get')
    expect(users.set('v', ['nonsense'])).toContain('Syntax error')
    expect(users.get('v')).toBeUndefined()
    expect(users.set('a b', [])).toBe("Usernames can't contain spaces or null characters")
  })
})

describe('a user', () => {
  test.each([
    ['+@all ~* &*', true],
    ['+@all ~* &* allgroups', true],
    ['(+@all ~* &*)', true],
    ['+@all ~*', false],
    ['+@all -get ~* &*', false],
    ['+@all -get +get ~* &*', true],
    ['+@all ~* &* @group:a', false],
    ['@group:a (+@all ~* &*)', false],
    ['@group:a (+@all ~* &* allgroups)', true],
  ])('with %j is unlimited: %s', (rules, isUnlimited) => {
    const users = newUsers()
    users.set('u', rules.match(/\([^)]*\)|\S+/g) ?? [])
    expect(users.get('u')?.isUnlimited).toBe(isUnlimited)
  })

  test('keeps its object when it changes', () => {
    const users = newUsers()
    users.set('u', [])
    const user = users.get('u')
    users.set('u', ['on'])
    expect(users.get('u')).toBe(user)
    expect(user?.isEnabled).toBe(true)
  })
})

describe('an ACL file', () => {
  const read = (users: Users, text: string): string | undefined => {
    const parsed = parseAclFile(text, 'users.acl')
    return typeof parsed === 'string' ? parsed : users.replaceAll(parsed)
  }

  test('is read as it was written', () => {
    const users = newUsers()
    users.set('alice', ['on', '>a', '~a*', '+@read', '(%W~b +set)', '@group:scores'])
    users.set('b\xf6b', ['nopass', '~\xff'])
    const text = printAclFile(users)
    const others = newUsers()
    expect(read(others, text)).toBeUndefined()
    expect(printAclFile(others)).toBe(text)
  })

  test('names the lines of its errors, without passwords, and changes nothing', () => {
    const users = newUsers()
    users.set('alice', ['on'])
    const text = `user a on >ok\n\n  user b +nosuch\r\nuser c <secret\nuser a on\nuser d (+get\n`
    const error = read(users, text)
    expect(error).toBe(
      "users.acl:3: Error in applying operation '+nosuch': Unknown command or category name in ACL. " +
        "users.acl:4: Error in applying operation '<(redacted)': The password you are trying to remove from the user " +
        "does not exist. users.acl:5: Duplicate user 'a' found. users.acl:6: Unmatched parenthesis in acl selector " +
        "starting at '(+get'. WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
    )
    expect(users.all.map(({ name }) => name)).toEqual(['alice', 'default'])
    expect(read(users, 'alice on\nuser\n# no comments')).toBe(
      'users.acl:1 should start with user keyword followed by the username. ' +
        'users.acl:2 should start with user keyword followed by the username. ' +
        'users.acl:3 should start with user keyword followed by the username.',
    )
  })

  test('removes users that it does not name, and reports that', () => {
    const users = newUsers()
    users.set('a', [])
    users.set('b', [])
    const told: string[] = []
    users.observer = {
      changed: ({ name }) => told.push(`changed ${name}`),
      removed: ({ name }) => told.push(`removed ${name}`),
    }
    expect(read(users, 'user b on')).toBeUndefined()
    expect(told).toEqual(['removed a', 'changed b', 'changed default'])
    expect(users.get('a')).toBeUndefined()
  })

  test('without the default user leaves it its password', () => {
    const users = newUsers()
    users.setDefaultPassword('secret')
    users.set('default', ['-@all'])
    read(users, 'user a on')
    expect(users.default.isOpen).toBe(false)
    expect(users.default.isUnlimited).toBe(true)
    read(users, 'user default off')
    expect(users.default.text).toBe('off resetchannels -@all')
  })
})
