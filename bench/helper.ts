// Processes on the core of the load that say when they are ready, and print a result, in JSON, once their input ends.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { LOAD_CORE, pinned } from './servers.ts'

const PING = fileURLToPath(new URL('./ping.ts', import.meta.url))
const HTTP_LOAD = fileURLToPath(new URL('./http/requests.ts', import.meta.url))
const FLOOD = fileURLToPath(new URL('./flood.ts', import.meta.url))

export interface Helper<T> {
  /** What it would print now. Only of helpers that read lines. */
  count(): Promise<T>
  /** Ends the process. Resolves to what it printed. */
  end(): Promise<T>
}

/** What ping.ts prints, ms. */
export interface PingTimes {
  readonly longest: number
  readonly p99: number
}

/** Sends PING over one connection. */
export function startPing(port: number): Promise<Helper<PingTimes>> {
  return start<PingTimes>(PING, [String(port)])
}

/** Sends `request` without an end over each connection. */
export function startFlood(
  port: number,
  clients: number,
  request: string,
): Promise<Helper<{ readonly received: number }>> {
  return start(FLOOD, [String(port), String(clients), request])
}

/** Sends one GET after the other over each connection. */
export function startHttpLoad(
  port: number,
  clients: number,
  path: string,
): Promise<Helper<{ readonly responses: number }>> {
  return start(HTTP_LOAD, [String(port), String(clients), path])
}

async function start<T>(path: string, options: readonly string[]): Promise<Helper<T>> {
  const [program, ...args] = pinned(LOAD_CORE, [process.execPath, '--import', 'tsx', path, ...options])
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${path} ended with code ${child.exitCode}`)
    return value
  }
  await next()
  return {
    async count() {
      child.stdin.write('\n')
      return JSON.parse(await next())
    },
    async end() {
      child.stdin.end()
      return JSON.parse(await next())
    },
  }
}
