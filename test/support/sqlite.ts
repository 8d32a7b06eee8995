// SQLite for tests: its package is native, and optional where it can be neither fetched nor built.

import type Database from 'better-sqlite3'
import { describeIfFound } from './executable.ts'

const found = await import('better-sqlite3')
  .then(
    ({ default: open }) => {
      new open(':memory:').close()
      return open
    },
    () => undefined,
  )
  .catch(() => undefined)

/** A `describe` whose tests need SQLite; else they are skipped loudly, or fail where ERINYS_TEST_REQUIRE has `sqlite`. */
export function describeWithSqlite(name: string, body: (open: typeof Database) => void): void {
  describeIfFound(found, name, 'better-sqlite3', 'sqlite', body)
}
