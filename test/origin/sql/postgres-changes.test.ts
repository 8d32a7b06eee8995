// PostgreSQL change notifications: from the printed triggers, over a connection that breaks.

import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { postgresListener } from '../../../src/origin/sql/postgres/listener.ts'
import { triggerSql } from '../../../src/origin/sql/postgres/trigger.ts'
import { CHECK_INTERVAL, type Subscription } from '../../../src/origin/subscription.ts'
import { PATIENT_MS } from '../../support/budget.ts'
import { describeWithPostgres } from '../../support/postgres.ts'
import { FaultyProxy } from '../../support/proxy.ts'
import { RecordingListener } from '../../support/recording-listener.ts'

describe('a key pattern', () => {
  test.each(['user', '{a}{b}', ''])('%j is rejected', (key) => {
    expect(() => triggerSql({ table: 't', column: 'c', channel: 'x', key })).toThrow('wants one place')
  })
})

describeWithPostgres('the triggers of PostgreSQL', (postgres) => {
  const clock = new ManualClock(1_000_000)
  let subscription: Subscription | undefined
  const unusable: string[] = []

  const listen = (listener: RecordingListener, channel: string, url = postgres().url): Promise<void> => {
    subscription = postgresListener({
      url,
      tls: undefined,
      channel,
      connectTimeout: PATIENT_MS,
      timers: clock,
      listener,
      onUnusable: (payload) => unusable.push(payload),
      onKeys: () => undefined,
    })
    return subscription.start()
  }
  afterEach(() => subscription?.close())

  beforeAll(async () => {
    await postgres().run(`create table "odd ""table""" ("it's" int primary key, name text)`)
    const options = { table: 'odd "table"', column: "it's", channel: `it's "a" channel`, key: `o'user:{id}!` }
    // Twice: running the SQL again with another key pattern replaces the triggers.
    await postgres().run(triggerSql({ ...options, key: '{id}' }))
    await postgres().run(triggerSql(options))
  })

  test('notify of written rows, of the old and new key of a changed row, and of a truncated table', async () => {
    const listener = new RecordingListener()
    await listen(listener, `it's "a" channel`)
    const table = `"odd ""table"""`
    await postgres().run(`insert into ${table} values (1, 'a'), (2, 'b')`)
    await postgres().run(`update ${table} set name = 'c' where "it's" = 1`)
    await postgres().run(`update ${table} set "it's" = 3 where "it's" = 2`)
    await postgres().run(`delete from ${table} where "it's" = 1`)
    await postgres().run(`truncate ${table}`)
    expect(await listener.next(8)).toEqual([
      'gap',
      "key o'user:1!",
      "key o'user:2!",
      "key o'user:1!",
      "key o'user:2!",
      "key o'user:3!",
      "key o'user:1!",
      'all',
    ])
  })

  test('a dead connection that reports no error is detected', async () => {
    const proxy = await FaultyProxy.start(() => postgres().target)
    const listener = new RecordingListener()
    await listen(listener, 'plain', `postgres://postgres@127.0.0.1:${proxy.port}/postgres`)
    clock.advance(CHECK_INTERVAL)
    await postgres().run(`notify plain, 'a'`)
    expect(await listener.next(2)).toEqual(['gap', 'key a'])
    proxy.silence()
    await postgres().run(`notify plain, 'unheard'`)
    clock.advance(CHECK_INTERVAL)
    clock.advance(CHECK_INTERVAL)
    expect(await listener.next(1)).toEqual(['lost'])
    proxy.heal()
    clock.advance(100)
    expect(await listener.next(1)).toEqual(['gap'])
    await proxy.close()
  })

  test('a broken connection is reopened, and the gap is reported', async () => {
    const proxy = await FaultyProxy.start(() => postgres().target)
    const listener = new RecordingListener()
    await listen(listener, 'plain', `postgres://postgres@127.0.0.1:${proxy.port}/postgres`)
    await postgres().run(`notify plain, 'a'`)
    expect(await listener.next(2)).toEqual(['gap', 'key a'])
    proxy.refuse()
    expect(await listener.next(1)).toEqual(['lost'])
    await postgres().run(`notify plain, 'unheard'`)
    proxy.heal()
    clock.advance(100)
    expect(await listener.next(1)).toEqual(['gap'])
    await postgres().run(`notify plain, '{"kee": 7}'`)
    await postgres().run(`notify plain, 'b'`)
    expect(await listener.next(2)).toEqual(['key {"kee": 7}', 'key b'])
    expect(unusable).toEqual(['{"kee": 7}'])
    await proxy.close()
  })
})
