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

/** Tests that need gigabytes of memory, or minutes. */
export const HEAVY: readonly string[] = ['test/attack/long.test.ts', 'test/store/eviction/auto-kinds.test.ts']

/** The paths as patterns of Vitest. */
export function patterns(paths: readonly string[]): string[] {
  return paths.map((path) => (path.endsWith('/') ? `${path}**/*.test.ts` : path))
}
