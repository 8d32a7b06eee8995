// Every setting of a configuration, with values that it does not accept: the message has its path, the value that it
// got (never a secret), and what it wants. The settings are taken from the program, so that none can be forgotten.

import { describe, expect, test } from 'vitest'
import { clusterSettingNames, clusterSettings } from '../../src/config/cluster-settings.ts'
import { httpSettingNames, httpSettings } from '../../src/config/http-settings.ts'
import { show } from '../../src/config/readers.ts'
import { settingNames } from '../../src/config/settings.ts'
import { problems } from './problems.ts'

/** A path in a configuration, and the object that has something there. */
interface Place {
  readonly path: string
  readonly put: (value: unknown) => unknown
}

const below = (place: Place, field: string, beside: object = {}): Place => ({
  path: place.path === '' ? field : `${place.path}.${field}`,
  put: (value) => place.put({ ...beside, [field]: value }),
})

const root: Place = { path: '', put: (value) => value }
const group = below(below(root, 'groups'), 'g')

/** The fields that an object may have, as the message about an unknown one lists them. */
function known(place: Place, beside: object = {}): readonly string[] {
  const name = 'zzzzzzzz'
  const [line] = problems({ config: below(place, name, beside).put(1) }).filter((each) =>
    each.startsWith(`${place.path}.${name}: `),
  )
  expect(line).toMatch(/: unknown field, known are \w+(, \w+)*$/)
  return line.replace(/^.*known are /, '').split(', ')
}

/** What each kind of origin needs besides the field that is wrong. */
const NEEDED: Readonly<Record<string, object>> = {
  file: { kind: 'file', path: '/nowhere.json' },
  sql: { kind: 'sql', url: 'postgres://db.example/app', query: 'select v from t where k = $1' },
  http: { kind: 'http', url: 'http://api.example/{key}' },
  redis: { kind: 'redis', url: 'redis://db.example' },
}

function kinds(): readonly string[] {
  const [line] = problems({ config: below(group, 'origin').put({ kind: 'none' }) })
  return [...line.replace(/^.*wants one of /, '').matchAll(/'(\w+)'/g)].map(([, kind]) => kind)
}

const nested = (place: Place, path: string): Place =>
  path.split('.').reduce<Place>((at, field) => below(at, field), place)

function places(): readonly Place[] {
  const origins = kinds().flatMap((kind) => {
    const origin = below(group, 'origin')
    const fields = known(origin, NEEDED[kind])
    return fields
      .filter((field) => field !== 'kind')
      .flatMap((field) => {
        const place = below(origin, field, NEEDED[kind])
        return field === 'tls' || field === 'ssl'
          ? [place, ...known(place).map((part) => below(place, part))]
          : [place]
      })
  })
  return [
    ...settingNames.map((name) => below(root, name)),
    ...clusterSettingNames.map((name) => nested(below(root, 'cluster'), clusterSettings[name].field)),
    ...httpSettingNames.map((name) => below(below(root, 'http'), httpSettings[name].field)),
    ...['groups', 'users', 'cluster', 'http'].map((name) => below(root, name)),
    ...['peers', 'dns', 'etcd'].map((name) => below(below(root, 'cluster'), name)),
    ...known(group).map((field) => below(group, field)),
    below(below(root, 'users'), 'someone'),
    group,
    ...origins,
  ]
}

/** Values that may be a password, a URL with one, or SQL: messages have only their type. */
const SECRET =
  /(requirepass|KeyFilePass|password|secret|origin\.(url|batchUrl|prefix|headers)|users(\.someone)?)$/i

/** Wrong in type for every setting. */
const TYPES: readonly unknown[] = [null, { odd: 1 }, [{ odd: 1 }], () => undefined, Symbol('odd'), 10n]
/** Wrong in value for most settings; those that accept one of them are not asked more. */
const VALUES: readonly unknown[] = [-7, 1e15, 0.123, Number.NaN, true, 'no such-word\u0007', '', [], ['?']]

describe.each(places().map((place) => [place.path, place] as const))('%s', (path, place) => {
  const linesFor = (value: unknown): readonly string[] =>
    problems({ config: place.put(value), directory: '/nowhere' })

  function expectHelp(value: unknown, lines: readonly string[]): void {
    const own = lines.filter((line) => line.startsWith(path))
    expect(own, `${String(lines)} for ${typeof value} ${show(value)}`).not.toEqual([])
    for (const line of own) {
      expect(line).toMatch(/wants|known are|did you mean|: write |begin with|, but |no such file/)
      expect(line).not.toContain('\n')
      if (SECRET.test(path)) expect(line).not.toContain('such-word')
      // The value may be right, and need another setting beside it.
      else if (!/unknown field|no such file|wants .* too|: the URL |it does not begin/.test(line))
        expect(line).toContain('got ')
    }
  }

  test('says what it wants instead of a value of another type', () => {
    // null is a value, too; undefined is none.
    const accepted = TYPES.filter((value) => linesFor(value).length === 0)
    // Functions are origins, and objects are headers.
    expect(accepted.length).toBeLessThanOrEqual(1)
    for (const value of TYPES) if (!accepted.includes(value)) expectHelp(value, linesFor(value))
  })

  test('says what it wants instead of a value out of range', () => {
    for (const value of VALUES) {
      const lines = linesFor(value)
      if (lines.length > 0) expectHelp(value, lines)
    }
  })
})

test('a rule of a user that is none is answered with those there are', () => {
  expect(problems({ config: { users: { someone: 'on >hush everything' } } })).toEqual([
    expect.stringMatching(
      /^users\.someone: .*'everything': Syntax error, wants on, off, .*~keys.*\+@category/,
    ),
  ])
})

test('a key that was pasted without its first line is not repeated', () => {
  const [line] = problems({
    config: below(below(group, 'origin'), 'tls', NEEDED.http).put({ key: 'c2VjcmV0'.repeat(60) }),
  })
  expect(line).not.toContain('c2VjcmV0')
  expect(line).toBe(
    'groups.g.origin.tls.key: got text without -----BEGIN, wants PEM or the path of a PEM file',
  )
})

test.each(['jitter', 'refreshAhead'])('%s may be text, as other numbers', (field) => {
  expect(problems({ config: below(group, field).put('0') })).toEqual([])
  expect(problems({ config: below(group, field).put('many') })[0]).toMatch(/got 'many', wants a .* from 0 to/)
})
