// A notification was dropped without a word, because its key was a number or its JSON slightly wrong.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import type { SqlOrigin } from '../../../src/origin/sql/sql.ts'
import { sqlOrigin } from '../../origin/sql/origins.ts'
import { describeWithPostgres } from '../../support/postgres.ts'
import { RecordingListener } from '../../support/recording-listener.ts'

describeWithPostgres('a notification that a program sends by itself', (postgres) => {
  const clock = new ManualClock(1_000_000)
  const listener = new RecordingListener()
  const warnings: string[] = []
  let origin: SqlOrigin

  beforeAll(async () => {
    const query = 'select $1::text'
    origin = sqlOrigin({ url: postgres().url, query, listen: 'rows', now: () => clock.now() })
    await origin.start({
      info: () => undefined,
      warn: (fields, message) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
    })
    await origin.listen?.(listener)
    expect(await listener.next(1)).toEqual(['gap'])
  })
  afterAll(() => origin.close())

  /** What the listener hears of a notification. */
  const told = async (payload: string, events: number): Promise<string[]> => {
    await postgres().run('select pg_notify($1, $2)', ['rows', payload])
    return listener.next(events)
  }

  test('may have a number as its key, as json_build_object makes it', async () => {
    await postgres().run("select pg_notify('rows', json_build_object('key', 9007199254740993)::text)")
    expect(await listener.next(1)).toEqual(['key 9007199254740993'])
    expect(await told('{"key": [1, true, "a"]}', 3)).toEqual(['key 1', 'key true', 'key a'])
    expect(warnings).toEqual([])
  })

  test('is a warning if it names nothing, once in a while, with the payload shortened', async () => {
    const long = `{"id": "${'x'.repeat(1000)}"}`
    expect(await told(long, 1)).toEqual([`key ${long}`])
    for (let id = 1; id <= 5; id++) await told(`{"id": ${id}}`, 1)
    expect(warnings).toEqual([
      expect.stringMatching(
        /^a notification names no key or tag.*got "\{.{60,80}…", wants a key.*"channel":"rows"}$/,
      ),
    ])
    clock.advance(60_000)
    await told('{"id": 6}', 1)
    expect(warnings.slice(1)).toEqual([expect.stringContaining('"suppressed":5')])
  })
  test('is a warning if it names the value of the column only, until one names a key', async () => {
    const heard = new RecordingListener()
    const said: string[] = []
    const users = sqlOrigin({
      url: postgres().url,
      keys: 'user:{id:int}',
      query: 'select $1::text',
      listen: 'users',
      now: () => clock.now(),
    })
    await users.start({ info: () => undefined, warn: (_, message) => void said.push(message) })
    await users.listen?.(heard)
    expect(await heard.next(1)).toEqual(['gap'])
    const send = (payload: string) => postgres().run('select pg_notify($1, $2)', ['users', payload])
    await send('17')
    expect(await heard.next(1)).toEqual(['key 17'])
    expect(said).toEqual([
      'a notification names no key of this group, so what has changed may be served stale: got "17", wants a key such as user:{id:int}',
    ])
    clock.advance(60_000)
    await send('"user:1"')
    expect(await heard.next(2)).toEqual(['key "user:1"', 'key user:1'])
    // The channel may be that of several groups.
    await send('{"key": "order:1"}')
    expect(await heard.next(1)).toEqual(['key order:1'])
    expect(said).toHaveLength(1)
    await users.close()
  })
})
