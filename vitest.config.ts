import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { ALONE, HEAVY, PROCESSES, patterns } from './test/suites.ts'
import { TEST_TIMEOUT_MS, WAIT_MS } from './test/support/budget.ts'
import { RUNS_FACTOR, SEED_OFFSET } from './test/support/random.ts'

const processes = patterns(PROCESSES)
const alone = patterns(ALONE)
const heavy = patterns(HEAVY)
const timeoutMs = TEST_TIMEOUT_MS * Math.max(1, RUNS_FACTOR)
const hasOtherRuns = RUNS_FACTOR !== 1 || SEED_OFFSET !== 0

/**
 * `npm test` runs `fast` and `alone`: they need nothing but Node.js. `npm run test:all` runs all, one project after the
 * other. A file that is named on the command line runs in its own project.
 */
export default defineConfig({
  test: {
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    setupFiles: ['test/support/prefetch-always.ts', ...(hasOtherRuns ? ['test/support/other-runs.ts'] : [])],
    expect: { poll: { timeout: WAIT_MS, interval: 20 } },
    teardownTimeout: 60_000,
    restoreMocks: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [...alone, ...processes, ...heavy],
          maxWorkers: '100%',
          // The files share processes, one on each core, as a process takes longer to start than most files to run.
          isolate: false,
          setupFiles: ['test/support/leaks.ts', 'test/support/overwritten-reads.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: alone,
          maxWorkers: '100%',
          // What V8 inlines, and so what it allocates, depends on when functions are compiled. A compiler in threads of
          // its own makes that a matter of how busy the machine is.
          execArgv: ['--single-threaded'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'processes',
          include: processes,
          // Each of these files keeps several processes busy by itself, or waits for them.
          maxWorkers: Math.max(2, Math.ceil(availableParallelism() / 4)),
          setupFiles: ['test/support/overwritten-reads.ts'],
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'heavy',
          include: heavy,
          maxWorkers: 1,
          setupFiles: ['test/support/overwritten-reads.ts'],
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
