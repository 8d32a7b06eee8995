// The command line as a process.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { freePortRun } from './ports.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')

/** A program and its first arguments. */
type Program = readonly [string, ...string[]]

/** The sources, compiled on load. */
const SOURCES: Program = [process.execPath, '--import', TSX, MAIN]

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly program?: Program
}

/** A process that is listening. */
export interface Running {
  readonly child: ChildProcess
  readonly port: number
  /** Its log so far. */
  readonly log: () => string
  /** Resolves when it has ended. */
  readonly outcome: Promise<Outcome>
}

/** Runs the command line to its end. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return launch(args, options).outcome
}

/** Starts a node on a free port, and waits until it listens. */
export async function start(args: readonly string[], options: RunOptions = {}): Promise<Running> {
  const { child, outcome, stdout } = launch(['--port', '0', '--bind', '127.0.0.1', ...args], options)
  const port = await Promise.race([
    new Promise<number>((resolve) => {
      child.stdout?.on('data', () => {
        const found = /listening on 127\.0\.0\.1:(\d+)/.exec(stdout())
        if (found) resolve(Number(found[1]))
      })
    }),
    outcome.then(({ code, stderr }) => Promise.reject(new Error(`ended with code ${code}: ${stderr}`))),
  ])
  return { child, port, outcome, log: stdout }
}

/** Several nodes in one process. */
export interface RunningMany {
  readonly child: ChildProcess
  readonly ports: readonly number[]
  /** The lines of the log so far. */
  readonly lines: () => readonly LogLine[]
  /** Resolves when the log satisfies a condition. */
  readonly logged: (isWanted: (lines: readonly LogLine[]) => boolean) => Promise<void>
  readonly outcome: Promise<Outcome>
}

interface LogLine {
  /** The port of the node that logged the line. */
  readonly node?: number
  readonly msg: string
  readonly pid?: number
  readonly members?: readonly string[]
}

/** Starts three nodes on free ports with `erinys cluster`, and waits until they form a cluster. */
export async function startMany(
  args: readonly string[],
  { first, ...options }: RunOptions & { readonly first?: number } = {},
): Promise<RunningMany> {
  const port = first ?? (await freePortRun(3))
  const own = ['cluster', '--port', String(port), '--bind', '127.0.0.1', ...args]
  const { child, outcome, stdout } = launch(own, options)
  // Also if the test fails.
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = (): LogLine[] =>
    stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  const failed = outcome.then(({ code, stderr }) =>
    Promise.reject(new Error(`ended with ${code}: ${stderr}`)),
  )
  failed.catch(() => undefined)
  const logged: RunningMany['logged'] = async (isWanted) => {
    while (!isWanted(lines())) await Promise.race([once(child.stdout, 'data'), failed])
  }
  const ports = [port, port + 1, port + 2]
  await logged((all) =>
    ports.every((each) => all.some(({ node, members }) => node === each && members?.length === ports.length)),
  )
  await logged((all) => all.some(({ msg }) => msg.startsWith('all 3 nodes listen')))
  return { child, ports, outcome, lines, logged }
}

/** Sends text to a port, and resolves with the answer as soon as it contains `last`. */
export async function exchange(port: number, text: string, last: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  try {
    socket.write(text)
    let reply = ''
    for await (const part of socket) {
      reply += part
      if (reply.includes(last)) return reply
    }
    return reply
  } finally {
    socket.destroy()
  }
}

/** Starts a process and follows it to its end. */
export function launch(args: readonly string[], { cwd, env, program = SOURCES }: RunOptions) {
  const [file, ...before] = program
  const child = spawn(file, [...before, ...args], {
    cwd,
    // NODE_PATH has packages that only tests use, such as better-sqlite3.
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      // Tests that run at the same time would share the default port.
      ERINYS_HTTP_PORT: '0',
      ...(process.env.NODE_PATH !== undefined && { NODE_PATH: process.env.NODE_PATH }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killAtExit = (): unknown => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const outcome = once(child, 'close').then(([code]: (number | null)[]): Outcome => {
    process.off('exit', killAtExit)
    return { code, stdout, stderr }
  })
  return { child, outcome, stdout: () => stdout }
}
