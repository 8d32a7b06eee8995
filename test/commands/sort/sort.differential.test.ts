// SORT and SORT_RO compared with redis-server: edge cases, then random options.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Command, describeComparison, testEdges } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'

const MAX = '9223372036854775807'

/** See `commandsOf`. */
const EDGES: Readonly<Record<string, string>> = {
  numbers: String.raw`
    RPUSH l 10 9 8 100 -1 2.5 1e2 0x1f inf -inf " 7" 100 100.0 | SORT l | SORT l ASC | SORT l DESC | SORT l ASC DESC | SORT_RO l
    RPUSH e "" 0 -1 1 | SORT e | RPUSH bad 1 x 2 | SORT bad | SORT bad ALPHA | SORT bad BY nothing | RPUSH bad2 1 nan | SORT bad2
    RPUSH bad3 " " | SORT bad3 | RPUSH bad4 "1 " | SORT bad4 | RPUSH nul "2\u0000x" 1 | SORT nul
    RPUSH ties 1.0 1 1.00 01 +1 | SORT ties | SORT ties DESC`,
  text: `
    RPUSH l b a c B A "" aa a | SORT l ALPHA | SORT l ALPHA DESC | SORT l alpha limit 1 3 | SORT l | SORT l ALPHA STORE d
    LRANGE d 0 -1 | SORT l ALPHA DESC STORE l | LRANGE l 0 -1`,
  limit: `
    RPUSH l 5 4 3 2 1 | SORT l LIMIT 0 0 | SORT l LIMIT 0 1 | SORT l LIMIT 1 2 | SORT l LIMIT 4 9 | SORT l LIMIT 5 1
    SORT l LIMIT 9 9 | SORT l LIMIT -3 2 | SORT l LIMIT 1 -1 | SORT l LIMIT 1 -5 | SORT l LIMIT 0 ${MAX} | SORT l LIMIT ${MAX} ${MAX}
    SORT l LIMIT x 1 | SORT l LIMIT 1 x | SORT l LIMIT 1 | SORT l LIMIT | SORT l LIMIT 0 1 LIMIT 1 1 | SORT l LIMIT 1.5 1
    SORT l BY x LIMIT 1 2 | SORT l BY x LIMIT 1 2 DESC | SORT l BY x LIMIT 9 2 | SORT l BY x LIMIT 9 2 DESC STORE d | EXISTS d
    SORT l BY x LIMIT 0 0 | SORT l BY x LIMIT -1 3 DESC | SORT l DESC LIMIT 1 2`,
  BY: `
    RPUSH l 1 2 3 4 | MSET w_1 30 w_2 10 w_3 20 | SORT l BY w_* | SORT l BY w_* DESC | SORT l BY w_*_no | SORT l BY w
    SORT l BY w DESC | SORT l BY "" | SORT l BY * | SORT l BY w_* ALPHA | SORT l BY w_* ALPHA DESC | SORT l BY w_* BY x
    SORT l BY w_* LIMIT 1 2 | MSET x1y 4 x2y 3 x3y 2 x4y 1 | SORT l BY x*y | SORT l BY x*y* | SET w_4 text | SORT l BY w_*
    SORT l BY w_* ALPHA | RPUSH w_5 a | RPUSH l 5 | SET w_4 1 | SORT l BY w_* | SORT l BY | SORT l BY w_*-> | SORT l BY w_*->f
    SET a- 3 | RPUSH m a b | SET "b->" 2 | SET "a->" 5 | SORT m BY *-> | SORT m ALPHA BY x->*`,
  GET: `
    RPUSH l 2 1 3 | MSET v_1 one v_3 three n_1 5 | SORT l GET v_* | SORT l GET # GET v_* GET # | SORT l GET v | SORT l GET ##
    SORT l GET v_*->f | SORT l GET * | SORT l GET v_* DESC LIMIT 0 2 | SORT l GET | SORT l BY x GET v_* | SORT l GET n_* STORE d
    LRANGE d 0 -1 | SORT l GET # GET v_* STORE d | LRANGE d 0 -1 | SORT l GET v_* GET v_* LIMIT 1 1 | SORT none GET v_*
    RPUSH v_2 x | SORT l GET v_*`,
  'fields of hashes': `
    RPUSH l 1 2 3 | HSET o_1 w 30 name one | HSET o_2 w 10 name two | HSET o_3 w 20 | SORT l BY o_*->w | SORT l BY o_*->w GET o_*->name
    SORT l BY o_*->w DESC GET # GET o_*->name STORE d | LRANGE d 0 -1 | SORT l BY o_*->none | SORT l GET o_* | SORT l GET o_*->
    HSET o_1 w x | SORT l BY o_*->w | SORT l BY o_*->w ALPHA | HSET o_1->x w 1 | SORT l GET o_*->x->w | HSET o_2 x->w 5
    SORT l GET o_*->x->w | SET o_4 5 | RPUSH l 4 | SORT l GET o_*->w | SORT l BY o_*->name ALPHA LIMIT 2 2 | HSET x->1 w 1
    SORT l GET x->*->w | SORT l BY o->* | HSET "->1" a 1 | SORT l GET ->*->a`,
  sets: `
    SADD s 3 1 2 | SORT s | SORT s DESC | SADD h b a c | SORT h ALPHA | SORT h | MSET w_a 3 w_b 1 w_c 2 | SORT h BY w_* GET #
    SORT h BY x STORE d | LRANGE d 0 -1 | SORT h BY x DESC LIMIT 0 2 STORE d | LRANGE d 0 -1 | SORT s BY x STORE d | LRANGE d 0 -1
    SORT s BY x | SORT s BY x LIMIT 1 1 | SORT s STORE s | TYPE s | SADD t "" -0 | SORT t`,
  'sorted sets': `
    ZADD z 1 30 2 20 3 10 4 15 | SORT z | SORT z DESC | SORT z BY x | SORT z BY x DESC | SORT z BY x LIMIT 1 2 | SORT z BY x LIMIT 1 2 DESC
    SORT z BY x DESC LIMIT 0 1 STORE z | TYPE z | LRANGE z 0 -1 | ZADD y 5 b 4 a | SORT y | SORT y ALPHA | SORT y BY x GET # STORE d
    LRANGE d 0 -1 | SORT y BY x LIMIT 2 5 | SORT_RO y BY x DESC`,
  STORE: `
    RPUSH l 3 1 2 | SORT l STORE d | LRANGE d 0 -1 | TYPE d | SORT l STORE l | LRANGE l 0 -1 | SET s text | EXPIRE s 100
    SORT l DESC STORE s | LRANGE s 0 -1 | TTL s | SORT none STORE s | EXISTS s | SORT none STORE s | SORT l STORE
    SORT l STORE d STORE e | LRANGE e 0 -1 | SORT_RO l STORE d | RPUSH bad x | SORT bad STORE d | LRANGE d 0 -1
    SORT l LIMIT 5 5 STORE d | EXISTS d`,
  errors: `
    SORT | SORT_RO | SORT none | SORT_RO none | SET s text | SORT s | SORT_RO s | SORT s FOO | SORT none FOO | SORT none LIMIT x y
    SORT s LIMIT x y | SORT none "" | SORT none BY | SORT_RO none GET | SORT none STORE | SORT_RO none STORE x
    COMMAND GETKEYS SORT a | COMMAND GETKEYS SORT a STORE b | COMMAND GETKEYS SORT a GET STORE STORE c | COMMAND GETKEYS SORT_RO a
    COMMAND GETKEYS SORT a BY STORE LIMIT STORE 3 STORE x STORE y | COMMAND GETKEYS SORT_RO a STORE b
    COMMAND GETKEYSANDFLAGS SORT a STORE b`,
}

const number = fc.oneof(
  fc.integer({ min: -20, max: 20 }).map(String),
  // After a number out of range, a redis-server refuses every number that is no integer.
  fc
    .double({ noNaN: true })
    .map((n) => String(Math.abs(n) < 1e-300 ? 0 : n)),
  fc.integer().map((n) => `${n}.0`),
)
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'C', '1', ' ', '_'), maxLength: 6 })
const options = fc
  .record(
    {
      by: fc.constantFrom('w_*', 'none_*', 'x'),
      get: fc.constantFrom(['#'], ['v_*', '#'], ['w_*'], ['none_*', 'v_*'], ['x']),
      limit: fc.tuple(fc.integer({ min: -2, max: 12 }), fc.integer({ min: -2, max: 12 })),
      order: fc.constantFrom('ASC', 'DESC'),
      alpha: fc.constant('ALPHA'),
      store: fc.constant('d'),
    },
    { requiredKeys: [] },
  )
  // Redis leaves the order of elements with equal weights open.
  .map(({ by, get, limit, order, alpha, store }) => [
    ...(by === undefined || (alpha !== undefined && by === 'none_*') ? [] : ['BY', by]),
    ...(get ?? []).flatMap((pattern) => ['GET', pattern]),
    ...(limit === undefined ? [] : ['LIMIT', ...limit.map(String)]),
    ...[order, alpha].filter((word) => word !== undefined),
    ...(store === undefined ? [] : ['STORE', store]),
  ])

describeComparison('SORT', (expectSame) => {
  testEdges(EDGES, expectSame)

  test('random options', async () => {
    const elements = fc.oneof(fc.array(number, { maxLength: 12 }), fc.array(text, { maxLength: 12 }))
    const property = fc.asyncProperty(
      elements,
      fc.array(options, { minLength: 1, maxLength: 6 }),
      fc.infiniteStream(fc.integer({ min: 0, max: 1000 })),
      async (list, sorts, numbers) => {
        const distinct = [...new Set(list)]
        const weights = distinct.flatMap((element, i) => [`w_${element}`, `${numbers.next().value}.${i + 1}`])
        const values = distinct
          .filter((_, i) => i % 2 === 0)
          .flatMap((element) => [`v_${element}`, `<${element}>`])
        const commands: Command[] = [
          ...[
            ['RPUSH', 'l', ...list],
            ['MSET', ...weights],
            ['MSET', ...values],
          ].filter(({ length }) => length > 2),
          ...sorts.flatMap((words): Command[] => [
            ['SORT', 'l', ...words],
            ['LRANGE', 'd', '0', '-1'],
          ]),
        ]
        await expectSame(commands)
      },
    )
    await fc.assert(property, { numRuns: 200 })
  })

  test('many elements', async () => {
    const list = Array.from({ length: 2000 }, (_, i) => String((i * 7919) % 10_007))
    const commands: Command[] = [
      ['RPUSH', 'l', ...list],
      ['MSET', ...list.flatMap((element) => [`w_${element}`, String((Number(element) * 31) % 101)])],
      ['SORT', 'l', 'LIMIT', '0', '1000'],
      ['SORT', 'l', 'BY', 'w_*', 'DESC', 'STORE', 'd'],
      ['LRANGE', 'd', '0', '999'],
      ['LRANGE', 'd', '1000', '-1'],
    ]
    await expectSame(commands)
  })
})

test('SORT loads its key from the origin, and sees what is cached of the keys of its patterns', async () => {
  const harness = new Harness({
    groups: { lists: { origin: async (key) => (key.startsWith('w_') ? '7' : null), negativeTtlMs: 1000 } },
  })
  expect(await harness.call('SORT', 'none')).toEqual([])
  await harness.call('RPUSH', 'l', '2', '1', '3')
  expect(await harness.call('SORT', 'l', 'GET', 'w_*')).toEqual([null, null, null])
  expect(await harness.call('GET', 'w_1')).toBe('7')
  expect(await harness.call('SORT', 'l', 'GET', 'w_*')).toEqual(['7', null, null])
  expect(await harness.call('SORT', 'l', 'GET', 'none_*', 'STORE', 'd')).toBe(3)
  expect(await harness.call('LRANGE', 'd', '0', '-1')).toEqual(['', '', ''])
})

test('in a cluster, patterns must stay in the slot of the key', async () => {
  const harness = new Harness({ cluster: { host: '127.0.0.1', port: 7000 } })
  await harness.joined
  const refused = /^-ERR (BY|GET) option of SORT denied in cluster mode when keys formed by the pattern/
  await harness.call('RPUSH', '{t}l', '2', '1')
  await harness.call('MSET', '{t}w_1', '9', '{t}w_2', '3')
  expect(await harness.call('SORT', '{t}l', 'BY', '{t}w_*', 'GET', '#', 'GET', '{t}w_*')).toEqual([
    '2',
    '3',
    '1',
    '9',
  ])
  expect(await harness.raw('SORT', '{t}l', 'BY', 'w_*')).toMatch(refused)
  expect(await harness.raw('SORT', '{t}l', 'BY', '{u}w_*')).toMatch(refused)
  expect(await harness.raw('SORT', '{t}l', 'BY', '*{t}w')).toMatch(refused)
  expect(await harness.raw('SORT_RO', '{t}l', 'GET', 'w_*')).toMatch(refused)
  expect(await harness.call('SORT_RO', '{t}l', 'BY', 'nosort', 'GET', '#')).toEqual(['2', '1'])
})
