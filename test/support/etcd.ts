// A real etcd with one member, started on free ports in a folder of its own, stopped by its handle.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { describeWithExecutable } from './executable.ts'

export interface EtcdServer {
  /** `http://127.0.0.1:<port>`, the same after a restart. */
  readonly endpoint: string
  /** Stops answering without closing its connections, until `resume`. */
  pause(): void
  resume(): void
  kill(): Promise<void>
  /** Starts it again after `kill`, with what it knew, or with `empty` without. */
  restart(what?: 'empty'): Promise<void>
  stop(): Promise<void>
}

/**
 * A `describe` whose tests need etcd, which is started before them and stopped after them. Without etcd on PATH the
 * tests are skipped with a warning, or fail where ERINYS_TEST_REQUIRE names `etcd`.
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
    // The shortest lease is one and a half elections.
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
    pause: () => void child.kill('SIGSTOP'),
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

/** Resolves when the server says that it serves clients. */
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

/** Ports that nobody listens on now. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
