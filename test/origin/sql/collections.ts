// What queries give as hashes, lists, sets and sorted sets, the same in every database.

import { expect, onTestFinished, test } from 'vitest'
import { valueFrom } from '../../../src/group/loaded-value.ts'
import { isBadRequest, type OriginValue, SortedSet, type StoreChange } from '../../../src/group/origin.ts'
import type { SqlOptions, SqlOrigin } from '../../../src/origin/sql/sql.ts'
import { context, sqlOrigin } from './origins.ts'

/** Statements that make the tables of the tests. */
export const TABLES: readonly string[] = [
  'create table players (id int primary key, name varchar(20), points decimal(9, 2), note varchar(20))',
  "insert into players values (1, 'Tom', 630.50, null), (2, 'Jack', 589, ''), (3, null, null, null)",
  'create table moves (player int, place int, move varchar(20), score varchar(20))',
  "insert into moves values (1, 1, 'left', '1.5'), (1, 2, 'right', '-2'), (1, 3, 'left', '1e3'), (2, 1, 'up', 'many')",
  "insert into moves values (1, 4, null, '7'), (3, 1, null, null)",
  'create table writers (id int primary key, name varchar(20), points int, note varchar(20))',
  "insert into writers values (1, 'Tom', 630, 'x'), (2, 'Jack', 589, null)",
]

interface Database {
  readonly url: () => string
  /** A parameter, and the condition of a batch. */
  readonly one: string
  readonly many: string
  readonly options?: Partial<SqlOptions>
}

export function collectionTests({ url, one, many, options = {} }: Database): void {
  const origin = (
    shape: SqlOptions['shape'],
    columns: string,
    table: string,
    order = '',
    more: Partial<Omit<SqlOptions, 'keys'>> = {},
  ): SqlOrigin => {
    const key = table === 'moves' ? 'player' : 'id'
    const made = sqlOrigin({
      ...options,
      url: url(),
      shape,
      keys: 'player:{id:int}',
      query: `select ${columns} from ${table} where ${key} = ${one} ${order}`,
      batchQuery: `select ${key}, ${columns} from ${table} where ${key} ${many} ${order}`,
      ...more,
    })
    onTestFinished(() => made.close())
    return made
  }
  const keys = ['player:1', 'player:2', 'player:3', 'player:4']

  /** Each key alone, and all of them in a batch, which must be the same. */
  const load = async (from: SqlOrigin): Promise<unknown[]> => {
    await from.start({ info: () => undefined, warn: (_, message) => expect.unreachable(message) })
    const alone = await Promise.all(
      keys.map(async (key) =>
        plain(await Promise.resolve(from.load(key, context())).catch((error) => error)),
      ),
    )
    const together = (await from.loadMany?.(keys, context())) as readonly (OriginValue | Error)[]
    expect(together.map(plain)).toEqual(alone)
    return alone
  }

  test('a row is a hash, without the columns that are NULL', async () => {
    expect(await load(origin('hash', 'name, points, note', 'players'))).toEqual([
      { name: 'Tom', points: expect.stringMatching(/^630\.50?$/) },
      { name: 'Jack', points: expect.stringMatching(/^589(\.00)?$/), note: '' },
      {},
      null,
    ])
  })

  test('a hash of several rows is an error of its key', async () => {
    const [first, second] = await load(origin('hash', 'move', 'moves'))
    expect(first).toBe('the query gave more than one row for "player:1"')
    expect(second).toEqual({ move: 'up' })
  })

  test('rows are a list in their order, or a set', async () => {
    const order = 'order by player, place'
    expect(await load(origin('list', 'move, place', 'moves', order))).toEqual([
      ['left', 'right', 'left'],
      ['up'],
      [],
      null,
    ])
    expect(await load(origin('set', 'move', 'moves', order))).toEqual([
      new Set(['left', 'right']),
      new Set(['up']),
      new Set(),
      null,
    ])
  })

  test('rows are members and scores of a sorted set; a score that is no number is an error of its key', async () => {
    const order = 'order by player, place'
    expect(await load(origin('sortedset', 'move, score', 'moves', order))).toEqual([
      [
        ['left', 1.5],
        ['right', -2],
        ['left', 1000],
      ],
      'got the score "many" for the member "up", wants a number for "player:2"',
      [],
      null,
    ])
    expect(await load(origin('sortedset', 'name, points', 'players'))).toEqual([
      [['Tom', 630.5]],
      [['Jack', 589]],
      [],
      null,
    ])
  })

  const writers = (writeQuery: string): SqlOrigin =>
    origin('hash', 'name, points, note', 'writers', '', {
      writeQuery,
      removeQuery: `delete from writers where id = ${one}`,
    })
  const UPDATE = 'update writers set name = :name, points = :points, note = :note where id = :key'
  const hash = (fields: Record<string, string>): Map<string, Buffer> =>
    new Map(Object.entries(fields).map(([field, value]) => [field, Buffer.from(value)]))

  test('of a hash, the fields that have changed are written to its row', async () => {
    const written = writers(UPDATE)
    await written.start({ info: () => undefined, warn: (_, message) => expect.unreachable(message) })
    expect(await load(written)).toEqual([
      { name: 'Tom', points: '630', note: 'x' },
      { name: 'Jack', points: '589' },
      null,
      null,
    ])
    const store = async (key: string, value: Record<string, string>, change?: StoreChange): Promise<void> =>
      written.storeCollection?.(key, hash(value), { ...context(), change })
    // Whoever has changed `points` at the source meanwhile does not lose it.
    await store('player:1', { name: 'Tim', points: '0' }, { set: hash({ name: 'Tim' }), removed: ['note'] })
    // Without a change the whole of it is written.
    await store('player:2', { name: 'Ann', note: "it's" })
    expect(await load(written)).toEqual([
      { name: 'Tim', points: '630' },
      { name: 'Ann', note: "it's" },
      null,
      null,
    ])
    // Once more: the same effect.
    await store('player:2', { name: 'Ann', note: "it's" })
    for (const [what, message] of [
      [
        () => store('player:1', { age: '7' }),
        'writeQuery has no parameter for the field "age": it writes name, points, note',
      ],
      [() => store('player:1', { key: '7' }), 'writeQuery has no parameter for the field "key"'],
      [() => store('player:4', { name: 'Ann' }), 'writeQuery has changed no row'],
      [
        () => written.storeCollection?.('player:1', ['a'] as never, context()),
        "the origin stores hashes only, by as: 'hash'",
      ],
    ] as const) {
      const error: unknown = await Promise.resolve(what()).catch((thrown) => thrown)
      expect(String(error)).toContain(message)
      expect(isBadRequest(error)).toBe(true)
    }
    await expect((async () => written.store?.('player:1', Buffer.from('x'), context()))()).rejects.toThrow(
      "the origin stores hashes only, by as: 'hash'",
    )
    await written.remove?.('player:2', context())
    await written.remove?.('player:1', context())
    expect(await load(written)).toEqual([null, null, null, null])
  })

  test.each([
    [
      'update writers set name = :nme where id = :key',
      ':nme is not a column of query, whose columns are name, points, note',
    ],
    ['update writers set name = :name', "as: 'hash' wants parameters with names: :key"],
    [`update writers set name = 'x' where id = ${one}`, "as: 'hash' wants parameters with names: :key"],
    ['update writers set nme = :name where id = :key', 'nme'],
  ])('a statement that cannot write the hash is refused at the start: %s', async (writeQuery, message) => {
    const start = writers(writeQuery).start({ info: () => undefined, warn: () => undefined })
    await expect(start).rejects.toThrow(message)
  })

  test('a sorted set of one column is refused at the start', async () => {
    const start = origin('sortedset', 'name', 'players').start({
      info: () => undefined,
      warn: () => undefined,
    })
    await expect(start).rejects.toThrow(
      "query: as: 'sortedset' wants two columns, the member and its score, got name",
    )
  })
}

function plain(value: OriginValue | Error): unknown {
  if (value instanceof Error) {
    expect(isBadRequest(value)).toBe(true)
    return value.message
  }
  if (value === undefined) return null
  // It can be stored.
  valueFrom(value)
  const text = (part: unknown): unknown => (part instanceof Uint8Array ? Buffer.from(part).toString() : part)
  if (value instanceof Map)
    return Object.fromEntries(
      [...value].filter(([, part]) => part !== null).map(([name, part]) => [name, text(part)]),
    )
  if (value instanceof SortedSet) return [...value.entries].map(([member, score]) => [text(member), score])
  return value
}
