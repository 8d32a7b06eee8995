// SIGTERM with pending writes: they are written if the origin answers, else logged as lost.

import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { NodeProcess } from '../support/node-process.ts'
import { poll } from '../support/poll.ts'
import { freePorts } from '../support/ports.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A server whose answers to PUT the test controls, and that records the keys. */
class Source {
  readonly stored = new Set<string>()
  answer: Answer = () => undefined
  readonly server: Server

  constructor() {
    this.server = createServer((request, response) => {
      request.resume()
      this.answer(request, response)
    })
  }

  readonly takes: Answer = (request, response) => {
    this.stored.add(request.url ?? '')
    response.end()
  }

  async start(): Promise<number> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    onTestFinished(() => {
      this.server.closeAllConnections()
      this.server.close()
    })
    return (this.server.address() as AddressInfo).port
  }
}

/** Starts a node with write-behind, and sends 50 writes, which are acknowledged. */
async function written(source: Source, shutdownTimeout: string): Promise<NodeProcess> {
  const port = await source.start()
  const config = join(mkdtempSync(join(tmpdir(), 'erinys-writes-')), 'config.json')
  const users = {
    write: 'behind',
    originTimeout: '1m',
    origin: { kind: 'http', url: `http://127.0.0.1:${port}/{key}` },
  }
  writeFileSync(config, JSON.stringify({ shutdownTimeout, groups: { users } }))
  const [own] = await freePorts(1)
  const node = new NodeProcess(own, ['--config', config])
  await node.start()
  const client = new Redis(own, '127.0.0.1', { enableReadyCheck: false })
  await Promise.all(Array.from({ length: 50 }, (_, i) => client.set(`key:${i}`, 'value')))
  client.disconnect()
  return node
}

test('a slow source gets all writes before the process ends', async () => {
  const source = new Source()
  const held: (() => void)[] = []
  source.answer = (request, response) => held.push(() => source.takes(request, response))
  const node = await written(source, '1m')
  const ended = node.terminate()
  await poll(() => node.log.includes('SIGTERM'), 'the process to end')
  expect(source.stored.size).toBe(0)
  source.answer = source.takes
  for (const release of held) release()
  expect(await ended).toMatchObject({ code: 0, stderr: '' })
  expect(source.stored.size).toBe(50)
  expect(node.log).not.toContain('lost')
})

test.each<[string, Answer]>([
  ['fails', (_, response) => void response.writeHead(500).end()],
  ['is silent', () => undefined],
  ['breaks off', (request) => request.socket.destroy()],
])(
  'the process waits for a source that %s until shutdownTimeout, and logs the number of lost writes',
  async (_, answer) => {
    const source = new Source()
    source.answer = answer
    const node = await written(source, '500ms')
    expect(await node.terminate()).toMatchObject({ code: 0 })
    const { level, group, lost } = JSON.parse(
      node.log.split('\n').find((line) => line.includes('"lost"')) ?? '{}',
    )
    expect({ level, group, lost }).toEqual({ level: 'error', group: 'users', lost: 50 })
  },
)

test('a second signal ends the process at once, and the log has the number of lost writes', async () => {
  const node = await written(new Source(), '10m')
  const ended = node.terminate()
  await poll(() => node.log.includes('SIGTERM: closing'), 'the first signal')
  void node.terminate()
  expect(await ended).toMatchObject({ code: 1 })
  const lines = node.log.trimEnd().split('\n').slice(-2)
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ level: 'warn', msg: 'SIGTERM again: exiting at once' }),
    expect.objectContaining({ level: 'error', lost: 50 }),
  ])
})
