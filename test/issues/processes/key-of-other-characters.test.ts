// `GET user:Ωμέγα` was an error where the key's column is latin1: a key that the column cannot hold is absent.

import { beforeAll, expect, test } from 'vitest'
import { bulk, sqlOrigin, textOf } from '../../origin/sql/origins.ts'
import { describeWithMariadb } from '../../support/mariadb.ts'

const quiet = { info: () => undefined, warn: () => undefined }
const KEYS = ['Tom', 'Jürgen', 'Ωμέγα', '日本', '😀', 'Zoë', 'zoe']
const NAMES = ['630', '589', null, null, null, '567', null]

describeWithMariadb('MariaDB', (mariadb) => {
  beforeAll(async () => {
    for (const charset of ['latin1', 'ascii', 'utf8mb3', 'utf8mb4'])
      await mariadb().run(
        `create table of_${charset} (name varchar(20) primary key, value text) character set ${charset}`,
      )
    for (const [i, key] of KEYS.entries())
      if (NAMES[i] !== null)
        for (const charset of ['latin1', 'utf8mb3', 'utf8mb4'])
          await mariadb().run(`insert into of_${charset} values (?, ?)`, [key, NAMES[i]])
    await mariadb().run("insert into of_ascii values ('Tom', '630')")
  })

  test.each(['latin1', 'utf8mb3', 'utf8mb4', 'ascii'])('%s', async (charset) => {
    const names = charset === 'ascii' ? NAMES.map((name, i) => (i === 0 ? name : null)) : NAMES
    const query = `select value from of_${charset} where name = ?`
    const lists = [
      `select name, value from of_${charset} where name in (?)`,
      `select name, value from of_${charset} where name in
        (select k from json_table(?, '$[*]' columns (k varchar(20) path '$')) as keys_)`,
    ]
    for (const batchQuery of lists) {
      const origin = sqlOrigin({ url: mariadb().url, keys: undefined, query, batchQuery })
      await origin.start(quiet)
      expect(await Promise.all(KEYS.map((key) => textOf(origin, key)))).toEqual(names)
      expect(await bulk(origin, KEYS)).toEqual(names)
      await origin.close()
    }
  })
})
