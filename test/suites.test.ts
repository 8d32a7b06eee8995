// The lists of suites.ts follow the files: nothing slow slips into the fast part when a file is moved.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HEAVY, PROCESSES } from './suites.ts'

const root = join(import.meta.dirname, '..')
const listed = [...PROCESSES, ...HEAVY]
/** What starts a program that takes long. redis-server is there in a moment. */
const STARTS = /from '[^']*support\/(cli|compiled|etcd|mariadb|node-process|postgres|postgres-server)\.ts'/

test.each(listed)('%s is there', (path) => {
  expect(existsSync(join(root, path))).toBe(true)
})

test('what starts programs is not in the fast part', () => {
  const fast = readdirSync(join(root, 'test'), { recursive: true })
    .map((path) => join('test', String(path)))
    .filter((path) => path.endsWith('.test.ts') && !listed.some((each) => path.startsWith(each)))
  expect(fast.filter((path) => STARTS.test(readFileSync(join(root, path), 'utf8')))).toEqual([])
})
