// The forms of URLs of databases, what is wrong with others, and what messages say of them.

import { expect, test } from 'vitest'
import { mysqlTarget, placeOf, postgresTarget, sqliteFile, urlProblem } from '../../../src/origin/sql/url.ts'

test.each([
  ['postgres://h/db', 'postgres://h/db'],
  ['postgresql://me:secret@h:5433/db?application_name=x', 'postgresql://me@h:5433/db'],
  ['postgres://me:secret@[::1]:5433/db', 'postgres://me@[::1]:5433/db'],
  ['postgres:///db?host=/run/pg&user=me', 'postgres://me@/run/pg/db'],
  ['postgres://me:secret@/db?host=/run/pg&port=5433', 'postgres://me@/run/pg:5433/db'],
  ['postgres://me:secret@%2Frun%2Fpg/db', 'postgres://me@/run/pg/db'],
  ['postgres://me:sec%40ret@h/db?sslmode=verify-full', 'postgres://me@h/db'],
  ['mysql://me:secret@/db?socketPath=/run/my.sock', 'mysql://me@/run/my.sock/db'],
  ['mariadb://me:secret@%2Frun%2Fmy.sock/db', 'mariadb://me@/run/my.sock/db'],
])('%s is at %s', (url, place) => {
  expect(urlProblem(url)).toBe(undefined)
  expect(placeOf(url)).toBe(place)
})

test.each([
  ['postgres://me:secret@a,b/db', 'got several hosts'],
  ['postgres://me:secret@a:1,b:2/db', 'got several hosts'],
  ['postgres://me:secret@/db?host=a,b', 'got several hosts'],
  ['postgres://h/db?port=1,2', 'got a port that is not a number'],
  ['postgres://me:secret@h:port/db', 'got a port that is not a number'],
  ['postgres://h/db?hostaddr=10.0.0.1', 'got the parameter hostaddr, which is not supported'],
  ['postgres://h/db?service=x', 'got the parameter service, which is not supported'],
  [
    'postgres://h/db?sslmode=prefer',
    'got sslmode=prefer, with which a man in the middle can turn TLS off: wants',
  ],
  ['postgres://h/db?sslmode=on', 'got sslmode=on: wants sslmode=disable, no-verify or require,'],
  ['postgres://me:sec/ret@h/db', 'got a URL that cannot be read: the characters @ : / ? # %'],
  ['postgres://me:sec#ret@h/db', 'got a URL that cannot be read'],
  ['postgres://me:sec?ret@h/db', 'got a port that is not a number'],
  ['mysql://me:secret@a,b/db', 'got several hosts'],
  ['mysql://me:sec%ret@h/db', 'got a URL that cannot be read'],
  ['mysql://h/db?socket=my.sock', 'got the socket my.sock, wants a path that begins with /'],
  [
    'mysql://h/db?ssl-mode=REQUIRED',
    'got the parameter ssl-mode, which is not supported: set ssl beside url',
  ],
  ['mysql://h/db?ssl=true', 'got the parameter ssl, which is not supported: set ssl beside url'],
  ['sqlite:', 'got no path'],
  ['sqlite://', 'got no path'],
  ['sqlite::memory:', 'got a database in memory'],
  ['sqlite:file:a?mode=memory', 'got a database in memory'],
  ['sqlite:file:a?immutable=1', 'got the parameter immutable=1, which is not supported'],
  ['sqlite:a?mode=rwc', 'got the parameter mode=rwc, which is not supported'],
])('%s: %s', (url, message) => {
  expect(urlProblem(url)?.startsWith(message)).toBe(true)
  expect(urlProblem(url)).not.toMatch(/sec.?ret/)
})

test.each([
  ['postgres://h/db', 'postgres://h/db', undefined],
  ['postgres://h/db?sslmode=disable&x=1', 'postgres://h/db?x=1', false],
  ['postgres://h/db?x=1&sslmode=require', 'postgres://h/db?x=1', true],
  ['postgres://h/db?sslmode=verify-full&sslrootcert=system', 'postgres://h/db', true],
  ['postgres://h/db?sslmode=no-verify', 'postgres://h/db', { rejectUnauthorized: false }],
])('TLS of %s', (url, connectionString, ssl) => {
  expect(postgresTarget(url)).toEqual({ connectionString, ssl })
})

test.each([
  ['mariadb://me:secret@h:1/db?x=1', { uri: 'mysql://me:secret@h:1/db?x=1' }],
  ['mysql://me@/db?unix_socket=/a/b&x=1', { uri: 'mysql://me@localhost/db?x=1', socketPath: '/a/b' }],
  ['mysql://me@%2Fa%2Fb/db', { uri: 'mysql://me@localhost/db', socketPath: '/a/b' }],
  ['mysql:///db?socketPath=%2Fa', { uri: 'mysql://localhost/db', socketPath: '/a' }],
])('mysql2 is given %s', (url, target) => {
  expect(mysqlTarget(url)).toEqual(target)
})

test.each([
  ['sqlite:a b.db', 'a b.db', ''],
  ['sqlite:/a/b.db', '/a/b.db', ''],
  ['sqlite:///a/b.db', '/a/b.db', ''],
  ['sqlite://b.db', 'b.db', ''],
  ['sqlite:100%.db', '100%.db', ''],
  ['sqlite:what?.db', 'what?.db', ''],
  ['sqlite:/a/b.db?mode=ro', '/a/b.db', 'mode=ro'],
  ['sqlite:file:b%20c.db?mode=rw', 'b c.db', 'mode=rw'],
  ['sqlite:file:///a/b.db', '/a/b.db', ''],
  ['sqlite:file://localhost/a/b.db', '/a/b.db', ''],
])('the file of %s', (url, path, params) => {
  const file = sqliteFile(url)
  expect([file.path, String(file.params)]).toEqual([path, params])
  expect(urlProblem(url)).toBe(undefined)
})
