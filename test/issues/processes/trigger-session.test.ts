// A change was not heard, because the writer's session has other settings: the trigger named another key.

import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { triggerSql } from '../../../src/origin/sql/postgres/trigger.ts'
import { describeWithPostgres } from '../../support/postgres.ts'

/** Each is unlike the default. */
const SETTINGS = [
  "datestyle = 'German'",
  "timezone = 'Asia/Kolkata'",
  "intervalstyle = 'postgres_verbose'",
  'extra_float_digits = -5',
  "bytea_output = 'escape'",
  'quote_all_identifiers = on',
  'standard_conforming_strings = off',
  "xmloption = 'document'",
  'search_path = shadow, pg_catalog, public',
  // That of replicated changes, for which ordinary triggers do not fire.
  "session_replication_role = 'replica'",
]

describeWithPostgres('the key that a trigger names', (postgres) => {
  let listener: Client
  let writer: Client
  let told: string[] = []

  beforeAll(async () => {
    listener = new Client(postgres().url)
    writer = new Client(postgres().url)
    await listener.connect()
    await writer.connect()
    listener.on('notification', ({ payload = '' }) => told.push(JSON.parse(payload).key))
    // What a function that looks names up in the writer's path would find.
    await postgres().run(`
      create schema shadow;
      create function shadow.octet_length(text) returns int language sql as 'select 1000000';
      create function shadow.format(text, inet) returns text language sql as $$ select 'shadow' $$;
      create type mood as enum ('sad', 'so so');
      create domain address as inet;
      create domain shouted as address;
      create domain binary_key as bytea;
      create type weekday as enum ('mon');
      create function full_name(weekday) returns text language sql as $$ select 'Monday' $$;
      create cast (weekday as text) with function full_name(weekday);
    `)
  })
  afterAll(async () => {
    await listener.end()
    await writer.end()
  })

  let tables = 0
  test.each<[type: string, literal: string, key: string]>([
    ['date', "date '2024-01-31'", '2024-01-31'],
    ['timestamp', "timestamp '2024-01-31 12:30:00.5'", '2024-01-31 12:30:00.5'],
    ['timestamptz', "timestamptz '2024-01-31 12:30:00+00'", '2024-01-31 12:30:00+00'],
    ['interval', "interval '1 day 2 hours'", 'P1DT2H'],
    ['float8', '0.1::float8 + 0.2::float8', '0.30000000000000004'],
    ['float4', '0.1', '0.1'],
    ['numeric(9, 2)', '1.1', '1.10'],
    ['bytea', "decode('636166c3a9', 'hex')", 'café'],
    ['binary_key', "decode('636166c3a9', 'hex')", 'café'],
    ['boolean', 'true', 'true'],
    ['uuid', "'6BA7B810-9DAD-11D1-80B4-00C04FD430C8'", '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    ['mood', "'so so'", 'so so'],
    ['weekday', "'mon'", 'mon'],
    ['char(5)', "'ab'", 'ab'],
    ['inet', "'10.0.0.1'", '10.0.0.1'],
    ['inet', "'10.0.0.0/8'", '10.0.0.0/8'],
    ['address', "'10.0.0.1'", '10.0.0.1'],
    ['shouted', "'10.0.0.1'", '10.0.0.1'],
    ['date[]', "array[date '2024-01-31']", '{2024-01-31}'],
    ['tstzrange', "tstzrange('2024-01-31 00:00+00', null)", '["2024-01-31 00:00:00+00",)'],
    ['regclass', "'public.words'::regclass", 'public.words'],
    ['text', "$$it\\'s$$", "it\\'s"],
  ])('is the same in every session: %s %s', async (type, literal, key) => {
    const table = `written${++tables}`
    const channel = table
    await postgres().run('create table if not exists words (id text)')
    await postgres().run(`create table ${table} (id ${type}, name text)`)
    await postgres().run(triggerSql({ table, column: 'id', channel, key: 'a\\b:{id}' }))
    await listener.query(`listen ${channel}`)
    const write = async (): Promise<string[]> => {
      told = []
      await writer.query(`insert into public.${table} values (${literal}, 'a')`)
      await writer.query(`update public.${table} set name = 'b'`)
      await writer.query(`delete from public.${table}`)
      await listener.query('select 1')
      return told
    }
    const wanted = [1, 2, 3].map(() => `a\\b:${key}`)
    expect(await write()).toEqual(wanted)
    for (const setting of SETTINGS) await writer.query(`set ${setting}`)
    expect(await write()).toEqual(wanted)
    await writer.query('reset all')
  })

  test('bytes that are no text are no key, and do not make the write fail', async () => {
    await postgres().run('create table raw (id bytea)')
    await postgres().run(triggerSql({ table: 'raw', column: 'id', channel: 'raw', key: '{id}' }))
    await listener.query('listen raw')
    told = []
    await postgres().run("insert into raw values ('\\xff'), ('\\x41'), (null), ('\\x00')")
    await listener.query('select 1')
    expect(told).toEqual(['A'])
  })

  test('the amount of money is the same for every writer', async () => {
    await postgres().run('create table prices (id money)')
    await postgres().run(triggerSql({ table: 'prices', column: 'id', channel: 'prices', key: '{id}' }))
    await listener.query('listen prices')
    told = []
    await postgres().run('insert into prices values (1234.5)')
    await listener.query('select 1')
    expect(told).toEqual(['$1,234.50'])
  })
})
