// A trace crosses nodes: what the owner of a key does is a child of the hop of the node that was asked.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { http } from '../../src/index.ts'
import { ownersOf, startCluster, type TestCluster } from '../support/cluster.ts'
import { connectAsPeer } from '../support/peer-client.ts'
import { poll } from '../support/poll.ts'
import { type RecordedSpan, registerTracer } from '../support/tracer.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const PARENT = `00-${TRACE}-${SPAN}-01`

const sdk = registerTracer()
let cluster: TestCluster
let client: Redis
/** What the origin server has received, by key. */
const received = new Map<string, string | undefined>()
/** Keys that were not used, by the index of their owner. */
const keys: [string[], string[]] = [[], []]
const server = createServer((request, response) => {
  received.set(String(request.url).slice(1), request.headers.traceparent as string | undefined)
  response.end(`value of ${request.url}`)
})

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const origin = http({ url: `http://127.0.0.1:${port}/{key}` })
  cluster = await startCluster(2, {
    groups: { pages: { maxBytes: '16mb', origin }, cache: { maxBytes: '16mb' } },
    http: { port: 'any', bind: '127.0.0.1' },
  })
  client = new Redis(cluster.ports[0])
  const names = Array.from({ length: 100 }, (_, i) => `key${i}`)
  const owners = await ownersOf(cluster.members[0], names)
  for (const [i, name] of names.entries()) keys[cluster.ports.indexOf(owners[i])].push(name)
})

afterAll(async () => {
  client.disconnect()
  await cluster.close()
  server.close()
  sdk.remove()
})

beforeEach(async () => {
  sdk.spans.length = 0
  sdk.isSampling = true
})

/** A key of the first node, or of the other one. */
function keyOf(owner: 0 | 1): string {
  return keys[owner].pop() as string
}

/** The spans, all of one trace and ended, once there are that many. */
async function spansOf(count: number): Promise<readonly RecordedSpan[]> {
  await poll(() => sdk.spans.length >= count && sdk.spans.every(({ hasEnded }) => hasEnded), 'the spans')
  expect(sdk.spans).toHaveLength(count)
  expect(new Set(sdk.spans.map(({ traceId }) => traceId)).size).toBe(1)
  return sdk.spans
}

test('a trace that begins at an HTTP client reaches the origin over two nodes', async () => {
  const key = keyOf(1)
  const [{ port }] = cluster.members[0].node.httpAddresses
  const response = await fetch(`http://127.0.0.1:${port}/cache/pages/${key}`, {
    headers: { traceparent: PARENT },
  })
  expect(await response.text()).toBe(`value of /${key}`)
  await spansOf(6)
  const [call] = sdk.named('erinys.origin')
  expect(sdk.pathOf(call)).toEqual([
    'erinys.origin',
    'erinys.load',
    'erinys.command fetch',
    'erinys.hop',
    'erinys.command fetch',
    'GET /cache/{group}/{key*}',
  ])
  expect(sdk.named('GET /cache/{group}/{key*}')[0].parent).toBe(SPAN)
  expect(received.get(key)).toBe(`00-${TRACE}-${call.id}-01`)
  const [hop] = sdk.named('erinys.hop')
  expect(hop.attributes).toEqual({ 'erinys.group': 'pages', 'erinys.peer': `127.0.0.1:${cluster.ports[1]}` })
})

test('a GET of a Redis client begins a trace at the node that it asks', async () => {
  const key = keyOf(1)
  expect(await client.get(key)).toBe(`value of /${key}`)
  await spansOf(5)
  const path = ['erinys.load', 'erinys.command get', 'erinys.hop', 'erinys.command get']
  expect(sdk.pathOf(sdk.named('erinys.load')[0])).toEqual(path)
  expect(sdk.spans[0].parent).toBeUndefined()
  sdk.spans.length = 0
  expect(await client.get(key)).toBe(`value of /${key}`)
  await spansOf(2)
  expect(sdk.pathOf(sdk.spans[1])).toEqual(['erinys.hop', 'erinys.command get'])
})

test('an error of the owner is that of the hop and of the command', async () => {
  const key = keyOf(1)
  await client.get(key)
  await spansOf(5)
  sdk.spans.length = 0
  await expect(client.incr(key)).rejects.toThrow('not an integer')
  const text = 'ERR value is not an integer or out of range'
  expect((await spansOf(2)).map(({ error }) => error)).toEqual([text, text])
})

test('pipelined commands on both nodes keep their order, and each has a trace', async () => {
  const own = [keyOf(0), keyOf(1), keyOf(1), keyOf(0), keyOf(1)]
  const pipeline = client.pipeline()
  for (const key of own) pipeline.get(key)
  const replies = await pipeline.exec()
  expect(replies?.map(([, value]) => value)).toEqual(own.map((key) => `value of /${key}`))
  const loads = sdk.named('erinys.load')
  expect(new Set(loads.map(({ traceId }) => traceId)).size).toBe(5)
  expect(loads.map((load) => sdk.pathOf(load).length).sort()).toEqual([2, 2, 4, 4, 4])
})

test('the parts of a command with keys of several owners are in one trace', async () => {
  const own = [keyOf(0), keyOf(1), keyOf(0), keyOf(1)]
  expect(await client.mget(own)).toEqual(own.map((key) => `value of /${key}`))
  // One command; its part here with two loads; the hop, and the part there with two loads. A load calls the origin.
  await spansOf(1 + (1 + 2 * 2) + 1 + (1 + 2 * 2))
  const paths = sdk.named('erinys.load').map((load) => sdk.pathOf(load).join(' < '))
  const here = 'erinys.load < erinys.command mget < erinys.command mget'
  const there = 'erinys.load < erinys.command mget < erinys.hop < erinys.command mget'
  expect(paths.sort()).toEqual([here, here, there, there])
})

test('a command on all nodes has a hop to each of the others', async () => {
  await client.dbsize()
  await poll(() => sdk.spans.every(({ hasEnded }) => hasEnded), 'the end of the spans')
  const hops = sdk.named('erinys.hop')
  expect(hops.length).toBeGreaterThan(0)
  for (const hop of hops) expect(sdk.pathOf(hop)).toEqual(['erinys.hop', 'erinys.command dbsize'])
})

test('a transaction takes its trace to the owner', async () => {
  const key = keyOf(1)
  await client.multi().get(key).exec()
  await spansOf(5)
  expect(sdk.pathOf(sdk.named('erinys.load')[0])).toEqual([
    'erinys.load',
    'erinys.command peer|exec',
    'erinys.hop',
    'erinys.command exec',
  ])
})

test('a command that waits for a key has a hop as long as it waits', async () => {
  const key = keyOf(1)
  const waiting = new Redis(cluster.ports[0], { db: 1 })
  try {
    const popped = waiting.blpop(key, 0)
    await poll(() => sdk.named('erinys.hop').length === 1, 'the hop')
    expect(sdk.spans.some(({ hasEnded }) => hasEnded)).toBe(false)
    const other = new Redis(cluster.ports[1], { db: 1 })
    await other.rpush(key, 'element')
    other.disconnect()
    expect(await popped).toEqual([key, 'element'])
    expect(sdk.named('erinys.command blpop').map(({ hasEnded }) => hasEnded)).toEqual([true])
    expect(sdk.named('erinys.hop').map(({ hasEnded }) => hasEnded)).toEqual([true])
  } finally {
    waiting.disconnect()
  }
})

test('whether a trace is sampled is decided once', async () => {
  sdk.isSampling = false
  await client.get(keyOf(1))
  const spans = await spansOf(5)
  expect(spans.map(({ traceFlags }) => traceFlags)).toEqual([0, 0, 0, 0, 0])
})

test('a request that came to the wrong node is passed on with its trace', async () => {
  const key = keyOf(0)
  const peer = await connectAsPeer(cluster.ports[1])
  expect(peer.hello.takesTraces).toBe(true)
  peer.send(['PEER', 'CONTEXT', 'pages', '2', '0', '0', PARENT, 'vendor=a,no member,other=b'], ['GET', key])
  await poll(() => peer.received().includes(`value of /${key}`), 'the reply')
  await spansOf(4)
  const [load] = sdk.named('erinys.load')
  expect(sdk.pathOf(load)).toEqual(['erinys.load', 'erinys.command get', 'erinys.hop'])
  expect(sdk.named('erinys.hop')[0].parent).toBe(SPAN)
  expect(load.traceId).toBe(TRACE)
  expect(load.traceState?.serialize()).toBe('vendor=a,other=b')
})

test.each([
  ['no trace', []],
  ['an empty trace', ['']],
  ['no valid trace', ['00-0af7-b7ad-01']],
  ['the trace of no span', [`00-${TRACE}-0000000000000000-01`, 'vendor=a']],
])('a request of another node with %s begins a trace', async (_, trace) => {
  const [first, second] = [keyOf(1), keyOf(1)]
  const peer = await connectAsPeer(cluster.ports[1])
  peer.send(
    ['PEER', 'CONTEXT', 'pages', '2', '0', '0', PARENT],
    ['GET', first],
    ['PEER', 'CONTEXT', 'pages', '2', '0', '0', ...trace],
    ['GET', second],
  )
  await poll(() => peer.received().includes(`value of /${second}`), 'the reply')
  await poll(() => peer.received().includes(`value of /${first}`), 'the other reply')
  const commands = sdk.named('erinys.command get')
  expect(commands.map(({ parent }) => parent)).toEqual([SPAN, undefined])
  expect(commands[1].traceId).not.toBe(TRACE)
})

test('a client cannot give a trace', async () => {
  const socket = connect(cluster.ports[1], '127.0.0.1')
  socket.write(`PEER CONTEXT pages 2 0 0 ${PARENT}\r\n`)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  expect(String(answer)).toMatch(/^-NOPERM/)
})
