// The members' reports about each other, and the view that follows from them.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Suspicion } from '../../../src/cluster/liveness/state.ts'
import {
  type Report,
  type ReportSet,
  reachable,
  resolveView,
  suspectsMajority,
} from '../../../src/cluster/liveness/view.ts'

/** `a: 'b! c?'`: a suspects b as silent, and c is on probation; `+` recovered, `x` refused, `~` not contacted yet. */
function parse(text: string, disconnected = false): Report {
  const kinds: Record<string, Suspicion> = { '!': 'silent', '?': 'probation', '+': 'recovered', x: 'refused' }
  const words = text.split(' ').filter(Boolean)
  const suspects: Record<string, Suspicion> = {}
  for (const [name, kind] of words) if (kinds[kind]) suspects[name] = kinds[kind]
  return { suspects, disconnected, unknown: words.filter(([, kind]) => kind === '~').map(([name]) => name) }
}

function reportSet(
  names: string,
  reports: Record<string, string>,
  gossip: Record<string, string> = {},
): ReportSet {
  const parseAll = (all: Record<string, string>) =>
    new Map(Object.entries(all).map(([name, text]) => [name, parse(text)] as const))
  return { eligible: new Set(names), reports: parseAll(reports), gossip: parseAll(gossip) }
}

function view(...args: Parameters<typeof reportSet>): string {
  const all = reportSet(...args)
  return [...resolveView(reachable(all), all)].sort().join('')
}

describe('the candidates', () => {
  test('are the members that at least one member reaches', () => {
    expect(view('abcd', { a: 'b~ c! d!', b: 'c! d!' })).toBe('ab')
    expect([...reachable(reportSet('abc', { a: 'c!', b: '' }))].sort()).toEqual(['a', 'b', 'c'])
  })

  test('do not include members that no node has contacted', () => {
    expect(view('abc', { a: 'c~', b: 'c~' })).toBe('ab')
    expect(view('abc', { a: 'c~', b: '' })).toBe('abc')
  })

  test('do not include leaving members, and their reports are ignored', () => {
    expect(view('bc', { a: 'b!', b: '', c: '' })).toBe('bc')
  })
})

describe('the view', () => {
  test.each([
    ['nobody suspects anybody', 'abc', { a: '', b: '', c: '' }, 'abc'],
    ['a single suspicion removes the suspect', 'abcde', { a: 'b!', b: '', c: '', d: '', e: '' }, 'acde'],
    ['probation removes too', 'abc', { a: 'b?', b: '', c: '' }, 'ac'],
    [
      'two suspect each other: the first by name stays',
      'abcde',
      { a: 'b!', b: 'a!', c: '', d: '', e: '' },
      'acde',
    ],
    ['the only two suspect each other', 'ab', { a: 'b?', b: 'a?' }, 'a'],
    ['one of the only two suspects the other', 'ab', { a: '', b: 'a?' }, 'b'],
    ['suspicions against more than half are ignored', 'abcd', { a: 'b! c!', b: '', c: '', d: '' }, 'abcd'],
    ['suspicions against half count', 'abcde', { a: 'b! c!', b: '', c: '', d: '', e: '' }, 'ade'],
    ['refused connections always count', 'abcd', { a: 'bx cx', b: '', c: '', d: '' }, 'ad'],
    ['the most suspected is removed, its reporters stay', 'abc', { a: 'b? c?', b: 'a?', c: 'a?' }, 'bc'],
    ['recovered and not suspecting: readmitted', 'abc', { a: 'b+', b: '', c: '' }, 'abc'],
    ['recovered but still suspecting: waits', 'abcde', { a: 'b+', b: 'a?', c: '', d: '', e: '' }, 'acde'],
    [
      'suspicions of a removed member are ignored',
      'abcde',
      { a: 'b!', b: 'c!', c: '', d: '', e: '' },
      'acde',
    ],
  ])('%s', (_, names, reports, expected) => {
    expect(view(names, reports)).toBe(expected)
  })

  test('takes relayed reports into account', () => {
    expect(view('abcde', { b: 'a!', c: '', d: '', e: '' }, { a: 'b!' })).toBe('acde')
  })

  test('ignores the suspicions of a disconnected member', () => {
    const reports = new Map([...'abcd'].map((name) => [name, parse(name === 'a' ? 'b?' : '', name === 'a')]))
    const all: ReportSet = { eligible: new Set('abcd'), reports, gossip: new Map() }
    expect(resolveView(reachable(all), all)).toEqual(new Set('abcd'))
  })

  test('of two members neither counts as disconnected', () => {
    expect(suspectsMajority({ b: 'silent' }, 'a', new Set('ab'))).toBe(false)
    expect(suspectsMajority({ b: 'silent', c: 'silent' }, 'a', new Set('abc'))).toBe(true)
    expect(suspectsMajority({ b: 'silent', c: 'refused' }, 'a', new Set('abc'))).toBe(false)
  })
})

test('for any reports the view is not empty, has no suspects, and does not depend on their order', () => {
  const names = [...'abcdef']
  const suspicion = fc.constantFrom<Suspicion | undefined>(
    undefined,
    undefined,
    'silent',
    'refused',
    'probation',
    'recovered',
  )
  const matrix = fc.array(fc.array(suspicion, { minLength: 6, maxLength: 6 }), { minLength: 6, maxLength: 6 })
  fc.assert(
    fc.property(matrix, (rows) => {
      const reports = names.map((name, i): [string, Report] => {
        const suspects: Record<string, Suspicion> = {}
        for (const [j, other] of names.entries()) if (i !== j && rows[i][j]) suspects[other] = rows[i][j]
        return [name, { suspects, disconnected: false, unknown: [] }]
      })
      const result = (order: [string, Report][]) => {
        const eligible = new Set(order.map(([name]) => name))
        const all: ReportSet = { eligible, reports: new Map(order), gossip: new Map() }
        return [...resolveView(reachable(all), all)].sort()
      }
      const members = result(reports)
      expect(members).not.toEqual([])
      expect(result([...reports].reverse())).toEqual(members)
      for (const [name, { suspects }] of reports) {
        if (!members.includes(name) || suspectsMajority(suspects, name, new Set(names))) continue
        for (const other of members) expect([undefined, 'recovered']).toContain(suspects[other])
      }
    }),
    { numRuns: 200, seed: 7 },
  )
})

test('members are removed in the order of suspicions counted anew after each removal', () => {
  const names = [...'abcdefgh']
  // At most two of seven each: no node suspects most of the others.
  const rows = fc.array(fc.uniqueArray(fc.nat(7), { maxLength: 2 }), { minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(rows, (suspected) => {
      const suspects = names.map((name, i) =>
        suspected[i].map((j) => names[j]).filter((each) => each !== name),
      )
      const left = new Set(names)
      const by = (name: string) => suspects[names.indexOf(name)].filter((each) => left.has(each))
      const times = (name: string) => [...left].filter((each) => by(each).includes(name)).length
      const worse = (a: string, b: string) =>
        times(b) - times(a) || by(b).length - by(a).length || (a > b ? -1 : 1)
      for (;;) {
        const [worst] = [...left].sort(worse)
        if (times(worst) === 0) break
        left.delete(worst)
      }
      const texts = suspects.map((each) => each.map((name) => `${name}!`).join(' '))
      const reports = Object.fromEntries(names.map((name, i) => [name, texts[i]]))
      expect(view('abcdefgh', reports)).toBe([...left].sort().join(''))
    }),
    { numRuns: 300, seed: 11 },
  )
})
