// What queries give as hashes, lists, sets and sorted sets, the same in every database.

import { expect, onTestFinished, test } from 'vitest'
import { valueFrom } from '../../../src/group/loaded-value.ts'
import { isBadRequest, type OriginValue, SortedSet } from '../../../src/group/origin.ts'
import type { SqlOptions, SqlOrigin } from '../../../src/origin/sql/sql.ts'
import { context, sqlOrigin } from './origins.ts'

/** Statements that make the tables of the tests. */
export const TABLES: readonly string[] = [
  'create table players (id int primary key, name varchar(20), points decimal(9, 2), note varchar(20))',
  "insert into players values (1, 'Tom', 630.50, null), (2, 'Jack', 589, ''), (3, null, null, null)",
  'create table moves (player int, place int, move varchar(20), score varchar(20))',
  "insert into moves values (1, 1, 'left', '1.5'), (1, 2, 'right', '-2'), (1, 3, 'left', '1e3'), (2, 1, 'up', 'many')",
  "insert into moves values (1, 4, null, '7'), (3, 1, null, null)",
]

interface Database {
  readonly url: () => string
  /** A parameter, and the condition of a batch. */
  readonly one: string
  readonly many: string
  readonly options?: Partial<SqlOptions>
}

export function collectionTests({ url, one, many, options = {} }: Database): void {
  const origin = (shape: SqlOptions['shape'], columns: string, table: string, order = ''): SqlOrigin => {
    const key = table === 'players' ? 'id' : 'player'
    const made = sqlOrigin({
      ...options,
      url: url(),
      shape,
      keys: 'player:{id:int}',
      query: `select ${columns} from ${table} where ${key} = ${one} ${order}`,
      batchQuery: `select ${key}, ${columns} from ${table} where ${key} ${many} ${order}`,
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
