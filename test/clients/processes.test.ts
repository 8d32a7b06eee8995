// Clients of a node that is a process: what they see when it ends, and when it is restarted.

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { Redis } from 'ioredis'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { PATIENT_MS } from '../support/budget.ts'
import { type Running, start } from '../support/cli.ts'
import { glide } from '../support/glide.ts'

const folder = mkdtempSync(join(tmpdir(), 'erinys-clients-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** `scores` answers at once, `gated` after a SIGALRM; both print the keys that they load. */
const config = join(folder, 'erinys.config.mjs')
writeFileSync(
  config,
  `const gate = new Promise((resolve) => process.once('SIGALRM', resolve))
  const load = (key) => (console.log('loading ' + key), key)
  export default {
    groups: {
      scores: { maxBytes: '64mb', origin: (key) => load(key) + ' of ' + process.pid },
      gated: { maxBytes: '64mb', origin: (key) => (load(key), gate.then(() => 'value of ' + key)) },
    },
  }`,
)

const nodes: Running[] = []

async function startNode(...args: string[]): Promise<Running> {
  const node = await start(['--config', config, ...args], { cwd: folder })
  nodes.push(node)
  return node
}

/** Resolves when a node has printed a text. */
async function logs(node: Running, text: string): Promise<void> {
  while (!node.log().includes(text)) await once(node.child.stdout!, 'data')
}

interface Client {
  get(key: string): Promise<unknown>
  close(): unknown
}

/** Every library that is installed, with timeouts that do not expire; `index` is the group. */
const libraries: Record<string, (port: number, index: number) => Promise<Client>> = {
  async ioredis(port, db) {
    const client = new Redis(port, {
      db,
      lazyConnect: true,
      connectTimeout: PATIENT_MS,
      retryStrategy: () => 5,
      maxRetriesPerRequest: null,
    })
    client.on('error', () => undefined)
    await client.connect()
    return { get: (key) => client.get(key), close: () => client.disconnect() }
  },
  async 'node-redis'(port, database) {
    const socket = { port, host: '127.0.0.1', reconnectStrategy: 5, connectTimeout: PATIENT_MS } as const
    const client = createClient({ database, socket, commandOptions: { timeout: PATIENT_MS } })
    client.on('error', () => undefined)
    await client.connect()
    return { get: (key) => client.get(key), close: () => client.destroy() }
  },
}

if (glide !== undefined) {
  const { GlideClient } = glide
  libraries['valkey-glide'] = async (port, databaseId) => {
    const client = await GlideClient.createClient({
      addresses: [{ host: '127.0.0.1', port }],
      databaseId,
      requestTimeout: PATIENT_MS,
      advancedConfiguration: { connectionTimeout: PATIENT_MS },
      connectionBackoff: { numberOfRetries: 10, factor: 5, exponentBase: 1 },
    })
    return { get: (key) => client.get(key), close: () => client.close() }
  }
}

let clients: Client[] = []

async function connectAll(port: number, index: number): Promise<Client[]> {
  clients = await Promise.all(Object.values(libraries).map((connect) => connect(port, index)))
  return clients
}

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  for (const node of nodes.splice(0)) node.child.kill('SIGKILL')
})

describe('SIGTERM', () => {
  test('sends pending replies to every client, and accepts no new connections', async () => {
    const node = await startNode()
    const waiting = await connectAll(node.port, 1)
    const replies = Promise.all(waiting.map((client, i) => client.get(`key ${i}`)))
    await Promise.all(waiting.map((_, i) => logs(node, `loading key ${i}`)))
    node.child.kill('SIGTERM')
    await logs(node, 'SIGTERM: closing')
    const late = new Redis(node.port, { lazyConnect: true, retryStrategy: null })
    late.on('error', () => undefined)
    await expect(late.connect()).rejects.toThrow()
    node.child.kill('SIGALRM')
    expect(await replies).toEqual(waiting.map((_, i) => `value of key ${i}`))
    const { code, stderr } = await node.outcome
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(node.log()).toContain('"closed"')
  })
})

describe('SHUTDOWN', () => {
  /** Sends SHUTDOWN to a node while every client waits for a load. Returns the node and the clients' replies. */
  async function shutDown(...options: string[]): Promise<{ node: Running; replies: Promise<unknown[]> }> {
    const node = await startNode()
    await connectAll(node.port, 1)
    const replies = Promise.all(clients.map((client) => client.get('Tom')))
    replies.catch(() => undefined)
    await logs(node, 'loading Tom')
    const asking = new Redis(node.port, { retryStrategy: null })
    const ended = once(asking, 'end')
    asking.call('SHUTDOWN', ...options).catch(() => undefined)
    await ended
    return { node, replies }
  }

  test('sends pending replies', async () => {
    const { node, replies } = await shutDown()
    node.child.kill('SIGALRM')
    expect(await replies).toEqual(clients.map(() => 'value of Tom'))
    expect(await node.outcome).toMatchObject({ code: 0, stderr: '' })
  })

  test('NOW does not wait for them', async () => {
    const { node } = await shutDown('NOW')
    expect(await node.outcome).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('SIGKILL', () => {
  test('every client reconnects to the restarted node, whose cache is empty', async () => {
    const first = await startNode()
    const { port } = first
    await connectAll(port, 0)
    for (const client of clients) expect(await client.get('Tom')).toBe(`Tom of ${first.child.pid}`)
    first.child.kill('SIGKILL')
    expect((await first.outcome).code).toBeNull()
    // ioredis and node-redis queue commands meanwhile; valkey-glide rejects them.
    const kept = Promise.all(clients.slice(0, 2).map((client) => client.get('Jack')))
    const second = await startNode('--port', String(port))
    const { pid } = second.child
    expect(await kept).toEqual([`Jack of ${pid}`, `Jack of ${pid}`])
    for (const client of clients) expect(await answer(client, 'Tom')).toBe(`Tom of ${pid}`)
    // The output may arrive later than the replies.
    for (const key of ['Jack', 'Tom']) await logs(second, `loading ${key}`)
    expect(second.log().match(/loading Tom/g)).toHaveLength(1)
    expect(second.log().match(/loading Jack/g)).toHaveLength(1)
  })
})

/** Retries until the client has reconnected. */
async function answer(client: Client, key: string): Promise<unknown> {
  for (;;) {
    try {
      return await client.get(key)
    } catch {
      // Not connected yet.
    }
  }
}
