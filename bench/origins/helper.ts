// A helper process on the core of the load that runs one job after another.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LOAD_CORE, pinned } from '../servers.ts'

/** Longer than any job takes, ms: the server may hang. */
const TIMEOUT = 60_000

export interface Helper<Job, Result> {
  /** Runs one job at a time. */
  run(job: Job): Promise<Result>
  stop(): Promise<void>
}

/** Starts the program at `file`, which answers each message with another one. */
export function startHelper<Job extends object, Result>(file: URL): Helper<Job, Result> {
  const [program, ...args] = pinned(LOAD_CORE, [process.execPath, '--import', 'tsx', fileURLToPath(file)])
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ended = once(child, 'exit')
  return {
    async run(job) {
      const signal = AbortSignal.timeout(TIMEOUT)
      const answered = once(child, 'message', { signal }).then(([result]): Result => result)
      const left = ended.then(([code]) => {
        throw new Error(`${fileURLToPath(file)} ended with code ${code}`)
      })
      child.send(job)
      return Promise.race([answered, left])
    },
    async stop() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** In the child process: runs each job that it receives, until the parent disconnects. */
export function serveJobs<Job, Result extends object>(run: (job: Job) => Promise<Result>): void {
  process.on('message', (job: Job) => {
    // An error ends the process, and so the benchmark.
    void run(job).then((result) => process.send?.(result))
  })
  process.once('disconnect', () => process.exit())
}
