// What a node reports over HTTP, where it listens, and how it closes.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { resolveConfig, resolveLayers } from '../../src/config/config.ts'
import { createNode } from '../../src/index.ts'
import { createNode as compose } from '../../src/node.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { ask, closed, open, problemOf, received, startHttp } from '../support/http.ts'

describe('health', () => {
  test('alive and ready', async () => {
    const node = await startHttp({ groups: { g: {} } })
    expect((await node.ask('/healthz')).text).toBe('ok\n')
    expect((await node.ask('/readyz')).text).toBe('ready\n')
    expect((await node.ask('/readyz', { method: 'HEAD' })).status).toBe(200)
  })

  test('is not ready while it closes; what is under way is answered, and its connection closed', async () => {
    const gated = new GatedOrigin()
    const node = await startHttp({ shutdownTimeout: '30s', groups: { g: { origin: gated } } })
    const slow = await open(node.port)
    slow.write('GET /cache/g/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const health = await open(node.port)
    health.write(
      'GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /cache/g/b HTTP/1.1\r\nHost: localhost\r\n\r\n',
    )
    await received(health, (text) => text.endsWith('ready\n'))
    await gated.isAskedFor('a')
    await gated.isAskedFor('b')
    const closing = node.node.close()
    gated.give('b', 'B')
    await received(health, (text) => text.endsWith('\r\n\r\nB'))
    gated.give('a', 'A')
    expect(await received(slow, (text) => text.endsWith('\r\n\r\nA'))).toContain('200 OK')
    await closing
    await expect(ask(node.port, '/healthz')).rejects.toThrow('ECONNREFUSED')
  })

  test('a client that never ends does not hold a shutdown up', async () => {
    const node = await startHttp({ shutdownTimeout: 100, groups: { g: { origin: new GatedOrigin() } } })
    const idle = await open(node.port)
    const half = await open(node.port)
    half.write('GET /healthz HTT')
    const waiting = await open(node.port)
    waiting.write('GET /cache/g/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
    const all = Promise.all([idle, half, waiting].map((socket) => closed(socket)))
    for (const socket of [idle, half, waiting]) socket.resume()
    await node.node.close()
    await all
  })

  test('is not ready before it has joined its cluster', async () => {
    const http = { port: 'any', bind: '127.0.0.1' }
    // An etcd that accepts connections and never answers.
    const etcd = createTcpServer((socket) => void socket.on('error', () => undefined)).listen(0, '127.0.0.1')
    onTestFinished(() => void etcd.close())
    await once(etcd, 'listening')
    const { port: etcdPort } = etcd.address() as { port: number }
    const cluster = { etcd: { endpoints: `127.0.0.1:${etcdPort}` }, announce: '127.0.0.1:3' }
    const config = { port: 0, bind: '127.0.0.1', http, cluster, shutdownTimeout: 0, groups: { g: {} } }
    const node = await createNode(config)
    onTestFinished(() => node.close())
    const listening = node.listen()
    listening.catch(() => undefined)
    while (node.httpAddresses.length === 0) await new Promise(setImmediate)
    const [{ port }] = node.httpAddresses
    expect((await ask(port, '/healthz')).status).toBe(200)
    const ready = await ask(port, '/readyz')
    expect(problemOf(ready)).toEqual({ status: 503, type: 'not-ready' })
    expect(ready.json().detail).toBe('the node is starting')
  })
})

test('groups, explanations and the cluster', async () => {
  const own = await startHttp({ groups: { g: { ttl: '1h', origin: () => 'v' }, größe: {} } })
  await own.ask('/cache/g/a')
  expect((await own.ask('/groups')).json()).toMatchObject([
    { name: 'g', index: 0, keys: 1, loads: 1 },
    { name: 'größe', index: 1, keys: 0 },
  ])
  expect((await own.ask('/groups/gr%C3%B6%C3%9Fe')).json()).toMatchObject({ name: 'größe' })
  expect(problemOf(await own.ask('/groups/nope'))).toEqual({ status: 404, type: 'unknown-group' })
  expect(problemOf(await own.ask('/groups/%FF'))).toEqual({ status: 400, type: 'bad-request' })
  expect((await own.ask('/explain/g/a')).json()).toMatchObject({
    group: 'g',
    owner: 'self',
    source: 'memory',
    state: 'fresh',
    type: 'string',
  })
  expect((await own.ask('/explain/g/x/y')).json()).toMatchObject({ source: 'origin', state: 'none' })
  expect((await own.ask('/cluster')).json()).toEqual({ enabled: false })
})

test('the OpenAPI document has every route', async () => {
  const node = await startHttp({ groups: { g: {} } })
  const answer = await node.ask('/openapi.json')
  expect(answer.headers['content-type']).toBe('application/json')
  const { openapi, paths, components } = answer.json()
  expect(openapi).toBe('3.1.0')
  expect(Object.keys(paths['/cache/{group}/{key}'])).toEqual(['get', 'head', 'put', 'delete', 'x-purge'])
  const ids = Object.values<Record<string, { operationId: string }>>(paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  )
  expect(new Set(ids).size).toBe(ids.length)
  expect(components.schemas.Problem.properties.type.enum).toContain('urn:erinys:problem:unknown-group')
  for (const path of Object.values<Record<string, { responses: object }>>(paths))
    for (const { responses } of Object.values(path))
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['400', '403']))
  expect(paths['/healthz'].get.security).toEqual([])
})

describe('where it listens', () => {
  test('nowhere, in a program that does not ask for it', async () => {
    expect(resolveConfig({}).http).toBeUndefined()
    const node = await createNode({ port: 0, bind: '127.0.0.1' })
    onTestFinished(() => node.close())
    await node.listen()
    expect(node.httpAddresses).toEqual([])
  })

  test('a default port that is in use is a warning, and the node starts', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const { config } = resolveLayers({ config: { port: 0, bind: '127.0.0.1' }, httpPort: port })
    const warnings: string[] = []
    const log = {
      info: () => undefined,
      warn: (_: object, message: string) => void warnings.push(message),
      error: () => undefined,
    }
    const node = await compose(config, { log })
    onTestFinished(() => node.close())
    await node.listen()
    expect(node.httpAddresses).toEqual([])
    expect(warnings).toEqual([
      `port ${port} is in use, so this node has no HTTP: give it another with --http-port, or 0 for none`,
    ])
  })

  test('a port that was asked for and is in use is an error', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const node = await createNode({ port: 0, bind: '127.0.0.1', http: { port, bind: '127.0.0.1' } })
    await expect(node.listen()).rejects.toThrow('EADDRINUSE')
    await node.close()
  })
})

test('a closed node gives its commands up: 503', async () => {
  const gated = new GatedOrigin()
  const node = await startHttp({ shutdownTimeout: 0, groups: { g: { origin: gated } } })
  const socket = await open(node.port)
  socket.write('GET /cache/g/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await gated.isAskedFor('a')
  socket.resume()
  await Promise.all([closed(socket), node.node.close()])
})
