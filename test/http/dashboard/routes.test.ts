// What the dashboard asks of a node, and does.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Assets } from '../../../src/http/dashboard/assets.ts'
import { type DashboardState, shownTo } from '../../../src/http/dashboard/state.ts'
import type { ShownValue } from '../../../src/http/dashboard/value.ts'
import { createNode, type Node, sortedSet } from '../../../src/index.ts'

let node: Node
let url = ''
let loads = 0

beforeAll(async () => {
  node = await createNode({
    port: 0,
    bind: '127.0.0.1',
    http: { port: 'any', bind: '127.0.0.1' },
    groups: {
      users: {
        origin: (key) => {
          loads++
          switch (key) {
            case 'hash':
              return { name: 'Tom', city: 'Turin' }
            case 'list':
              return ['a', 'b']
            case 'set':
              return new Set(['x'])
            case 'zset':
              return sortedSet([
                ['low', 1],
                ['high', 2],
              ])
            case 'absent':
              return null
            default:
              return `value of ${key}`
          }
        },
      },
      cache: {},
    },
  })
  await node.listen()
  const [{ host, port }] = node.httpAddresses
  url = `http://${host}:${port}`
})
afterAll(() => node.close())

async function get<Answer>(path: string): Promise<Answer> {
  const response = await fetch(url + path)
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()) as Answer
}

async function post(path: string): Promise<[status: number, body: Record<string, unknown>]> {
  const response = await fetch(url + path, { method: 'POST' })
  return [response.status, (await response.json()) as Record<string, unknown>]
}

test('the state has the groups, and what the user may do', async () => {
  await node.get('users', 'Tom')
  const state = await get<DashboardState>('/dashboard/state')
  expect(state.node.phase).toBe('ready')
  expect(state.groups.map(({ name }) => name)).toEqual(['users', 'cache'])
  expect(state.groups[0]).toMatchObject({ origin: 'function', breaker: 'closed' })
  expect(state.groups[0].loadCounts).toHaveLength(state.loadLimits.length + 1)
  expect(state.cluster).toBeNull()
  expect(state.may).toEqual({ browse: true, invalidate: true, flush: true, drain: true })
})

describe('values', () => {
  const read = async (key: string): Promise<ShownValue> => get(`/dashboard/value/users/${key}`)

  test('are shown by their type', async () => {
    const long = 'x'.repeat(20_000)
    await node.set('users', 'long', long)
    for (const key of ['text', 'hash', 'list', 'set', 'zset'])
      await fetch(`${url}/cache/users/${key}`).then((response) => response.arrayBuffer())
    expect((await read('text')).value).toEqual({ kind: 'string', text: 'value of text', bytes: 13 })
    expect((await read('hash')).value).toEqual({
      kind: 'elements',
      columns: ['Field', 'Value'],
      rows: [
        ['name', 'Tom'],
        ['city', 'Turin'],
      ],
    })
    expect((await read('list')).value).toMatchObject({
      rows: [
        ['0', 'a'],
        ['1', 'b'],
      ],
    })
    expect((await read('set')).value).toMatchObject({ rows: [['x']] })
    expect((await read('zset')).value).toMatchObject({
      rows: [
        ['low', '1'],
        ['high', '2'],
      ],
    })
    expect((await read('long')).value).toMatchObject({ bytes: 20_000 })
  })

  test('are not loaded to be shown', async () => {
    const before = loads
    const shown = await read('never')
    expect(shown.value).toBeNull()
    expect(shown.explanation).toMatchObject({ source: 'origin', state: 'none' })
    await node.get('users', 'absent')
    expect((await read('absent')).explanation.source).toBe('absence')
    expect(loads).toBe(before + 1)
  })

  test('of keys of any bytes', async () => {
    const key = Buffer.from([0, 0xff, 0x2f, 0x25])
    await node.set('cache', key, 'bytes')
    const { keys } = await get<{ keys: { id: string; text: string }[] }>('/dashboard/keys/cache')
    expect(keys).toEqual([{ id: '%00%FF%2F%25', text: '\\x00\\xff/%' }])
    const shown = await get<ShownValue>(`/dashboard/value/cache/${keys[0].id}`)
    expect(shown.value).toMatchObject({ text: 'bytes' })
    expect(await post(`/dashboard/invalidate/cache/${keys[0].id}`)).toEqual([200, { removed: 1 }])
    expect(await node.get('cache', key)).toBeNull()
  })
})

test('keys come in pages, by a pattern', async () => {
  await Promise.all(Array.from({ length: 3000 }, (_, i) => node.set('cache', `page:${i}`, '1')))
  const seen = new Set<string>()
  let cursor = '0'
  do {
    const page = await get<{ keys: { text: string }[]; cursor: string }>(
      `/dashboard/keys/cache?match=page:*&cursor=${cursor}`,
    )
    for (const { text } of page.keys) seen.add(text)
    cursor = page.cursor
  } while (cursor !== '0')
  expect(seen.size).toBe(3000)
  await node.flush('cache')
})

describe('actions', () => {
  test('invalidate a key, a tag, flush a group', async () => {
    await node.get('users', 'gone')
    expect(await post('/dashboard/invalidate/users/gone')).toEqual([200, { removed: 1 }])
    expect(await post('/dashboard/invalidate/users/gone')).toEqual([200, { removed: 0 }])
    expect(await post('/dashboard/invalidate-tag/users?tag=t')).toEqual([200, { tag: 't' }])
    await node.get('users', 'flushed')
    expect(await post('/dashboard/flush/users')).toEqual([200, { group: 'users' }])
    expect((await node.stats('users')).keys).toBe(0)
  })

  test('say what is wrong', async () => {
    expect(await post('/dashboard/flush/nobody')).toMatchObject([
      404,
      { type: 'urn:erinys:problem:unknown-group' },
    ])
    expect(await post('/dashboard/invalidate-tag/users')).toMatchObject([
      400,
      { detail: 'give a tag: ?tag=…' },
    ])
    expect(await post('/dashboard/drain')).toMatchObject([
      400,
      { detail: 'there is no other node to hand anything over to' },
    ])
    expect((await fetch(`${url}/dashboard/keys/users?cursor=x`)).status).toBe(400)
  })

  test('a key of dots, which a browser cannot send in a path, comes in the query', async () => {
    for (const key of ['', '.', '..']) await node.set('cache', key, `of ${key}`)
    for (const key of ['.', '..']) {
      const shown = await get<ShownValue>(`/dashboard/value/cache/?key=${key}`)
      expect(shown.value).toMatchObject({ kind: 'string', text: `of ${key}` })
    }
    expect(await post('/dashboard/invalidate/cache/?key=..')).toEqual([200, { removed: 1 }])
    expect(await post('/dashboard/invalidate/cache/?key=%2E')).toEqual([200, { removed: 1 }])
    expect(await node.get('cache', '')).toBe('of ')
    expect((await fetch(`${url}/dashboard/value/cache/?key=%`)).status).toBe(400)
    expect((await fetch(`${url}/cache/cache/?key=a`)).status).toBe(400)
    await node.flush('cache')
  })

  test('are not for pages of other web origins, nor for GET', async () => {
    await node.get('users', 'kept')
    const foreign: Record<string, string>[] = [
      { origin: 'http://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ]
    for (const headers of foreign) {
      const response = await fetch(`${url}/dashboard/flush/users`, { method: 'POST', headers })
      expect(response.status).toBe(403)
    }
    expect((await fetch(`${url}/dashboard/flush/users`)).status).toBe(405)
    expect((await node.stats('users')).keys).toBe(1)
  })
})

describe('a user sees', () => {
  let guarded: Node
  let admin: Redis
  let address = ''
  beforeAll(async () => {
    guarded = await createNode({
      port: 0,
      bind: '127.0.0.1',
      http: { port: 'any', bind: '127.0.0.1' },
      slowlogLogSlowerThan: 0,
      users: {
        default: 'on >admin ~* &* +@all',
        viewer: 'on >v ~* @group:open +info +scan +group|list +group|info',
      },
      groups: {
        open: { origin: (key) => (key === 'bad' ? Promise.reject(new Error('broken')) : key) },
        closed: { origin: (key) => (key === 'bad' ? Promise.reject(new Error('broken')) : key) },
      },
    })
    const [{ port: redisPort }] = await guarded.listen()
    const [{ host, port }] = guarded.httpAddresses
    address = `http://${host}:${port}`
    admin = new Redis(redisPort, host, { password: 'admin' })
    for (const group of ['open', 'closed']) {
      await admin.call('SELECT', group)
      await guarded.get(group, 'bad').catch(() => null)
    }
  })
  afterAll(async () => {
    admin.disconnect()
    await guarded.close()
  })

  const as = async <Answer>(path: string, name: string, password: string): Promise<Answer> => {
    const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
    return (await (await fetch(address + path, { headers: { authorization } })).json()) as Answer
  }

  test('the names of keys of those groups only that it may browse, and no commands of others', async () => {
    const all = await as<DashboardState>('/dashboard/state', 'default', 'admin')
    expect(all.failures.map(({ key }) => key.text)).toEqual(['bad', 'bad'])
    const some = await as<DashboardState>('/dashboard/state', 'viewer', 'v')
    const keys = some.failures.map(({ group, key }) => [group, key.text])
    expect(keys.sort()).toEqual([
      ['closed', ''],
      ['open', 'bad'],
    ])
    const hotKeys = ['open', 'closed'].map((group) => ({ id: 'a', text: 'a', group, rate: 1, share: 1 }))
    const seesHotKeysOf = (group: string): boolean => group === 'open'
    const rights = { user: null, may: some.may, seesKeysOf: () => true, seesHotKeysOf, seesSlowLog: false }
    expect(shownTo({ ...all, hotKeys }, rights).hotKeys.map(({ group }) => group)).toEqual(['open'])
    // It may not ask for them (HOTKEYS), although it may browse.
    expect(some.hotKeys).toEqual([])
    expect(all.slowLog.length).toBeGreaterThan(0)
    expect(some.slowLog).toEqual([])
  })

  test('what it may not do without an entry in the log of refusals', async () => {
    const state = await as<DashboardState>('/dashboard/state', 'viewer', 'v')
    expect(state.may).toEqual({ browse: true, invalidate: false, flush: false, drain: false })
    const listed = await as<{ name: string }[]>('/groups', 'viewer', 'v')
    expect(listed.map(({ name }) => name)).toEqual(['open'])
    expect(await admin.call('ACL', 'LOG')).toEqual([])
  })
})

describe('files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'erinys-assets-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('are read once, and only those of the page', () => {
    writeFileSync(join(folder, 'app.js'), 'script')
    const assets = new Assets([pathToFileURL(`${folder}/`)])
    const script = assets.get('app.js')
    expect(script?.bytes.toString()).toBe('script')
    expect(script?.type).toBe('text/javascript; charset=utf-8')
    expect(script?.compressed.length).toBeGreaterThan(0)
    expect(assets.get('app.js')).toBe(script)
    for (const name of ['app.css', '../package.json', 'toString', '__proto__', ''])
      expect(assets.get(name), name).toBeUndefined()
  })

  test('an unknown one is not found', async () => {
    for (const path of ['/dashboard/files/state.ts', '/dashboard/files/..%2fstate.ts'])
      expect((await fetch(url + path)).status, path).toBe(404)
  })
})
