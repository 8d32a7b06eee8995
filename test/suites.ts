// The tests that are not in the fast part: see vitest.config.ts. A folder ends with a slash.

/** Tests that start processes, or wait for real servers and clocks. */
export const PROCESSES: readonly string[] = [
  'test/build.test.ts',
  'test/cli/',
  'test/clients/',
  'test/cluster/leaving.test.ts',
  'test/cluster/membership/etcd.test.ts',
  'test/cluster/processes/',
  'test/config/file.test.ts',
  'test/deploy/',
  'test/docs/contributing.test.ts',
  'test/docs/examples.test.ts',
  'test/docs/postgres.test.ts',
  'test/docs/sessions.test.ts',
  'test/http/dashboard/browser.test.ts',
  'test/http/dashboard/down.test.ts',
  'test/issues/processes/',
  'test/node/origins.faults.test.ts',
  'test/origin/redis/',
  'test/origin/sql/mysql.test.ts',
  'test/origin/sql/postgres-changes.test.ts',
  'test/origin/sql/postgres.test.ts',
  'test/origin/sql/trigger.test.ts',
  'test/package.test.ts',
  'test/runtimes.test.ts',
  'test/server/idle.test.ts',
]

/** Tests that measure the memory of their process, or replace modules or timers: each has a process of its own. */
export const ALONE: readonly string[] = [
  'test/bytes/clock.test.ts',
  'test/cluster/liveness/derived.test.ts',
  'test/commands/keys/keyspace.test.ts',
  'test/commands/sorted-sets/large-combinations.test.ts',
  'test/execution/allocation.test.ts',
  'test/group/copies/frequency-sketch.test.ts',
  'test/issues/garbage-of-requests.test.ts',
  'test/issues/write-all-then-read.test.ts',
  'test/resp/allocation.test.ts',
  'test/resp/bounds.test.ts',
  'test/server/connection.test.ts',
  'test/server/output/socket-writer.test.ts',
  'test/store/store-memory.test.ts',
]

/** Tests that need gigabytes of memory, or minutes. */
export const HEAVY: readonly string[] = ['test/attack/long.test.ts', 'test/store/eviction/auto-kinds.test.ts']

/** The paths as patterns of Vitest. */
export function patterns(paths: readonly string[]): string[] {
  return paths.map((path) => (path.endsWith('/') ? `${path}**/*.test.ts` : path))
}
