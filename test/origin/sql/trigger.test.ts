// The triggers that `erinys sql trigger` prints, run by PostgreSQL, and their notifications of each change.

import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TriggerOptions, triggerSql } from '../../../src/origin/sql/postgres/trigger.ts'
import { describeWithPostgres } from '../../support/postgres.ts'

const options: TriggerOptions = { table: 'users', column: 'id', channel: 'users', key: 'user:{id}' }

describe('an invalid option', () => {
  const long = 'ü'.repeat(32)
  test.each<[wrong: Partial<TriggerOptions>, message: string]>([
    [{ key: 'user' }, '--key: got "user", wants one place for the column, as in \'user:{id}\''],
    [{ key: '{a}{b}' }, '--key: got "{a}{b}", wants one place'],
    [{ key: '' }, '--key: got "", wants one place'],
    [{ table: '' }, "--table: got \"\", wants a table, such as 'users' or 'shop.users'"],
    [{ table: 'a.b.c' }, '--table: got "a.b.c"'],
    [{ table: 'a.' }, '--table: got "a."'],
    [{ table: '.a' }, '--table: got ".a"'],
    [{ column: '' }, '--column: got "", wants the name of a column'],
    [{ channel: '' }, '--channel: got "", wants a name of 1 to 63 bytes'],
    [{ channel: long }, `--channel: got "${long}", wants a name of 1 to 63 bytes`],
    [{ key: '{id}$erinys$' }, '--key: got "{id}$erinys$", wants a text without $erinys$'],
    [{ table: '$erinys$' }, '--table: got "$erinys$"'],
  ])('%j', (wrong, message) => {
    expect(() => triggerSql({ ...options, ...wrong })).toThrow(message)
  })
})

describeWithPostgres('the triggers', (postgres) => {
  let client: Client
  let told: string[] = []

  beforeAll(async () => {
    client = new Client(postgres().url)
    await client.connect()
    client.on('notification', ({ channel, payload }) => told.push(`${channel} ${payload}`))
  })
  afterAll(() => client.end())

  /** Creates a table with its triggers, and listens. */
  async function make(create: string, wanted: Partial<TriggerOptions>): Promise<void> {
    await postgres().run(create)
    await postgres().run(triggerSql({ ...options, ...wanted }))
    await client.query(`listen "${wanted.channel ?? options.channel}"`)
  }

  /** The notifications of some statements; all have arrived when a later query is answered. */
  async function notificationsOf(...statements: string[]): Promise<string[]> {
    told = []
    for (const statement of statements) await postgres().run(statement)
    await client.query('select 1')
    return told
  }

  const key = (channel: string, text: string): string =>
    `${channel} ${JSON.stringify({ key: text }).replace(':', ' : ')}`

  test('tables and columns with unusual names', async () => {
    await postgres().run('create schema "my shop"')
    await make(`create table "my shop"."we""ird.x" ("Sel ect" int, name text)`, {
      table: `my shop."we""ird.x"`,
      column: 'Sel ect',
      channel: 'Odd',
      key: `it's\\ {id}`,
    })
    await make('create table "we""ird" (id int)', { table: 'we"ird', channel: 'weird' })
    expect(
      await notificationsOf(
        `insert into "my shop"."we""ird.x" values (1, 'a')`,
        'insert into "we""ird" values (2)',
      ),
    ).toEqual([key('Odd', `it's\\ 1`), key('weird', 'user:2')])
  })

  test('each inserted, changed or removed row, by its old and new key, and a truncated table', async () => {
    await make('create table users (id int, name text)', {})
    expect(await notificationsOf(`insert into users values (1, 'a'), (2, 'b')`)).toEqual([
      key('users', 'user:1'),
      key('users', 'user:2'),
    ])
    expect(await notificationsOf(`update users set name = 'c' where id = 1`)).toEqual([
      key('users', 'user:1'),
    ])
    expect(await notificationsOf('update users set id = 3 where id = 2')).toEqual([
      key('users', 'user:2'),
      key('users', 'user:3'),
    ])
    expect(await notificationsOf('update users set id = null where id = 3')).toEqual([key('users', 'user:3')])
    expect(await notificationsOf('update users set id = 4 where id is null')).toEqual([
      key('users', 'user:4'),
    ])
    expect(await notificationsOf('delete from users where id = 1')).toEqual([key('users', 'user:1')])
    expect(await notificationsOf('truncate users')).toEqual(['users {"all": true}'])
    expect(await notificationsOf('insert into users values (null)')).toEqual([])
  })

  test('nothing for a rolled back transaction, and one notification for many changes of a row', async () => {
    await make('create table notes (id int)', { table: 'notes', channel: 'notes' })
    expect(await notificationsOf('begin; insert into notes values (1); rollback')).toEqual([])
    expect(
      await notificationsOf(
        'begin; insert into notes values (1); update notes set id = 1; delete from notes; commit',
      ),
    ).toEqual([key('notes', 'user:1')])
  })

  test('a key too long for a notification does not make the write fail', async () => {
    await make('create table texts (id text)', { table: 'texts', channel: 'texts' })
    expect(await notificationsOf(`insert into texts values (repeat('ü', 5000))`)).toEqual([
      'texts {"all": true}',
    ])
    expect(await postgres().run('select count(*)::int as n from texts')).toEqual([{ n: 1 }])
  })

  test('a column whose values cannot be compared', async () => {
    await make('create table documents (id json)', { table: 'documents', channel: 'documents', key: '{id}' })
    expect(
      await notificationsOf(`insert into documents values ('[1]')`, `update documents set id = '[1]'`),
    ).toEqual([key('documents', '[1]'), key('documents', '[1]')])
  })

  test('several groups listen to one table, each with its own key pattern, which can be changed', async () => {
    await make('create table people (id int, mail text)', { table: 'people', channel: 'by_id' })
    await make('select 1', { table: 'people', column: 'mail', channel: 'by_mail', key: 'old:{mail}' })
    await make('select 1', { table: 'people', column: 'mail', channel: 'by_mail', key: 'mail:{mail}' })
    const found = await notificationsOf(`insert into people values (1, 'a@b')`)
    expect(found.sort()).toEqual([key('by_id', 'user:1'), key('by_mail', 'mail:a@b')])
  })

  test("names beyond PostgreSQL's limit with a common prefix stay distinct", async () => {
    const [one, two] = ['1', '2'].map((end) => 'ü'.repeat(30) + end)
    await make(`create table "${one}" (id int)`, { table: one, channel: 'one' })
    await make(`create table "${two}" (id int)`, { table: two, channel: 'two' })
    expect(
      await notificationsOf(`insert into "${one}" values (1)`, `insert into "${two}" values (2)`),
    ).toEqual([key('one', 'user:1'), key('two', 'user:2')])
  })

  test('the SQL is applied as a whole or not at all', async () => {
    await expect(postgres().run(triggerSql({ ...options, table: 'none' }))).rejects.toThrow(
      'relation "none" does not exist',
    )
    await postgres().run('rollback')
    expect(await postgres().run(`select 1 from pg_proc where proname like 'erinys_none%'`)).toEqual([])
  })
})
