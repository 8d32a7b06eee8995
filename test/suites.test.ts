// The lists of suites.ts match the files, so that no slow test gets into the fast part when a file is moved.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HEAVY, PROCESSES } from './suites.ts'

const root = join(import.meta.dirname, '..')
const listed = [...PROCESSES, ...HEAVY]
/** Calls that start a slow program. redis-server starts quickly. */
const STARTS = /from '[^']*support\/(cli|compiled|etcd|mariadb|node-process|postgres|postgres-server)\.ts'/

test.each(listed)('%s exists', (path) => {
  expect(existsSync(join(root, path))).toBe(true)
})

test('tests that start programs are not in the fast part', () => {
  const fast = readdirSync(join(root, 'test'), { recursive: true })
    .map((path) => join('test', String(path)))
    .filter((path) => path.endsWith('.test.ts') && !listed.some((each) => path.startsWith(each)))
  expect(fast.filter((path) => STARTS.test(readFileSync(join(root, path), 'utf8')))).toEqual([])
})
