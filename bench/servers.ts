// The compared servers: started on free ports, pinned to one core, measured through /proc.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { GroupConfig } from '../src/config/groups.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** A clock tick of /proc/PID/stat, in microseconds (USER_HZ is 100 on every Linux). */
const TICK_MICROS = 10_000

/** The core of the server and that of the load, if the system can pin processes. */
export const SERVER_CORE = 0
export const LOAD_CORE = 1

/** For a process that may run on any core. */
export const ANY_CORE = -1

export interface Server {
  readonly name: string
  readonly version: string
  readonly port: number
  /** User and system time so far, in microseconds. */
  cpuMicros(): number
  /** Resident memory in bytes. */
  residentBytes(): number
  stop(): Promise<void>
}

/** The path of a program on PATH or in one of the folders, or undefined. */
export function findProgram(name: string, ...folders: readonly string[]): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...folders]
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** Pins a command to a core, if there are two and `taskset` is found. */
export function pinned(core: number, command: readonly string[]): readonly [string, ...string[]] {
  const isPinned = core !== ANY_CORE && availableParallelism() > 1
  const taskset = isPinned ? findProgram('taskset') : undefined
  const all = taskset === undefined ? command : [taskset, '-c', String(core), ...command]
  return all as [string, ...string[]]
}

/** Whether servers and load run on separate cores. */
const isPinned = pinned(SERVER_CORE, ['x']).length > 1

let isBuilt = false

/** Compiles this project, once per run. */
export function build(): void {
  if (!isBuilt) execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' })
  isBuilt = true
}

/** Groups by name, without their budget; JSON only. */
export type Groups = Readonly<Record<string, Omit<GroupConfig, 'maxBytes'>>>

/** The configuration of a node, without what depends on the machine. */
export interface NodeOptions {
  /** The budget of each group. */
  readonly maxBytes: string
  /** By default one group without an origin. */
  readonly groups?: Groups
  readonly cluster?: { readonly peers: readonly string[]; readonly copies?: number }
  /** By default a free port. */
  readonly port?: number
  /** By default it has no HTTP. */
  readonly httpPort?: number
  readonly core?: number
  /** The Node.js program; by default the one that runs this. */
  readonly node?: string
  /** Options of Node.js. */
  readonly flags?: readonly string[]
}

/** This project's compiled server. */
export async function startErinys({
  maxBytes,
  groups = { cache: {} },
  cluster,
  port,
  httpPort,
  core,
  node = process.execPath,
  flags = [],
}: NodeOptions): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-bench-'))
  const config = join(folder, 'erinys.config.json')
  const http = httpPort !== undefined && { port: httpPort, bind: '127.0.0.1' }
  const budgeted = Object.entries(groups).map(([name, group]) => [name, { maxBytes, ...group }])
  writeFileSync(config, JSON.stringify({ groups: Object.fromEntries(budgeted), cluster, http }))
  const version = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version
  const command = (listens: number): readonly string[] => [
    node,
    ...flags,
    join(ROOT, 'dist/main.js'),
    '--config',
    config,
    '--bind',
    '127.0.0.1',
    '--port',
    String(listens),
    '--loglevel',
    'warning',
  ]
  const started = start({ name: 'erinys', version, command, port, core })
  return started.finally(() => rmSync(folder, { recursive: true }))
}

/** `redis-server` or `valkey-server` without persistence, or undefined when it is not on PATH. */
export async function startRedis(
  name: 'redis-server' | 'valkey-server',
  core = SERVER_CORE,
): Promise<Server | undefined> {
  const program = findProgram(name)
  if (program === undefined) return undefined
  const version = /v=(\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? '?'
  const command = (port: number): readonly string[] => [
    program,
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--loglevel',
    'warning',
  ]
  return start({ name: name.replace('-server', ''), version, command, core })
}

/** The conditions of the measurement: machine and versions. */
export function conditions(): Record<string, string> {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`,
    node: process.version,
    cores: isPinned ? 'server on one core, load on another' : 'not pinned',
  }
}

interface Program {
  readonly name: string
  readonly version: string
  readonly command: (port: number) => readonly string[]
  /** By default a free port. */
  readonly port?: number | undefined
  /** By default the core of servers. */
  readonly core?: number | undefined
}

/** Starts a server, and waits until it accepts connections. */
export async function start(given: Program): Promise<Server> {
  const { name, version, command, port = await freePort(), core = SERVER_CORE } = given
  const [program, ...args] = pinned(core, command(port))
  const child = spawn(program, args, { cwd: tmpdir(), stdio: ['ignore', 'ignore', 'inherit'] })
  await answers(child, name, port)
  const stat = (): string[] => {
    // The name of the process, in parentheses, may contain spaces.
    const text = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  }
  return {
    name,
    version,
    port,
    cpuMicros: () => (Number(stat()[11]) + Number(stat()[12])) * TICK_MICROS,
    residentBytes: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024,
    async stop() {
      if (child.exitCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** Waits until the server accepts connections. */
async function answers(child: ChildProcess, name: string, port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const isUp = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(
        () => false,
        () => false,
      ),
    ]).catch(() => false)
    socket.destroy()
    if (isUp) return
    await pause(50)
  }
  throw new Error(`${name} does not listen on port ${port}`)
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
