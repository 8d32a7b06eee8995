// The load generators: redis-benchmark, and that of this project, each on the core of the load.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LoadOptions, LoadResult } from './load.ts'
import { LOAD_CORE, pinned } from './servers.ts'

const execute = promisify(execFile)
const LOAD = fileURLToPath(new URL('./load.ts', import.meta.url))

/** Longer than any of them takes, ms: the server may hang. */
const TIMEOUT = 180_000

/** The warning of redis-benchmark when a proxy refuses CONFIG; all other output is an error. */
const HARMLESS = /^\s*$|Could not fetch server CONFIG/

export interface Uniform {
  readonly port: number
  readonly clients: number
  readonly depth: number
  readonly operations: number
  /** The number of different keys. */
  readonly keys: number
  readonly valueBytes?: number
  /** The index of the group; by default 0. */
  readonly group?: number
  /** A test of redis-benchmark's (`-t get`), or a command in which `__rand_int__` is replaced. */
  readonly asks: readonly string[]
}

export interface UniformResult {
  readonly opsPerSecond: number
  /** Milliseconds from the sending of a pipeline to its last reply. */
  readonly p50: number
  readonly p99: number
}

/** The columns of redis-benchmark's last line: the test, then these. */
const COLUMNS = ['rps', 'avg', 'min', 'p50', 'p95', 'p99', 'max'] as const

/**
 * redis-benchmark with uniformly distributed keys.
 *
 * @throws Error after an error reply, or when a connection was closed
 */
export async function uniformLoad(options: Uniform): Promise<UniformResult> {
  const { port, clients, depth, operations, keys, valueBytes = 3, group = 0, asks } = options
  const [program, ...args] = pinned(LOAD_CORE, [
    'redis-benchmark',
    ...['-p', String(port), '-n', String(operations), '-r', String(keys), '-d', String(valueBytes)],
    ...['-c', String(clients), '-P', String(depth), '--dbnum', String(group), '--csv', ...asks],
  ])
  const { stdout, stderr } = await execute(program, args, { timeout: TIMEOUT })
  const warning = stderr.split('\n').find((line) => !HARMLESS.test(line))
  if (warning !== undefined) throw new Error(`redis-benchmark: ${warning}`)
  return uniformResult(stdout, operations)
}

/**
 * Reads what redis-benchmark printed. It counts in whole milliseconds: a load that took less than one has infinitely many
 * operations per second, and counts as one millisecond here.
 */
export function uniformResult(stdout: string, operations: number): UniformResult {
  const [, ...cells] = (stdout.trim().split('\n').at(-1) ?? '').replaceAll('"', '').split(',')
  const of = (name: (typeof COLUMNS)[number]): number => Number(cells[COLUMNS.indexOf(name)])
  const opsPerSecond = cells[COLUMNS.indexOf('rps')] === 'inf' ? operations * 1000 : of('rps')
  if (!(opsPerSecond > 0)) throw new Error(`redis-benchmark said ${stdout.trim()}`)
  return { opsPerSecond, p50: of('p50'), p99: of('p99') }
}

/** Reads and writes with any distribution of keys. */
export async function mixedLoad(options: LoadOptions): Promise<LoadResult> {
  const command = [process.execPath, '--import', 'tsx', LOAD, JSON.stringify(options)]
  const [program, ...args] = pinned(LOAD_CORE, command)
  const { stdout } = await execute(program, args, { timeout: TIMEOUT })
  return JSON.parse(stdout)
}
