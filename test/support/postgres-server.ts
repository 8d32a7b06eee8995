// A PostgreSQL process with a temporary data folder, for tests and benchmarks.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { folderOf, type Identity, unprivileged } from './unprivileged.ts'

const DEBIAN = '/usr/lib/postgresql'

/** The folders of PostgreSQL's programs on Debian, which are not on PATH. */
export function postgresFolders(): string[] {
  try {
    return readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin'))
  } catch {
    return []
  }
}

export interface PostgresServerOptions {
  readonly initdb: string
  readonly program: string
  /** The prefix of the name of its folder. */
  readonly prefix: string
  /** Settings as `name=value`, besides the folder of its socket. */
  readonly settings: (folder: string, identity: Identity) => readonly string[]
  /** Replaces the command, as with `taskset`. */
  readonly wrap?: (command: readonly string[]) => readonly string[]
}

export interface PostgresServer {
  /** The folder of its socket. */
  readonly folder: string
  stop(): Promise<void>
}

/** Starts a server without authentication; it ends with this process. */
export async function startPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const { initdb, program, prefix, settings, wrap = (command) => command } = options
  const identity = unprivileged('postgres')
  const folder = folderOf(identity, prefix)
  const data = join(folder, 'data')
  const init = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '-D', data]
  execFileSync(initdb, init, { ...identity, cwd: folder, stdio: 'pipe' })
  const all = [`unix_socket_directories=${folder}`, 'fsync=off', ...settings(folder, identity)]
  const [first, ...rest] = wrap([program, '-D', data, ...all.flatMap((setting) => ['-c', setting])])
  const child = spawn(first, rest, { ...identity, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const killAtExit = (): unknown => child.kill('SIGQUIT')
  process.once('exit', killAtExit)
  await saysReady(child, 'ready to accept connections')
  return {
    folder,
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGQUIT')
      await exited
      process.off('exit', killAtExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves when the log of a server contains `words`. */
export function saysReady(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (log.includes(words)) return
      log += text
      if (log.includes(words)) resolve()
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}:\n${log}`)))
  })
}
