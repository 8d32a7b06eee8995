// GET /metrics of a node that listens.

import { expect, test } from 'vitest'
import { createNode, type Node } from '../../../src/index.ts'
import { parseExposition, sampled } from '../../support/exposition.ts'

const http = { port: 'any', bind: '127.0.0.1' } as const

async function withNode(requirepass: string, run: (url: string, node: Node) => Promise<void>): Promise<void> {
  const groups = { scores: { origin: async (key: string) => key } }
  const node = await createNode({ port: 0, bind: '127.0.0.1', requirepass, http, groups })
  try {
    await node.listen()
    const [{ host, port }] = node.httpAddresses
    await run(`http://${host}:${port}/metrics`, node)
  } finally {
    await node.close()
  }
}

test('answers in the format of Prometheus, or OpenMetrics if the client asks for it', async () => {
  await withNode('', async (url, node) => {
    await node.get('scores', 'Tom')
    const plain = await fetch(url)
    expect(plain.status).toBe(200)
    expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const families = parseExposition(await plain.text(), 'prometheus')
    expect(sampled(families, 'erinys_group_loads_total', { group: 'scores' })).toBe(1)
    expect(sampled(families, 'process_resident_memory_bytes')).toBeGreaterThan(0)
    expect(families.has('nodejs_eventloop_delay_seconds')).toBe(true)
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5'
    const open = await fetch(url, { headers: { accept } })
    expect(open.headers.get('content-type')).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    )
    const again = parseExposition(await open.text(), 'openmetrics')
    expect(sampled(again, 'erinys_scrape_duration_seconds')).toBeGreaterThan(0)
  })
})

test('needs the password', async () => {
  await withNode('secret', async (url) => {
    expect((await fetch(url)).status).toBe(401)
    const authorization = `Basic ${Buffer.from('default:secret').toString('base64')}`
    expect((await fetch(url, { headers: { authorization } })).status).toBe(200)
  })
})
