// The lists of suites.ts match the files, so that no slow test gets into the fast part when a file is moved.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ALONE, HEAVY, PROCESSES } from './suites.ts'

const root = join(import.meta.dirname, '..')
const listed = [...PROCESSES, ...HEAVY]
/** Calls that start a slow program. redis-server starts quickly. */
const STARTS = /from '[^']*support\/(cli|compiled|etcd|mariadb|node-process|postgres|postgres-server)\.ts'/
const NEEDS_PROCESS =
  /micro\/measure\.ts'|support\/garbage\.ts'|\bmemoryUsage\(\)|\bvi\.(mock|useFakeTimers)\(|\bspyOn\(globalThis/

function testFiles(): string[] {
  return readdirSync(join(root, 'test'), { recursive: true })
    .map((path) => join('test', String(path)))
    .filter((path) => path.endsWith('.test.ts'))
}

test.each([...ALONE, ...listed])('%s exists', (path) => {
  expect(existsSync(join(root, path))).toBe(true)
})

test('tests that measure memory, or replace modules or timers, have a process of their own', () => {
  const shared = testFiles().filter((path) => ![...ALONE, ...listed].some((each) => path.startsWith(each)))
  expect(shared.filter((path) => NEEDS_PROCESS.test(readFileSync(join(root, path), 'utf8')))).toEqual([])
})

test('tests that start programs are not in the fast part', () => {
  const fast = testFiles().filter((path) => !listed.some((each) => path.startsWith(each)))
  expect(fast.filter((path) => STARTS.test(readFileSync(join(root, path), 'utf8')))).toEqual([])
})
