// Every key of a group was absent: PostgreSQL takes another type for the parameter than that of the key's column, and
// refuses the text of the key.

import { Client } from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { triggerSql } from '../../../src/origin/sql/postgres/trigger.ts'
import { bulk, sqlOrigin, textOf } from '../../origin/sql/origins.ts'
import { describeWithPostgres } from '../../support/postgres.ts'

const quiet = { info: () => undefined, warn: () => undefined }

/** The tables by the type of their keys, with a key as it is written and other spellings of it. */
const TYPES: readonly [type: string, key: string, others: readonly string[]][] = [
  ['pair', '(1,"x y")', ['(1, "x y")', '( 1,"x y")']],
  ['regtype', 'integer', ['int4', 'pg_catalog.int4', '23']],
  ['regclass', 'public.of_pair', ['of_pair', '"public"."of_pair"']],
  ['regclass', 'pg_class', ['pg_catalog.pg_class', '1259']],
  ['regproc', 'format_type', ['pg_catalog.format_type']],
  ['regprocedure', 'lower(text)', ['pg_catalog.lower(text)', 'lower( text )']],
  ['regnamespace', 'public', ['"public"']],
  ['regrole', 'postgres', ['"postgres"', '10']],
]

describeWithPostgres('a key column', (postgres) => {
  beforeAll(async () => {
    const create = [...new Set(TYPES.map(([type]) => type))].map(
      (type) => `create table of_${type} (k ${type}, v text);`,
    )
    await postgres().run(`create type pair as (a int, b text); ${create.join('')}`)
  })

  test.each(TYPES)('of %s: without a cast the start is refused', async (type) => {
    const query = `select v from of_${type} where k = $1`
    const batchQuery = `select k, v from of_${type} where k = any($1)`
    const { url } = postgres()
    const cast = type === 'pair' ? 'as in $1::pair' : `as in $1::${type}`
    await expect(sqlOrigin({ url, keys: '{k}', query }).start(quiet)).rejects.toThrow(cast)
    const good = `${query}::${type}`
    await expect(sqlOrigin({ url, keys: '{k}', query: good, batchQuery }).start(quiet)).rejects.toThrow(
      type === 'pair' ? /^batchQuery: .*as in \$1::pair/ : `batchQuery: the key's column is of type ${type}`,
    )
  })

  test.each(TYPES)(
    'of %s: with a cast a row has one key, which the trigger names: %s',
    async (type, key, others) => {
      const table = `of_${type}`
      const query = `select v from ${table} where k = $1::${type}`
      const batchQuery = `select k, v from ${table} where k = any($1::${type}[])`
      const origin = sqlOrigin({ url: postgres().url, keys: '{k}', query, batchQuery })
      await origin.start(quiet)

      const told: string[] = []
      const client = new Client(postgres().url)
      await client.connect()
      client.on('notification', ({ payload = '' }) => told.push(JSON.parse(payload).key))
      await client.query(triggerSql({ table, column: 'k', channel: table, key: '{k}' }))
      await client.query(`listen ${table}`)
      await client.query(`truncate ${table}`)
      await client.query(`insert into ${table} values ($1::text::${type}, 'found')`, [key])
      await client.query('select 1')
      expect(told.at(-1)).toBe(key)
      await client.end()

      const keys = [key, ...others]
      const found = ['found', ...others.map(() => null)]
      expect(await Promise.all(keys.map((each) => textOf(origin, each)))).toEqual(found)
      expect(await bulk(origin, keys)).toEqual(found)
      await origin.close()
    },
  )
})
