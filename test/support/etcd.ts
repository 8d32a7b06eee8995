// A real etcd server on free ports, with a temporary data directory.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { describeWithExecutable } from './executable.ts'
import { freePorts } from './ports.ts'

export interface EtcdServer {
  /** `http://127.0.0.1:<port>`, the same after a restart. */
  readonly endpoint: string
  /** Stops the process (SIGSTOP), which keeps its connections open, until `resume`. */
  pause(): void
  resume(): void
  kill(): Promise<void>
  /** Starts it again after `kill`; with `empty` its data is deleted first. */
  restart(what?: 'empty'): Promise<void>
  stop(): Promise<void>
}

/**
 * A `describe` that runs its tests with etcd. Without etcd on PATH the tests are skipped with a warning; they fail if
 * ERINYS_TEST_REQUIRE names `etcd`.
 */
export function describeWithEtcd(name: string, body: (etcd: () => EtcdServer) => void): void {
  describeWithExecutable(
    'etcd',
    name,
    (executable) => {
      let server: EtcdServer | undefined
      beforeAll(async () => {
        server = await startEtcd(executable)
      })
      afterAll(() => server?.stop())
      body(() => server ?? expect.fail('not started'))
    },
    'etcd',
  )
}

async function startEtcd(executable: string): Promise<EtcdServer> {
  const directory = mkdtempSync(join(tmpdir(), 'erinys-etcd-'))
  const [clients, peers] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`)
  const data = join(directory, 'data')
  const settings = {
    'data-dir': data,
    'listen-client-urls': clients,
    'advertise-client-urls': clients,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
    'initial-cluster': `default=${peers}`,
    // etcd's shortest lease is 1.5 election timeouts.
    'heartbeat-interval': '50',
    'election-timeout': '500',
  }
  const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
  let child: ChildProcess
  const killAtExit = (): unknown => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const launch = async (): Promise<void> => {
    child = spawn(executable, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    await ready(child)
  }
  await launch()
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  return {
    endpoint: clients,
    pause() {
      child.kill('SIGSTOP')
      waitUntilStopped(child)
    },
    resume: () => void child.kill('SIGCONT'),
    kill,
    async restart(what) {
      if (what === 'empty') rmSync(data, { recursive: true })
      await launch()
    },
    async stop() {
      await kill()
      process.off('exit', killAtExit)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** SIGSTOP takes effect some time after `kill` returns. Until then etcd may answer another request. Linux only. */
function waitUntilStopped({ pid }: ChildProcess): void {
  const threads = `/proc/${pid}/task`
  if (!existsSync(threads)) return
  const isStopped = (thread: string): boolean =>
    /\) T /.test(readFileSync(join(threads, thread, 'stat'), 'latin1'))
  while (!readdirSync(threads).every(isStopped));
}

/** Resolves when the server logs that it serves clients. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log: string | undefined = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (log === undefined) return
      log += text
      if (!/ready to serve client requests|serving (insecure )?client (requests|traffic)/.test(log)) return
      log = undefined
      resolve()
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`etcd ended with code ${code}:\n${log}`)))
  })
}
