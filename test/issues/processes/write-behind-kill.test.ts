// Write-behind through kill -9 of the database and of the node: the order, what is written twice, what is lost.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { PATIENT_MS } from '../../support/budget.ts'
import { describeWithMariadb, type Mariadb } from '../../support/mariadb.ts'
import { NodeProcess } from '../../support/node-process.ts'
import { poll } from '../../support/poll.ts'
import { freePorts } from '../../support/ports.ts'
import { FaultyProxy } from '../../support/proxy.ts'

const KEYS = 10

describeWithMariadb('write-behind', (mariadb) => {
  let tables = 0

  /** A table, a journal of all that was ever written to it, and the arguments of a node that writes to it. */
  async function prepared(settings: object = {}): Promise<{ table: string; args: readonly string[] }> {
    const table = `written${++tables}`
    const note = `insert into ${table}_journal (id, value) values (new.id, new.value)`
    await mariadb().run(`
      create table ${table} (id int primary key, value int);
      create table ${table}_journal (at int auto_increment primary key, id int, value int);
      create trigger ${table}_added after insert on ${table} for each row ${note};
      create trigger ${table}_changed after update on ${table} for each row ${note};
    `)
    const config = join(mkdtempSync(join(tmpdir(), 'erinys-behind-')), 'config.json')
    const origin = {
      kind: 'sql',
      url: mariadb().url,
      keys: 'n:{id:int32}',
      query: `select value from ${table} where id = ?`,
      writeQuery: `insert into ${table} values (?, ?) on duplicate key update value = values(value)`,
      removeQuery: `delete from ${table} where id = ?`,
      ...settings,
    }
    writeFileSync(
      config,
      JSON.stringify({
        groups: { numbers: { write: 'behind', breakFor: 50, originTimeout: PATIENT_MS, origin } },
      }),
    )
    return { table, args: ['--config', config] }
  }

  async function started(args: readonly string[]): Promise<{ node: NodeProcess; client: Redis }> {
    const [port] = await freePorts(1)
    const node = new NodeProcess(port, args)
    await node.start()
    const client = new Redis(port, '127.0.0.1', { enableReadyCheck: false, retryStrategy: null })
    client.on('error', () => undefined)
    onTestFinished(async () => {
      client.disconnect()
      if (node.isRunning) await node.kill()
    })
    return { node, client }
  }

  /** Sets every key to each number in turn; all are acknowledged. */
  async function write(client: Redis, from: number, to: number): Promise<void> {
    for (let value = from; value <= to; value++)
      await Promise.all(Array.from({ length: KEYS }, (_, id) => client.set(`n:${id}`, value)))
  }

  const written = async (client: Redis): Promise<void> => {
    const isDone = async (): Promise<boolean> => (await client.info('groups')).includes(',writes_pending=0,')
    await poll(isDone, 'all writes to be at the database')
  }

  /** What the journal says of each key: never an older value behind a newer one. */
  async function journal(database: Mariadb, table: string): Promise<readonly number[][]> {
    const rows = await database.rows(`select id, value from ${table}_journal order by at`)
    return Array.from({ length: KEYS }, (_, id) => {
      const values = rows.filter((row) => row.id === id).map(({ value }) => Number(value))
      expect(values).toEqual(values.toSorted((a, b) => a - b))
      return values
    })
  }

  test('a killed database gets the last write of each key when it is back, in order', async () => {
    const { table, args } = await prepared()
    const { client } = await started(args)
    await write(client, 1, 5)
    // Writes are in flight: some may have been committed without an answer.
    const writing = write(client, 6, 50)
    await mariadb().kill()
    await writing
    expect(await client.get('n:0')).toBe('50')
    await mariadb().restart()
    await written(client)
    const values = await mariadb().rows(`select value from ${table}`)
    expect(values).toEqual(Array.from({ length: KEYS }, () => ({ value: 50 })))
    for (const history of await journal(mariadb(), table)) expect(history.at(-1)).toBe(50)
  })

  test('a killed node loses what it had not written yet, and nothing else', async () => {
    const { table, args } = await prepared()
    const { node, client } = await started(args)
    await write(client, 1, 5)
    await written(client)
    await mariadb().kill()
    await write(client, 6, 9)
    await node.kill()
    await mariadb().restart()
    for (const history of await journal(mariadb(), table)) expect(history.at(-1)).toBe(5)
    const next = await started(args)
    expect(await next.client.get('n:0')).toBe('5')
    await write(next.client, 10, 12)
    await written(next.client)
    for (const history of await journal(mariadb(), table)) expect(history.at(-1)).toBe(12)
  })

  test('a node and a database that are killed together lose what was not written, and nothing that was', async () => {
    const { table, args } = await prepared()
    const { node, client } = await started(args)
    await write(client, 1, 5)
    await written(client)
    const writing = write(client, 6, 1_000_000).catch(() => undefined)
    await poll(async () => {
      const [row] = await mariadb().rows(`select max(value) as value from ${table}_journal`)
      return Number(row.value) > 6
    }, 'some of the writes to be at the database')
    await Promise.all([mariadb().kill(), node.kill()])
    await writing
    await mariadb().restart()
    const histories = await journal(mariadb(), table)
    for (const history of histories) expect(history.at(-1)).toBeGreaterThanOrEqual(5)
    const rows = await mariadb().rows(`select id, value from ${table} order by id`)
    expect(rows).toEqual(histories.map((history, id) => ({ id, value: history.at(-1) })))
    const next = await started(args)
    const left = String(histories[0].at(-1))
    expect(await next.client.get('n:0')).toBe(left)
    await write(next.client, 1_000_001, 1_000_002)
    await written(next.client)
    for (const history of await journal(mariadb(), table)) expect(history.at(-1)).toBe(1_000_002)
  })

  test('a node that is killed while it writes leaves an earlier value of each key, never one behind a newer one', async () => {
    const { table, args } = await prepared()
    const { node, client } = await started(args)
    const writing = write(client, 1, 1_000_000).catch(() => undefined)
    await poll(async () => {
      const [row] = await mariadb().rows(
        `select count(distinct id) as ids, max(value) as value from ${table}_journal`,
      )
      return Number(row.ids) === KEYS && Number(row.value) > 3
    }, 'each key to be at the database, and some of them again')
    await node.kill()
    await writing
    // A statement that was in flight runs to its end.
    const others =
      "select 1 from information_schema.processlist where id <> connection_id() and user = 'root'"
    await poll(async () => (await mariadb().rows(others)).length === 0, 'the statements of the node to end')
    const histories = await journal(mariadb(), table)
    const rows = await mariadb().rows(`select id, value from ${table} order by id`)
    expect(rows).toEqual(histories.map((history, id) => ({ id, value: history.at(-1) })))
  })

  test('a write whose answer is lost is sent again, unless a later one replaces it', async () => {
    const proxy = await FaultyProxy.start(() => mariadb().target)
    onTestFinished(() => proxy.close())
    // One connection: the statement is prepared on it before the answers are lost.
    const url = `mysql://root@127.0.0.1:${proxy.port}/things`
    const { table, args } = await prepared({ url, pool: 1 })
    const { client } = await started(args)
    const committed = (value: number): Promise<boolean> =>
      poll(
        async () => (await mariadb().rows(`select 1 from ${table} where value = ${value}`)).length > 0,
        `${value} to be at the database`,
      )
    await client.set('n:0', 1)
    await written(client)

    proxy.silence('back')
    await client.set('n:0', 2)
    await committed(2)
    await mariadb().kill()
    proxy.cut()
    proxy.heal()
    await mariadb().restart()
    await written(client)
    expect((await journal(mariadb(), table))[0]).toEqual([1, 2, 2])

    proxy.silence('back')
    await client.set('n:0', 3)
    await committed(3)
    await client.set('n:0', 4)
    proxy.cut()
    proxy.heal()
    await written(client)
    expect((await journal(mariadb(), table))[0]).toEqual([1, 2, 2, 3, 4])
  })
})
