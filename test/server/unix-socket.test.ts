// The Unix socket: who may connect, what becomes of a file that is there already, and of the own one.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

let folder: string
let path: string
let running: TestServer

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'erinys-unix-'))
  path = join(folder, 'erinys.sock')
  running = await TestServer.start()
})

afterEach(async () => {
  await running.stop()
  rmSync(folder, { recursive: true })
})

test('clients are served by it, and have its path as their address', async () => {
  await running.server.listenUnix(path, 0)
  const client = new Redis(path)
  await client.set('Tom', '630')
  expect(await client.get('Tom')).toBe('630')
  const list = String(await client.client('LIST'))
  expect(list).toContain(`addr=${path}:0 laddr=${path}:0 `)
  expect(list).toContain(' flags=U ')
  // DEBUG is for clients on this machine.
  expect(await client.call('DEBUG', 'SLEEP', '0')).toBe('OK')
  client.disconnect()
})

test.each([0o700, 0o770, 0o777])('it has the permissions %o', async (mode) => {
  await running.server.listenUnix(path, mode)
  expect(statSync(path).mode & 0o777).toBe(mode)
})

test('it is removed when the server closes', async () => {
  await running.server.listenUnix(path, 0)
  expect(existsSync(path)).toBe(true)
  await running.server.close(0)
  expect(existsSync(path)).toBe(false)
})

test('CONFIG SET maxclients counts its clients', async () => {
  await running.server.listenUnix(path, 0)
  running.settings.maxclients = 1
  const first = connect({ path })
  const second = connect({ path })
  const [reply] = await Promise.race(
    [first, second].map(
      (socket) => new Promise<[Buffer]>((resolve) => socket.once('data', (data) => resolve([data]))),
    ),
  )
  expect(String(reply)).toBe('-ERR max number of clients reached\r\n')
  first.destroy()
  second.destroy()
})

describe('a file that is there already', () => {
  test('is replaced if it is a socket on which no process listens', async () => {
    // The process ends without a chance to remove it.
    const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', program])
    expect(statSync(path).isSocket()).toBe(true)
    await running.server.listenUnix(path, 0)
    const client = new Redis(path)
    expect(await client.ping()).toBe('PONG')
    client.disconnect()
  })

  test('is left alone if another process listens on it', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(path, resolve))
    await expect(running.server.listenUnix(path, 0)).rejects.toThrow(
      `unixsocket: ${path}: another process listens on it`,
    )
    expect(statSync(path).isSocket()).toBe(true)
    await new Promise((resolve) => other.close(resolve))
  })

  test('is left alone if it is anything else', async () => {
    writeFileSync(path, 'precious')
    await expect(running.server.listenUnix(path, 0)).rejects.toThrow(
      `unixsocket: ${path}: it exists already and is not a socket`,
    )
    rmSync(path)
    mkdirSync(path)
    await expect(running.server.listenUnix(path, 0)).rejects.toThrow('it exists already and is not a socket')
  })
})

test('a folder that is not there', async () => {
  await expect(running.server.listenUnix(join(folder, 'none', 'erinys.sock'), 0)).rejects.toThrow(
    /EACCES|ENOENT/,
  )
})
