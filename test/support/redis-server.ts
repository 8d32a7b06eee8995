// A redis-server to compare with, on a Unix socket.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Parser from 'redis-parser'
import { afterAll, beforeAll, expect } from 'vitest'
import { describeWithExecutable } from './executable.ts'

/** Strings are latin1, one character per byte; an error reply is an Error. */
export type RedisReply = string | number | null | Error | RedisReply[]

type RedisArgument = string | Uint8Array

export interface RedisServer {
  readonly socketPath: string
  call(...command: RedisArgument[]): Promise<RedisReply>
  /** Sends all commands at once; the replies come in the same order. */
  pipeline(commands: readonly (readonly RedisArgument[])[]): Promise<RedisReply[]>
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
  const socket = connect(socketPath)
  await once(socket, 'connect')
  const pipeline = client(socket)
  return {
    socketPath,
    pipeline,
    call: async (...command) => (await pipeline([command]))[0],
    async stop() {
      socket.destroy()
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

function client(socket: Socket): RedisServer['pipeline'] {
  const waiting: ((reply: RedisReply) => void)[] = []
  const parser = new Parser({
    returnBuffers: true,
    returnReply: (reply: unknown) => waiting.shift()?.(asText(reply)),
    returnError: (error) => waiting.shift()?.(error),
  })
  socket.on('data', (chunk) => parser.execute(chunk))
  return (commands) => {
    const replies = commands.map(() => new Promise<RedisReply>((resolve) => waiting.push(resolve)))
    socket.write(Buffer.concat(commands.map(encode)))
    return Promise.all(replies)
  }
}

/** A reply of redis-parser with its buffers as latin1 strings. */
export function asText(reply: unknown): RedisReply {
  if (Buffer.isBuffer(reply)) return reply.toString('latin1')
  if (Array.isArray(reply)) return reply.map(asText)
  return reply as RedisReply
}

function encode(command: readonly RedisArgument[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${command.length}\r\n`)]
  for (const argument of command) {
    const bytes = typeof argument === 'string' ? Buffer.from(argument, 'latin1') : argument
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}
