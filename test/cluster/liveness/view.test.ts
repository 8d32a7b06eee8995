// What the members say of each other, and the view that follows.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Charge } from '../../../src/cluster/liveness/state.ts'
import {
  agree,
  type Evidence,
  hearsBadly,
  type Opinion,
  reachable,
} from '../../../src/cluster/liveness/view.ts'

/** `a: 'b! c?'`: a accuses b of silence and has c on probation; `+` willing, `x` refused, `~` not met yet. */
function opinion(text: string, deaf = false): Opinion {
  const kinds: Record<string, Charge> = { '!': 'silent', '?': 'probation', '+': 'willing', x: 'refused' }
  const words = text.split(' ').filter(Boolean)
  const accused: Record<string, Charge> = {}
  for (const [name, kind] of words) if (kinds[kind]) accused[name] = kinds[kind]
  return { accused, deaf, unknown: words.filter(([, kind]) => kind === '~').map(([name]) => name) }
}

function evidence(
  names: string,
  opinions: Record<string, string>,
  hearsay: Record<string, string> = {},
): Evidence {
  const parse = (all: Record<string, string>) =>
    new Map(Object.entries(all).map(([name, text]) => [name, opinion(text)] as const))
  return { eligible: new Set(names), opinions: parse(opinions), hearsay: parse(hearsay) }
}

function view(...args: Parameters<typeof evidence>): string {
  const all = evidence(...args)
  return [...agree(reachable(all), all)].sort().join('')
}

describe('candidates', () => {
  test('are those whom somebody talks to', () => {
    expect(view('abcd', { a: 'b~ c! d!', b: 'c! d!' })).toBe('ab')
    expect([...reachable(evidence('abc', { a: 'c!', b: '' }))].sort()).toEqual(['a', 'b', 'c'])
  })

  test('are not those that nobody has met', () => {
    expect(view('abc', { a: 'c~', b: 'c~' })).toBe('ab')
    expect(view('abc', { a: 'c~', b: '' })).toBe('abc')
  })

  test('are not those that leave, whatever these say', () => {
    expect(view('bc', { a: 'b!', b: '', c: '' })).toBe('bc')
  })
})

describe('the view', () => {
  test.each([
    ['nobody accuses', 'abc', { a: '', b: '', c: '' }, 'abc'],
    ['one accuses: the accused is out', 'abcde', { a: 'b!', b: '', c: '', d: '', e: '' }, 'acde'],
    ['on probation is out too', 'abc', { a: 'b?', b: '', c: '' }, 'ac'],
    ['each other: the first by name stays', 'abcde', { a: 'b!', b: 'a!', c: '', d: '', e: '' }, 'acde'],
    ['each other, of two', 'ab', { a: 'b?', b: 'a?' }, 'a'],
    ['of two, one accuses', 'ab', { a: '', b: 'a?' }, 'b'],
    ['one that accuses most does not count', 'abcd', { a: 'b! c!', b: '', c: '', d: '' }, 'abcd'],
    ['one that accuses half does', 'abcde', { a: 'b! c!', b: '', c: '', d: '', e: '' }, 'ade'],
    ['refused is not misheard', 'abcd', { a: 'bx cx', b: '', c: '', d: '' }, 'ad'],
    ['the most accused is out, its accusers stay', 'abc', { a: 'b? c?', b: 'a?', c: 'a?' }, 'bc'],
    ['willing, and the other does not accuse: over', 'abc', { a: 'b+', b: '', c: '' }, 'abc'],
    ['willing, and the other is not: both wait', 'abcde', { a: 'b+', b: 'a?', c: '', d: '', e: '' }, 'acde'],
    ['who is out accuses nobody', 'abcde', { a: 'b!', b: 'c!', c: '', d: '', e: '' }, 'acde'],
  ])('%s', (_, names, opinions, expected) => {
    expect(view(names, opinions)).toBe(expected)
  })

  test('takes in what third members have heard', () => {
    expect(view('abcde', { b: 'a!', c: '', d: '', e: '' }, { a: 'b!' })).toBe('acde')
  })

  test('leaves one out of account that has accused most', () => {
    const opinions = new Map(
      [...'abcd'].map((name) => [name, opinion(name === 'a' ? 'b?' : '', name === 'a')]),
    )
    const all: Evidence = { eligible: new Set('abcd'), opinions, hearsay: new Map() }
    expect(agree(reachable(all), all)).toEqual(new Set('abcd'))
  })

  test('nobody hears badly among two', () => {
    expect(hearsBadly({ b: 'silent' }, 'a', new Set('ab'))).toBe(false)
    expect(hearsBadly({ b: 'silent', c: 'silent' }, 'a', new Set('abc'))).toBe(true)
    expect(hearsBadly({ b: 'silent', c: 'refused' }, 'a', new Set('abc'))).toBe(false)
  })
})

test('whatever is said, the view has somebody, accuses nobody, and does not depend on the order', () => {
  const names = [...'abcdef']
  const charge = fc.constantFrom<Charge | undefined>(
    undefined,
    undefined,
    'silent',
    'refused',
    'probation',
    'willing',
  )
  const matrix = fc.array(fc.array(charge, { minLength: 6, maxLength: 6 }), { minLength: 6, maxLength: 6 })
  fc.assert(
    fc.property(matrix, (rows) => {
      const opinions = names.map((name, i): [string, Opinion] => {
        const accused: Record<string, Charge> = {}
        for (const [j, other] of names.entries()) if (i !== j && rows[i][j]) accused[other] = rows[i][j]
        return [name, { accused, deaf: false, unknown: [] }]
      })
      const result = (order: [string, Opinion][]) => {
        const eligible = new Set(order.map(([name]) => name))
        const all: Evidence = { eligible, opinions: new Map(order), hearsay: new Map() }
        return [...agree(reachable(all), all)].sort()
      }
      const members = result(opinions)
      expect(members).not.toEqual([])
      expect(result([...opinions].reverse())).toEqual(members)
      for (const [name, { accused }] of opinions) {
        if (!members.includes(name) || hearsBadly(accused, name, new Set(names))) continue
        for (const other of members) expect([undefined, 'willing']).toContain(accused[other])
      }
    }),
    { numRuns: 200, seed: 7 },
  )
})
