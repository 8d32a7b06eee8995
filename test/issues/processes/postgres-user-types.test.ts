// Arrays of types that users make came as PostgreSQL's text instead of JSON; and what else `to_json` takes apart.

import { beforeAll, expect, test } from 'vitest'
import { bulk, sqlOrigin, textOf } from '../../origin/sql/origins.ts'
import { describeWithPostgres } from '../../support/postgres.ts'

describeWithPostgres('types of PostgreSQL that users make', (postgres) => {
  let hasHstore = false
  let tables = 0

  beforeAll(async () => {
    await postgres().run(`
      create type mood as enum ('sad', 'so so', 'a"b\\c', 'NULL', '');
      create domain percent as numeric(5, 2);
      create domain share as percent;
      create domain tags as text[];
      create type point3 as (x int, "y z" text, ok boolean);
      create type line3 as (a point3, "points" point3[], feeling mood, part share, at timestamptz);
      create type nothing as ();
      create type floats as range (subtype = float8);
    `)
    hasHstore = await postgres()
      .run('create extension if not exists hstore; create extension if not exists citext')
      .then(
        () => true,
        () => false,
      )
  })

  test.each<[expression: string, json: string]>([
    ["array['sad', 'so so', 'NULL', null]::mood[]", '["sad","so so","NULL",null]'],
    [`array['a"b\\c', '']::mood[]`, '["a\\"b\\\\c",""]'],
    ["array[array['sad'], array['so so']]::mood[]", '[["sad"],["so so"]]'],
    ["'{}'::mood[]", '[]'],
    ["'[0:1]={1,2}'::int[]", '[1,2]'],
    ["'[-1:0][5:5]={{sad},{so so}}'::mood[]", '[["sad"],["so so"]]'],
    ['12.5::percent', '12.50'],
    ['array[12.5, null]::percent[]', '[12.50,null]'],
    ['array[1]::share[]', '[1.00]'],
    ["array['a', 'b c']::tags", '["a","b c"]'],
    ['row(1, \'a "b", (c)\\\', true)::point3', '{"x":1,"y z":"a \\"b\\", (c)\\\\","ok":true}'],
    ["row(null, '', null)::point3", '{"x":null,"y z":"","ok":null}'],
    [
      "array[row(1, 'a,b', false), null, row(2, null, null)]::point3[]",
      '[{"x":1,"y z":"a,b","ok":false},null,{"x":2,"y z":null,"ok":null}]',
    ],
    [
      "row(row(1, 'x', true), array[row(2, 'y \"', false)::point3], 'so so', 0.5, '2024-01-31 12:00+00')::line3",
      '{"a":{"x":1,"y z":"x","ok":true},"points":[{"x":2,"y z":"y \\"","ok":false}],"feeling":"so so","part":0.50,"at":"2024-01-31T12:00:00Z"}',
    ],
    ['row()::nothing', '{}'],
    ["box '(1,1),(0,0)'", '"(1,1),(0,0)"'],
    ["array[box '(1,1),(0,0)', box '(3,3),(2,2)']", '["(1,1),(0,0)","(3,3),(2,2)"]'],
    ["array['1 day'::interval]", '["P1D"]'],
    ["array['[1,5)'::int4range]", '["[1,5)"]'],
    ["array['2024-01-31'::date]", '["2024-01-31"]'],
    ["array['\\x41'::bytea]", '["QQ=="]'],
    ["array['10.0.0.1'::cidr]", '["10.0.0.1/32"]'],
    ["array[xml '<a/>']", '["<a/>"]'],
    ['array[1.5::money]', '["$1.50"]'],
    ["array['(1,2)'::point]", '["(1,2)"]'],
    ["'[1.5,2]'::floats", '"[1.5,2]"'],
    ["'{[1,3),[5,7)}'::int4multirange", '"{[1,3),[5,7)}"'],
    ["array['{[1,3)}'::int4multirange]", '["{[1,3)}"]'],
    ["row(1, 'a')", '"(1,a)"'],
  ])('%s is %s', async (expression, json) => {
    const one = sqlOrigin({
      url: postgres().url,
      query: `select ${expression} as v where $1 <> ''`,
      batchQuery: `select k, ${expression} as v from unnest($1::text[]) k`,
    })
    const alone = json.startsWith('"') ? JSON.parse(json) : json
    expect(await textOf(one, 'k')).toBe(alone)
    expect(await bulk(one, ['k', 'l'])).toEqual([alone, alone])
    await one.close()
    const row = sqlOrigin({
      url: postgres().url,
      query: `select 1 as n, ${expression} as v where $1 <> ''`,
      batchQuery: `select k, 1 as n, ${expression} as v from unnest($1::text[]) k`,
    })
    expect(await textOf(row, 'k')).toBe(`{"n":1,"v":${json}}`)
    expect(await bulk(row, ['k'])).toEqual([`{"n":1,"v":${json}}`])
    await row.close()
  })

  test.each<[expression: string, json: string]>([
    [`'a=>1, "b \\"c"=>NULL, d=>""'::hstore`, '{"a":"1","d":"","b \\"c":null}'],
    [`array['a=>1']::hstore[]`, '[{"a":"1"}]'],
    ["'Tom'::citext", '"Tom"'],
    ["array['Tom', 'a,b']::citext[]", '["Tom","a,b"]'],
  ])('of an extension: %s is %s', async (expression, json) => {
    if (!hasHstore) return
    const row = sqlOrigin({ url: postgres().url, query: `select 1 as n, ${expression} as v where $1 <> ''` })
    expect(await textOf(row, 'k')).toBe(`{"n":1,"v":${json}}`)
    await row.close()
  })

  test('a field or a column that is renamed, or replaced by another one', async () => {
    const table = `renamed${++tables}`
    await postgres().run(`
      create type ${table}_part as (a int, b int);
      create table ${table} (id text, v ${table}_part[]);
      insert into ${table} values ('k', array[row(1, 2)::${table}_part])
    `)
    const row = sqlOrigin({ url: postgres().url, query: `select t from ${table} t where id = $1` })
    const seen = (names: string): string => `{"id":"k","${names[2]}":[{"${names[0]}":1,"${names[1]}":2}]}`
    expect(await textOf(row, 'k')).toBe(seen('abv'))
    await postgres().run(`alter type ${table}_part rename attribute a to x`)
    expect(await textOf(row, 'k')).toBe(seen('xbv'))
    await postgres().run(`alter table ${table} rename column v to w`)
    expect(await textOf(row, 'k')).toBe(seen('xbw'))
    await postgres().run(`
      alter type ${table}_part drop attribute b cascade;
      alter type ${table}_part add attribute c text cascade
    `)
    expect(await textOf(row, 'k')).toBe('{"id":"k","w":[{"x":1,"c":null}]}')
    await row.close()
  })

  test('a type that is made, altered or made again while the node runs', async () => {
    const table = `altered${++tables}`
    await postgres().run(`
      create type ${table}_part as (a int);
      create table ${table} (id text, v ${table}_part);
      insert into ${table} values ('k', row(1)::${table}_part)
    `)
    const origin = sqlOrigin({ url: postgres().url, query: `select v from ${table} where id = $1` })
    expect(await textOf(origin, 'k')).toBe('{"a":1}')
    await postgres().run(`alter type ${table}_part add attribute "b" text cascade`)
    expect(await textOf(origin, 'k')).toBe('{"a":1,"b":null}')
    await postgres().run(`
      alter table ${table} drop column v;
      create type ${table}_mood as enum ('so so');
      alter table ${table} add column v ${table}_mood[] default array['so so']::${table}_mood[]
    `)
    expect(await textOf(origin, 'k')).toBe('["so so"]')
    await origin.close()
  })
})
