// HTTP through any node of a cluster.

import { describe, expect, onTestFinished, test } from 'vitest'
import { keySlot } from '../../src/bytes/crc16.ts'
import { startCluster } from '../support/cluster.ts'
import { type Answer, ask, problemOf } from '../support/http.ts'
import { poll } from '../support/poll.ts'

const http = { port: 'any', bind: '127.0.0.1' }

async function start(redirect: 'forward' | 'moved' = 'forward', copyMaxAge = '1s') {
  let loads = 0
  const cluster = await startCluster(3, {
    http,
    cluster: { redirect, copyMaxAge },
    groups: {
      g: {
        ttl: '1h',
        origin: (key) => {
          loads++
          if (key.startsWith('bad')) throw new Error('no such table')
          return key.startsWith('hash') ? { name: key } : `value of ${key}`
        },
      },
    },
  })
  onTestFinished(() => cluster.close())
  await cluster.agreed()
  const ports = cluster.members.map(({ node }) => node.httpAddresses[0].port)
  return { cluster, ports, loads: () => loads }
}

const KEYS = Array.from({ length: 30 }, (_, i) => `key:${i}`)

describe.each(['forward', 'moved'] as const)('with redirect: %s', (redirect) => {
  test('every node answers for every key, and each is loaded once', async () => {
    const { ports, loads } = await start(redirect)
    for (const key of KEYS)
      for (const port of ports) expect((await ask(port, `/cache/g/${key}`)).text).toBe(`value of ${key}`)
    expect(loads()).toBe(KEYS.length)
  })
})

test('headers tell of the hop, and facts come from the owner', async () => {
  const { ports } = await start()
  const answers: Answer[] = []
  for (const port of ports) answers.push(await ask(port, '/cache/g/a'))
  const forwarded = answers.filter(({ headers }) => /\bhop;dur=[\d.]+/.test(String(headers['server-timing'])))
  // The other two have it from the owner, if not already as a copy.
  expect(forwarded.length).toBeGreaterThanOrEqual(1)
  expect(new Set(answers.map(({ headers }) => headers.etag)).size).toBe(1)
  for (const { headers } of answers) expect(headers['cache-control']).toMatch(/^max-age=\d+/)
})

test('writes, deletes and purges through one node are seen through all', async () => {
  const { ports } = await start()
  const [first, second, third] = ports
  for (const key of KEYS) await ask(first, `/cache/g/${key}`, { method: 'PUT', body: `new ${key}` })
  for (const key of KEYS) expect((await ask(second, `/cache/g/${key}`)).text).toBe(`new ${key}`)
  for (const key of KEYS) await ask(third, `/cache/g/${key}`, { method: 'PURGE' })
  for (const key of KEYS) expect((await ask(first, `/cache/g/${key}`)).text).toBe(`value of ${key}`)
  const tags = { 'X-Tags': 'red' }
  for (const key of KEYS)
    await ask(first, `/cache/g/${key}`, { method: 'PUT', body: 'tagged', headers: tags })
  await ask(second, '/cache/g', { method: 'PURGE', headers: { 'Cache-Tag': 'red' } })
  for (const key of KEYS) expect((await ask(third, `/cache/g/${key}`)).text).toBe(`value of ${key}`)
})

test('many keys of all owners, collections and errors', async () => {
  const { ports } = await start()
  const answer = await ask(ports[0], '/cache/g', { method: 'POST', body: JSON.stringify(KEYS) })
  expect(answer.json()).toEqual(Object.fromEntries(KEYS.map((key) => [key, `value of ${key}`])))
  for (const port of ports) {
    expect((await ask(port, '/cache/g/hash')).json()).toEqual({ name: 'hash' })
    expect(problemOf(await ask(port, '/cache/g/bad'))).toEqual({ status: 502, type: 'origin-failed' })
  }
})

test('the cluster as each node sees it', async () => {
  const { cluster, ports } = await start()
  for (const port of ports) {
    const seen = (await ask(port, '/cluster')).json()
    expect(seen).toMatchObject({ enabled: true, joined: true, living: 3, problem: null })
    const members: { name: string; state: string; slots: number; ranges: [number, number][] }[] = seen.members
    expect(members.map(({ name }) => name).sort()).toEqual(
      cluster.ports.map((each) => `127.0.0.1:${each}`).sort(),
    )
    expect(members.reduce((sum, { slots }) => sum + slots, 0)).toBe(16_384)
    const slot = keySlot(Buffer.from('a'), 0, 1)
    const owner = members.find(({ ranges }) => ranges.some(([first, last]) => first <= slot && slot <= last))
    const explained = (await ask(port, '/explain/g/a')).json()
    expect(explained.owner === 'self' ? seen.self : explained.owner).toBe(owner?.name)
  }
})

test('a hot key is answered from a copy', async () => {
  const { cluster, ports } = await start('forward', '60s')
  // In one write, so that a key is hot however slow the machine is.
  const gets = Array.from({ length: 50 }, () => ['get', 'hot'])
  await poll(async () => {
    await Promise.all(cluster.members.map(({ watcher }) => watcher.pipeline(gets).exec()))
    const answers = await Promise.all(ports.map((port) => ask(port, '/cache/g/hot')))
    for (const { text } of answers) expect(text).toBe('value of hot')
    return answers.some(({ headers }) => headers['x-cache'] === 'copy')
  }, 'a copy of a hot key')
})
