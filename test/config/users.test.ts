// Users of a configuration, and files of them: what is accepted, and the errors, which show no passwords.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Config, resolveConfig, resolveLayers } from '../../src/config/config.ts'
import { describeConfig } from '../../src/config/describe.ts'
import { problems } from './problems.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'erinys-users-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function fileOf(text: string): string {
  const path = join(directory, 'users.acl')
  writeFileSync(path, text)
  return path
}

test('rules are one text or a list', () => {
  const { users, needsLogin } = resolveConfig({
    users: { alice: 'on >a  ~*\n+@read', 'b\u00f6b': ['on', '>with a space', '(+get ~a)'] },
  })
  expect(users).toEqual([
    { name: 'alice', rules: ['on', '>a', '~*', '+@read'], place: 'alice' },
    { name: 'b\xc3\xb6b', rules: ['on', '>with a space', '(+get ~a)'], place: 'b\u00f6b' },
  ])
  expect(needsLogin).toBe(false)
})

test.each<[unknown, string]>([
  [['on'], 'users: got an array, wants an object of users'],
  [{ alice: 5 }, "users.alice: got a number, wants rules such as 'on >password ~cache:* +@read'"],
  [{ alice: ['on', 5] }, "users.alice: got an array, wants rules such as 'on >password ~cache:* +@read'"],
  [
    { alice: 'on >secret +nosuch' },
    "users.alice: Error in applying operation '+nosuch': Unknown command or category name in ACL",
  ],
  [
    { alice: '#secret' },
    "users.alice: Error in applying operation '#(redacted)': The password hash must be exactly 64 characters and " +
      'contain only lowercase hexadecimal characters',
  ],
  [{ alice: 'on (+get >secret' }, "users.alice: Unmatched parenthesis in acl selector starting at '(+get'"],
  [{ 'a b': 'on' }, "users['a b']: Usernames can't contain spaces or null characters"],
])('%j: %s', (users, message) => {
  expect(problems({ config: { users } })).toEqual([message])
})

describe('a file of users', () => {
  test('is named relative to the configuration file', () => {
    fileOf('user alice on nopass\nuser default off\n')
    const layers = { config: { aclfile: 'users.acl' }, source: 'erinys.config.json', directory }
    const { config } = resolveLayers(layers)
    expect(config.aclfile).toBe(join(directory, 'users.acl'))
    expect(config.users.map(({ name }) => name)).toEqual(['alice', 'default'])
    expect(config.needsLogin).toBe(true)
    const text = describeConfig({ ...resolveLayers(layers), file: 'erinys.config.json' })
    expect(text).toContain('\nUsers: alice, default.\n')
    expect(text).toContain(', with a password.\n')
  })

  test('is checked with its lines', () => {
    const aclfile = fileOf('user alice on\nuser bob >secret +nosuch\nuser bob on\n')
    expect(problems({ config: { aclfile } })).toEqual([
      `aclfile: ${aclfile}:2: Error in applying operation '+nosuch': Unknown command or category name in ACL`,
      `aclfile: ${aclfile}:3: Duplicate user 'bob' found`,
    ])
    expect(problems({ config: { aclfile: join(directory, 'nosuch') } })).toEqual([
      `aclfile: Error loading ACLs, opening file '${join(directory, 'nosuch')}': no such file or directory`,
    ])
    expect(problems({ config: { aclfile: directory } })[0]).toContain('illegal operation on a directory')
  })

  test('excludes users of the configuration itself', () => {
    const config = { aclfile: fileOf('user alice on\n'), users: { bob: 'on' } }
    expect(problems({ config })).toEqual(['users: aclfile names a file of users, keep one of both'])
  })
})

describe('the default user', () => {
  test('has one password only', () => {
    const config = { requirepass: 'a', users: { default: 'on >b ~* +@all' } }
    expect(problems({ config })).toEqual([
      'users.default: requirepass sets the password of this user, too: keep one of both',
    ])
    expect(problems({ config: { requirepass: 'a', users: { alice: 'on >b' } } })).toEqual([])
  })

  test.each<[Config['users'], boolean]>([
    [{ default: 'off' }, false],
    [{ default: 'on >secret' }, false],
    [{ default: 'on nopass' }, true],
    [{ alice: 'on >secret' }, true],
  ])('as %j lets anybody in: %s', (users, isOpen) => {
    const config = { bind: '0.0.0.0', users }
    expect(problems({ config }).length).toBe(isOpen ? 1 : 0)
  })
})

test('a cluster with users needs a secret: nodes may do everything', () => {
  const cluster = { peers: ['127.0.0.1:7000', '127.0.0.1:7001'] }
  const users = { default: 'off', alice: 'on >secret +@all' }
  expect(problems({ config: { cluster, users } })).toEqual([
    'cluster.secret: there are users, and without a secret anybody who reaches the port can act as a node, which no ' +
      'rule limits: set secret',
  ])
  expect(problems({ config: { cluster: { ...cluster, secret: 'hush' }, users } })).toEqual([])
})
