// Spans of a request: from the header `traceparent` to the header of the request to the origin.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Config, createNode, http, type Node } from '../../src/index.ts'
import { startCluster } from '../support/cluster.ts'
import { type RecordedSpan, registerTracer } from '../support/tracer.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`

let sdk: ReturnType<typeof registerTracer>
beforeEach(() => {
  sdk = registerTracer()
})
afterEach(() => sdk.remove())

async function start(groups: Config['groups']): Promise<{ node: Node; url: string }> {
  const node = await createNode({
    port: 0,
    bind: '127.0.0.1',
    http: { port: 'any', bind: '127.0.0.1' },
    groups,
  })
  await node.listen()
  const [{ host, port }] = node.httpAddresses
  return { node, url: `http://${host}:${port}` }
}

/** The names of a span and its ancestors, itself first. */
function pathOf(span: RecordedSpan | undefined): string[] {
  if (span === undefined) return []
  return [span.name, ...pathOf(sdk.spans.find(({ id }) => id === span.parent))]
}

function named(name: string): RecordedSpan[] {
  return sdk.spans.filter((span) => span.name === name)
}

test('a request over HTTP is traced to the origin, which gets the context', async () => {
  let received: string | undefined
  const origin = createServer((request, response) => {
    received = request.headers.traceparent as string | undefined
    response.end('value')
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  const { port } = origin.address() as AddressInfo
  const { node, url } = await start({ pages: { origin: http({ url: `http://127.0.0.1:${port}/{key}` }) } })
  try {
    const response = await fetch(`${url}/cache/pages/a`, { headers: { traceparent: PARENT } })
    expect(await response.text()).toBe('value')
    const [call] = named('erinys.origin')
    expect(pathOf(call)).toEqual([
      'erinys.origin',
      'erinys.load',
      'erinys.command fetch',
      'GET /cache/{group}/{key*}',
    ])
    expect(sdk.spans.every(({ traceId }) => traceId === TRACE)).toBe(true)
    expect(received).toBe(`00-${TRACE}-${call.id}-01`)
    expect(call.attributes).toMatchObject({ 'erinys.group': 'pages', 'erinys.origin': 'http' })
    await node.close()
    expect(sdk.spans.filter(({ hasEnded }) => !hasEnded)).toEqual([])
  } finally {
    await node.close()
    origin.close()
  }
})

test('many keys are one batch, linked to the other loads; a failure is recorded', async () => {
  const loadMany = (keys: readonly string[]): Map<string, string> => {
    if (keys.includes('broken')) throw new Error('no such table')
    return new Map(keys.map((key) => [key, key]))
  }
  const { node } = await start({ many: { origin: { load: (key) => key, loadMany } } })
  try {
    await node.getMany('many', ['a', 'b', 'c'])
    const [batch] = named('erinys.batch')
    expect(batch.attributes).toMatchObject({ 'erinys.keys': 3 })
    expect(batch.links).toHaveLength(2)
    expect(pathOf(named('erinys.origin')[0])).toEqual(['erinys.origin', 'erinys.batch', 'erinys.load'])
    await expect(node.getMany('many', ['broken', 'd'])).rejects.toThrow('no such table')
    expect(named('erinys.origin')[1].error).toBe('no such table')
    expect(named('erinys.load').at(-1)?.error).toBe('no such table')
    expect(sdk.spans.every(({ hasEnded }) => hasEnded)).toBe(true)
  } finally {
    await node.close()
  }
})

test('the span of a program that embeds the node is the parent', async () => {
  const { node } = await start({ own: { origin: (key) => key } })
  try {
    const span = trace.getTracer('program').startSpan('program')
    await context.with(trace.setSpan(ROOT_CONTEXT, span), () => node.get('own', 'a'))
    expect(pathOf(named('erinys.load')[0])).toEqual(['erinys.load', 'program'])
  } finally {
    await node.close()
  }
})

test('a hop to another node is a span', async () => {
  const cluster = await startCluster(2, { groups: { own: { origin: (key: string) => key } } })
  try {
    await cluster.agreed()
    const [{ node }] = cluster.members
    for (let i = 0; i < 20; i++) await node.get('own', `key${i}`)
    const hops = named('erinys.hop')
    expect(hops.length).toBeGreaterThan(0)
    expect(hops.every(({ hasEnded }) => hasEnded)).toBe(true)
  } finally {
    await cluster.close()
  }
})

describe('without an SDK', () => {
  test('nothing is traced', async () => {
    sdk.remove()
    const { node, url } = await start({ own: { origin: (key) => key } })
    try {
      expect(await (await fetch(`${url}/cache/own/a`, { headers: { traceparent: PARENT } })).text()).toBe('a')
      expect(sdk.spans).toEqual([])
    } finally {
      await node.close()
    }
  })
})
