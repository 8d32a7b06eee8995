// A database that had closed idle connections (a restart, a firewall) was an error of the next loads, and opened the
// circuit breaker.

import { expect, onTestFinished, test } from 'vitest'
import { context, sqlOrigin, textOf } from '../../origin/sql/origins.ts'
import { describeWithMariadb } from '../../support/mariadb.ts'
import { describeWithPostgres } from '../../support/postgres.ts'
import { FaultyProxy, type Target } from '../../support/proxy.ts'

interface Source {
  readonly target: Target
  url(port: number): string
  /** A key is its own value. */
  readonly query: string
  readonly writeQuery: string
  /** Makes the table that is written to. */
  makeTable(): Promise<unknown>
}

const POOL = 4
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f']

function closes(source: () => Source): void {
  /** A pool whose connections have all been used. */
  const start = async (): Promise<{
    origin: ReturnType<typeof sqlOrigin>
    proxy: FaultyProxy
    news: string[]
  }> => {
    const { target, url, query, writeQuery, makeTable } = source()
    await makeTable()
    const proxy = await FaultyProxy.start(() => target)
    // The time stands still for the warnings, of which there is at most one a second.
    const origin = sqlOrigin({ url: url(proxy.port), query, writeQuery, pool: POOL, now: () => 0 })
    const news: string[] = []
    await origin.start({ info: () => undefined, warn: (_, message) => void news.push(message) })
    onTestFinished(async () => {
      await origin.close()
      await proxy.close()
    })
    while (proxy.connections < POOL) await Promise.all(KEYS.map((key) => textOf(origin, key)))
    return { origin, proxy, news }
  }

  test('loads are repeated over fresh connections', async () => {
    const { origin, proxy, news } = await start()
    for (let i = 0; i < 3; i++) {
      proxy.cut()
      expect(await Promise.all(KEYS.map((key) => textOf(origin, key)))).toEqual(KEYS)
    }
    expect(news).toEqual([expect.stringMatching(/^a connection was lost: /)])
  })

  test('a connection that breaks during a load is replaced, too', async () => {
    const { origin, proxy } = await start()
    proxy.silence()
    const loads = Promise.all(KEYS.slice(0, POOL).map((key) => textOf(origin, key)))
    setImmediate(() => {
      proxy.cut()
      proxy.heal()
    })
    expect(await loads).toEqual(KEYS.slice(0, POOL))
  })

  test('a fresh connection that breaks is an error', async () => {
    const { origin, proxy } = await start()
    proxy.refuse()
    await expect(textOf(origin, 'a')).rejects.toThrow()
    proxy.heal()
    expect(await textOf(origin, 'a')).toBe('a')
  })

  test('a write is not repeated', async () => {
    const { origin, proxy } = await start()
    proxy.silence('back')
    const write = origin.store?.('k', Buffer.from('v'), context())
    setImmediate(() => {
      proxy.cut()
      proxy.heal()
    })
    await expect(write).rejects.toThrow()
    expect(await textOf(origin, 'a')).toBe('a')
  })
}

describeWithPostgres('PostgreSQL', (postgres) => {
  closes(() => ({
    target: postgres().target,
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    query: 'select $1::text',
    writeQuery: 'insert into written select $1::text, $2::text',
    makeTable: () => postgres().run('create table if not exists written (key text, value text)'),
  }))
})

describeWithMariadb('MariaDB', (mariadb) => {
  closes(() => ({
    target: mariadb().target,
    url: (port) => `mysql://root@127.0.0.1:${port}/things`,
    query: 'select ?',
    writeQuery: 'insert into written values (?, ?)',
    makeTable: () => mariadb().run('create table if not exists written (k text, v text)'),
  }))
})
