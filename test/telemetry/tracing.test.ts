// Spans of a request: from the header `traceparent` to the header of the request to the origin.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { type Config, createNode, http, type Node } from '../../src/index.ts'
import {
  contextOf,
  enableTracing,
  headersOf,
  sampledHeaders,
  type TraceHeaders,
} from '../../src/telemetry/tracing.ts'
import { parseExposition } from '../support/exposition.ts'
import { GatedOrigin } from '../support/gated-origin.ts'
import { Harness } from '../support/harness.ts'
import { poll } from '../support/poll.ts'
import { registerTracer } from '../support/tracer.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`

let sdk: ReturnType<typeof registerTracer>
beforeEach(() => {
  sdk = registerTracer()
})
afterEach(() => sdk.remove())

/** A node, the port of the Redis protocol, and the URL of HTTP. */
async function start(groups: Config['groups']): Promise<{ node: Node; port: number; url: string }> {
  const node = await createNode({
    port: 0,
    bind: '127.0.0.1',
    http: { port: 'any', bind: '127.0.0.1' },
    groups,
  })
  const [{ port }] = await node.listen()
  const [web] = node.httpAddresses
  return { node, port, url: `http://${web.host}:${web.port}` }
}

const pathOf: (typeof sdk)['pathOf'] = (span) => sdk.pathOf(span)
const named: (typeof sdk)['named'] = (name) => sdk.named(name)

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
    await expect.poll(() => named('GET /cache/{group}/{key*}')[0].hasEnded).toBe(true)
    for (const format of ['openmetrics', 'prometheus'] as const) {
      const accept = format === 'openmetrics' ? 'application/openmetrics-text' : 'text/plain'
      const scrape = await fetch(`${url}/metrics`, { headers: { accept } })
      const families = parseExposition(await scrape.text(), format)
      const exemplarsOf = (family: string): unknown[] =>
        families.get(family)!.samples.flatMap(({ exemplar }) => (exemplar ? [exemplar.labels] : []))
      const spans = {
        erinys_origin_load_duration_seconds: 'erinys.load',
        erinys_http_request_duration_seconds: 'GET /cache/{group}/{key*}',
      }
      for (const [family, span] of Object.entries(spans)) {
        const wanted = { trace_id: TRACE, span_id: named(span)[0].id }
        expect(exemplarsOf(family)).toEqual(format === 'openmetrics' ? [wanted] : [])
      }
    }
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

test("a Redis client's command is no child of another request of the same event-loop batch", async () => {
  enableTracing()
  const harness = new Harness({ groups: { own: { origin: (key) => key } } })
  const span = trace.getTracer('other').startSpan('other')
  await context.with(trace.setSpan(ROOT_CONTEXT, span), () => harness.call('GET', 'a'))
  expect(pathOf(named('erinys.load')[0])).toEqual(['erinys.load', 'erinys.command get'])
})

test('a command that joins a load of another trace is linked to it', async () => {
  const origin = new GatedOrigin()
  const { node, port } = await start({ own: { origin: origin.load } })
  const clients = [1, 2].map(() => new Redis(port))
  try {
    const first = clients[0].get('a')
    await origin.isAskedFor('a')
    const second = clients[1].get('a')
    await poll(() => named('erinys.command get').length === 2, 'the second command')
    origin.give('a', 'value')
    expect(await Promise.all([first, second])).toEqual(['value', 'value'])
    const [load] = named('erinys.load')
    expect(load.attributes).toMatchObject({ 'erinys.waiters': 2 })
    const [one, two] = named('erinys.command get')
    expect(one.links).toEqual([])
    expect(two.links.map((link) => link.context.spanId)).toEqual([load.id])
    expect(one.traceId).not.toBe(two.traceId)
  } finally {
    for (const client of clients) client.disconnect()
    await node.close()
  }
})

test('a load in the background is a trace of its own', async () => {
  const clock = new ManualClock()
  const node = await createNode(
    {
      port: 0,
      bind: '127.0.0.1',
      groups: { own: { ttl: '1s', jitter: 0, staleWhileRevalidate: '1m', origin: (key) => key } },
    },
    { clock },
  )
  try {
    await node.get('own', 'a')
    clock.advance(1500)
    const span = trace.getTracer('program').startSpan('program')
    await context.with(trace.setSpan(ROOT_CONTEXT, span), () => node.get('own', 'a'))
    await poll(() => named('erinys.load').length === 2, 'the refresh')
    expect(named('erinys.load')[1].parent).toBeUndefined()
  } finally {
    await node.close()
  }
})

describe('a write of the origin', () => {
  const writes: string[] = []
  const origin = {
    load: (key: string) => key,
    store: (key: string) => {
      if (key === 'broken') throw new Error('read-only')
      writes.push(trace.getActiveSpan()?.spanContext().spanId ?? '')
    },
    remove: () => undefined,
  }

  test('through the cache is a child of its command', async () => {
    const { node, port } = await start({ own: { origin, write: 'through' } })
    const client = new Redis(port)
    try {
      await client.set('a', 'value')
      await client.del('a')
      const calls = named('erinys.origin')
      expect(calls.map(({ attributes }) => attributes['erinys.call'])).toEqual(['store', 'remove'])
      expect(calls.map((call) => pathOf(call))).toEqual([
        ['erinys.origin', 'erinys.command set'],
        ['erinys.origin', 'erinys.command del'],
      ])
      expect(writes.at(-1)).toBe(calls[0].id)
      await expect(client.set('broken', 'value')).rejects.toThrow('read-only')
      expect(named('erinys.origin')[2].error).toBe('read-only')
      expect(named('erinys.command set')[1].error).toBe('ORIGIN own: read-only')
      expect(sdk.spans.every(({ hasEnded }) => hasEnded)).toBe(true)
    } finally {
      client.disconnect()
      await node.close()
    }
  })

  test('behind the cache is a trace of its own', async () => {
    const { node, port } = await start({ own: { origin, write: 'behind' } })
    const client = new Redis(port)
    try {
      await client.set('a', 'value')
      await poll(() => named('erinys.origin').some(({ hasEnded }) => hasEnded), 'the write')
      expect(named('erinys.origin')[0].parent).toBeUndefined()
    } finally {
      client.disconnect()
      await node.close()
    }
  })
})

describe('a context as text', () => {
  const parse = (traceparent: string, tracestate = ''): TraceHeaders | undefined => {
    const active = contextOf({ traceparent, tracestate })
    return active && headersOf(active)
  }

  beforeEach(() => enableTracing())

  test.each([
    [PARENT, 'vendor=a,other=b'],
    [`00-${TRACE}-b7ad6b7169203331-00`, ''],
  ])('%s %s is read and written', (traceparent, tracestate) => {
    expect(parse(traceparent, tracestate)).toEqual({ traceparent, tracestate })
  })

  test('a later version has parts that this one ignores', () => {
    expect(parse(`cc-${TRACE}-b7ad6b7169203331-01-more`)).toEqual({ traceparent: PARENT, tracestate: '' })
  })

  test.each([
    '',
    'x',
    PARENT.toUpperCase(),
    PARENT.slice(0, -1),
    `${PARENT}1`,
    `ff${PARENT.slice(2)}`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `${PARENT}\r\nSET a b`,
  ])('%j is none', (traceparent) => {
    expect(parse(traceparent)).toBeUndefined()
  })

  test.each(['no member', 'a=b\r\n', '=', ',,,', `a=${'x'.repeat(600)}`])(
    'the state %j is left out',
    (tracestate) => {
      expect(parse(PARENT, tracestate)?.traceparent).toBe(PARENT)
      expect(parse(PARENT, tracestate)?.tracestate).toMatch(/^(?:a=b)?$/)
    },
  )
})

describe('without an SDK', () => {
  test('no context is read', () => {
    sdk.remove()
    enableTracing()
    expect(contextOf({ traceparent: PARENT, tracestate: '' })).toBeUndefined()
    expect(sampledHeaders()).toBeUndefined()
  })

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
