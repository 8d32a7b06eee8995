// Single flight in a cluster: one load per key for many clients of many nodes, also while nodes join and die.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeProcess } from '../../support/node-process.ts'
import { poll } from '../../support/poll.ts'
import { RespClient } from '../../support/resp-client.ts'
import { agree, keysOf, startMembers } from './members.ts'

const CLIENTS = 300

/** An HTTP origin of all nodes. It answers when the test calls `open`, and records the keys. */
class SlowOrigin {
  readonly asked: string[] = []
  readonly #server = createServer((request, response) => {
    const key = decodeURIComponent(String(request.url).slice(1))
    this.asked.push(key)
    if (this.#open) response.end(`value of ${key}`)
    else this.#waiting.push([key, response])
  })
  readonly #waiting: [key: string, response: ServerResponse][] = []
  #open = false

  static async start(): Promise<SlowOrigin> {
    const origin = new SlowOrigin()
    origin.#server.listen(0, '127.0.0.1')
    await once(origin.#server, 'listening')
    onTestFinished(() => {
      origin.#server.closeAllConnections()
      origin.#server.close()
    })
    return origin
  }

  /** Writes a TypeScript configuration whose only group loads from here, and returns its path. */
  config(): string {
    const folder = mkdtempSync(join(tmpdir(), 'erinys-flights-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'erinys.config.ts')
    const { port } = this.#server.address() as AddressInfo
    writeFileSync(
      file,
      `const origin = async (key: string): Promise<string> =>
        (await fetch('http://127.0.0.1:${port}/' + encodeURIComponent(key))).text()
      export default { groups: { scores: { maxBytes: '64mb', origin } } }`,
    )
    return file
  }

  /** Answers the pending requests, and all later ones at once. */
  open(): void {
    this.#open = true
    for (const [key, response] of this.#waiting.splice(0)) response.end(`value of ${key}`)
  }

  loadsOf(key: string): number {
    return this.asked.filter((each) => each === key).length
  }
}

async function connectClients(nodes: readonly NodeProcess[]): Promise<RespClient[]> {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, i) => RespClient.connect(nodes[i % nodes.length].port)),
  )
  onTestFinished(() => {
    for (const { socket } of clients) socket.destroy()
  })
  return clients
}

/** Resolves when `count` requests, of clients and of other nodes, wait for the load of a key. */
async function waiters(nodes: readonly NodeProcess[], key: string, count: number): Promise<void> {
  const client = await RespClient.connect(nodes[0].port)
  let seen: unknown
  await poll(async () => {
    const fields = (await client.call('EXPLAIN', key)) as unknown[]
    seen = fields[fields.indexOf('waiters') + 1]
    return seen === count
  }, `${count} waiters`).catch((error: unknown) => {
    throw new Error(`${String(seen)} waiters`, { cause: error })
  })
  client.socket.destroy()
}

test('300 clients of 3 nodes read one cold key: it is loaded once', async () => {
  const origin = await SlowOrigin.start()
  const nodes = await startMembers(3, { args: ['--config', origin.config()] })
  const clients = await connectClients(nodes)
  const replies = Promise.all(clients.map((client) => client.call('GET', 'cold')))
  await waiters(nodes, 'cold', CLIENTS)
  origin.open()
  expect(new Set(await replies)).toEqual(new Set(['value of cold']))
  expect(origin.loadsOf('cold')).toBe(1)
})

test('while a node joins: one load for each cluster view', async () => {
  const origin = await SlowOrigin.start()
  const nodes = await startMembers(3, { args: ['--config', origin.config()], started: 2 })
  const names = nodes.map(({ name }) => name)
  // Keys that the new node will own.
  const moving = keysOf(nodes[2].name, names, 4)
  const clients = await connectClients(nodes.slice(0, 2))
  const first = Promise.all(clients.map((client, i) => client.call('GET', moving[i % moving.length])))
  await poll(() => origin.asked.length === moving.length, 'all loads')
  await nodes[2].start()
  await agree(nodes)
  const latecomers = await connectClients(nodes)
  const second = Promise.all(latecomers.map((client, i) => client.call('GET', moving[i % moving.length])))
  await waiters(nodes, moving[0], CLIENTS / moving.length)
  origin.open()
  for (const replies of [await first, await second]) {
    expect(replies).toEqual(replies.map((_, i) => `value of ${moving[i % moving.length]}`))
  }
  for (const key of moving) expect(origin.loadsOf(key)).toBeLessThanOrEqual(2)
  // The new owner has stored the values.
  const loads = origin.asked.length
  const third = await Promise.all(
    latecomers.map((client, i) => client.call('GET', moving[i % moving.length])),
  )
  expect(third).toEqual(third.map((_, i) => `value of ${moving[i % moving.length]}`))
  expect(origin.asked.length).toBe(loads)
})

test('while the owner dies: one load for each cluster view', async () => {
  const origin = await SlowOrigin.start()
  const nodes = await startMembers(3, { args: ['--config', origin.config()] })
  const survivors = nodes.slice(0, 2)
  const [key] = keysOf(
    nodes[2].name,
    nodes.map(({ name }) => name),
    1,
  )
  const clients = await connectClients(survivors)
  const replies = Promise.all(clients.map((client) => client.call('GET', key)))
  await waiters(nodes, key, CLIENTS)
  await poll(() => origin.loadsOf(key) === 1, 'the load')
  await nodes[2].kill()
  await waiters(nodes, key, CLIENTS)
  await poll(() => origin.loadsOf(key) === 2, 'the load of the next owner')
  origin.open()
  expect(new Set(await replies)).toEqual(new Set([`value of ${key}`]))
  expect(origin.loadsOf(key)).toBe(2)
})
