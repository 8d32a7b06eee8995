// Free ports for nodes whose addresses are configured before they listen.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Below the ephemeral ports of operating systems, so that no connection takes the port of a node that is down. */
const FIRST_PORT = 20_000
const LAST_PORT = 30_000

/** Has one file for each reserved port, with the process that reserved it: several processes run tests at the same time. */
const RESERVATIONS = join(tmpdir(), `erinys-test-ports-${process.getuid?.() ?? ''}`)

/** `count` ports on which nothing listens, and which no other test gets. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if (await reserve(port)) ports.push(port)
  }
  return ports
}

/** The first of `count` consecutive ports on which nothing listens, and which no other test gets. */
export async function freePortRun(count: number): Promise<number> {
  for (;;) {
    const first = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT - count))
    let reserved = 0
    while (reserved < count && (await reserve(first + reserved))) reserved++
    if (reserved === count) return first
    for (let i = 0; i < reserved; i++) release(first + i)
  }
}

const own = new Set<number>()
process.once('exit', () => {
  for (const port of own) release(port)
})

async function reserve(port: number): Promise<boolean> {
  if (!claim(port)) return false
  own.add(port)
  if (await isFree(port)) return true
  release(port)
  return false
}

/** Creating a file exclusively is atomic. A reservation whose process has ended is removed. */
function claim(port: number): boolean {
  const path = join(RESERVATIONS, String(port))
  mkdirSync(RESERVATIONS, { recursive: true })
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (!isAbandoned(path)) return false
    rmSync(path, { force: true })
    // Another process may remove it at the same time: this one takes another port.
    return false
  }
}

function isAbandoned(path: string): boolean {
  try {
    process.kill(Number(readFileSync(path, 'utf8')), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function release(port: number): void {
  own.delete(port)
  rmSync(join(RESERVATIONS, String(port)), { force: true })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
