// A redis-server to compare with, on a Unix socket.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { describeWithExecutable } from './executable.ts'
import type { Argument, RedisReply } from './resp.ts'
import { RespClient } from './resp-client.ts'

export interface RedisServer {
  readonly socketPath: string
  call(...command: Argument[]): Promise<RedisReply>
  /** Sends all commands at once; the replies come in the same order. */
  pipeline(commands: readonly (readonly Argument[])[]): Promise<RedisReply[]>
  stop(): Promise<void>
}

/**
 * A `describe` whose tests compare with a redis-server, which is started before them and stopped after them.
 * The options go on its command line. Without a server on PATH the tests are skipped with a warning, or fail where ERINYS_TEST_REQUIRE names `redis`.
 */
export function describeWithRedis(
  name: string,
  body: (redis: () => RedisServer) => void,
  ...options: string[]
): void {
  describeWithExecutable('redis-server', name, (executable) => {
    let server: RedisServer | undefined
    beforeAll(async () => {
      server = await startRedis(executable, ...options)
    })
    afterAll(() => server?.stop())
    body(() => server ?? expect.fail('not started'))
  })
}

/** Starts an empty server that saves nothing and listens on a Unix socket only. */
async function startRedis(executable: string, ...options: string[]): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'erinys-redis-'))
  const socketPath = join(directory, 'redis.sock')
  const settings = ['--port', '0', '--unixsocket', socketPath, '--save', '', '--dir', directory, ...options]
  const child = spawn(executable, settings, { stdio: ['ignore', 'pipe', 'inherit'] })
  const killAtExit = (): unknown => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  await ready(child)
  const client = await RespClient.connect({ path: socketPath })
  return {
    socketPath,
    pipeline: (commands) => client.pipeline(...commands),
    call: async (...command) => (await client.pipeline(command))[0],
    async stop() {
      client.socket.destroy()
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      process.off('exit', killAtExit)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Resolves when the server logs that it accepts connections. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (log.includes('to accept connections')) return
      log += text
      if (log.includes('to accept connections')) resolve()
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`redis-server ended with code ${code}:\n${log}`)))
  })
}
