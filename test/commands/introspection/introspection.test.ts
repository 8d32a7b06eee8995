import { describe, expect, test } from 'vitest'
import type { ArgumentSpec, CommandSpec } from '../../../src/commands/spec/command.ts'
import { createCommandTable } from '../../../src/execution/table.ts'
import { Harness } from '../../support/harness.ts'
import type { RedisReply } from '../../support/resp.ts'

const error = (message: string) => ({ name: 'ReplyError', message })

/** A flat RESP2 map as an object. */
function mapOf(reply: RedisReply): Record<string, RedisReply> {
  const flat = reply as RedisReply[]
  return Object.fromEntries(
    Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[2 * i]), flat[2 * i + 1]]),
  )
}

const { client } = new Harness()
const everySpec = createCommandTable().all.map(({ spec }) => spec)

describe('the table', () => {
  function* walk(specs: readonly CommandSpec[]): Generator<CommandSpec> {
    for (const spec of specs) {
      yield spec
      yield* walk(spec.subcommands ?? [])
    }
  }

  test('every command is documented', () => {
    for (const { name, summary, since, categories, flags } of walk(everySpec)) {
      expect(summary, name).not.toBe('')
      expect(since, name).toMatch(/^\d+\.\d+\.\d+$/)
      expect(categories, name).toContain(flags.includes('fast') ? 'fast' : 'slow')
      if (flags.includes('write')) expect(categories, name).toContain('write')
      if (flags.includes('readonly')) expect(categories, name).toContain('read')
      if (flags.includes('admin'))
        expect(categories, name).toEqual(expect.arrayContaining(['admin', 'dangerous']))
    }
  })

  test('every container answers HELP', async () => {
    // CLUSTER HELP answers in a cluster only, as in Redis.
    const { client, joined } = new Harness({ cluster: { host: '127.0.0.1', port: 7000 } })
    await joined
    for (const { name, subcommands } of everySpec) {
      if (subcommands === undefined) continue
      const lines = (await client.call(name, 'help')) as string[]
      expect(lines[0], name).toBe(
        `${name.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
      )
      for (const sub of subcommands) {
        expect(
          lines.some((line) => line.startsWith(sub.name.toUpperCase())),
          `${name} ${sub.name}`,
        ).toBe(true)
      }
    }
  })

  test('every argument that is a key belongs to a command with keys', () => {
    const hasKey = (list: readonly ArgumentSpec[]): boolean =>
      list.some((each) => each.type === 'key' || hasKey(each.arguments ?? []))
    for (const spec of walk(everySpec)) {
      expect(hasKey(spec.arguments ?? []), spec.name).toBe(spec.keys !== undefined)
    }
  })
})

describe('COMMAND', () => {
  test('lists all commands; COUNT counts them', async () => {
    const all = (await client.call('COMMAND')) as RedisReply[][]
    expect(all).toHaveLength(everySpec.length)
    expect(await client.call('COMMAND', 'INFO')).toEqual(all)
    expect(await client.call('COMMAND', 'COUNT')).toBe(everySpec.length)
    expect(all.map(([name]) => name)).toContain('get')
  })

  test('INFO of commands, of subcommands, and of unknown names', async () => {
    const keySpec = [
      ...['flags', ['RO', 'access'], 'begin_search', ['type', 'index', 'spec', ['index', 1]]],
      ...['find_keys', ['type', 'range', 'spec', ['lastkey', -1, 'keystep', 1, 'limit', 0]]],
    ]
    expect(await client.call('COMMAND', 'INFO', 'MGET', 'nosuch', 'client|id', 'client|nosuch')).toEqual([
      [
        ...['mget', -2, ['readonly', 'fast'], 1, -1, 1, ['@read', '@string', '@fast']],
        ...[['request_policy:multi_shard'], [keySpec], []],
      ],
      null,
      ['client|id', 2, ['noscript', 'loading', 'stale'], 0, 0, 0, ['@slow', '@connection'], [], [], []],
      null,
    ])
    const reply = (await client.call('COMMAND', 'INFO', 'config')) as RedisReply[][]
    expect((reply[0][9] as RedisReply[][]).map(([name]) => name)).toEqual([
      'config|get',
      'config|reload',
      'config|resetstat',
      'config|rewrite',
      'config|set',
      'config|help',
    ])
  })

  test('INFO has sets and maps in RESP3', async () => {
    const three = new Harness().client
    await three.raw('HELLO', 3)
    expect(await three.raw('COMMAND', 'INFO', 'get', 'nosuch')).toMatch(
      /^\*2\r\n\*10\r\n\$3\r\nget\r\n:2\r\n~2\r\n\+readonly\r\n\+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n\+@read\r\n.*\r\n%3\r\n\$5\r\nflags\r\n~2\r\n.*_\r\n$/s,
    )
  })
})

describe('COMMAND DOCS', () => {
  test('of one command', async () => {
    const docs = mapOf(await client.call('COMMAND', 'DOCS', 'PING', 'nosuch'))
    expect(Object.keys(docs)).toEqual(['ping'])
    expect(mapOf(docs.ping)).toEqual({
      summary: "Returns the server's liveliness response.",
      since: '1.0.0',
      group: 'connection',
      complexity: 'O(1)',
      arguments: [['name', 'message', 'type', 'string', 'display_text', 'message', 'flags', ['optional']]],
    })
  })

  test('of a deprecated command, a container, an unknown name', async () => {
    const docs = mapOf(await client.call('COMMAND', 'DOCS', 'quit', 'client', 'debug', 'monitor'))
    expect(mapOf(docs.quit)).toMatchObject({
      doc_flags: ['deprecated'],
      deprecated_since: '7.2.0',
      replaced_by: 'just closing the connection',
    })
    expect(mapOf(docs.debug)).toMatchObject({ doc_flags: ['syscmd'] })
    expect(mapOf(docs.monitor)).not.toHaveProperty('complexity')
    const kill = mapOf(mapOf(mapOf(docs.client).subcommands)['client|kill'])
    expect((kill.history as RedisReply[][])[0]).toEqual(['2.8.12', 'Added new filter format.'])
    const [filter] = kill.arguments as RedisReply[]
    const [, newFormat] = mapOf(filter).arguments as RedisReply[]
    expect(mapOf(newFormat)).toMatchObject({ name: 'new-format', type: 'oneof', flags: ['multiple'] })
    expect(await client.call('COMMAND', 'DOCS', 'nosuch')).toEqual([])
  })

  test('of commands and options that Redis does not have', async () => {
    const docs = mapOf(await client.call('COMMAND', 'DOCS', 'set', 'invalidate', 'group|flush'))
    const last = (mapOf(docs.set).arguments as RedisReply[]).at(-1)!
    expect(mapOf(last)).toMatchObject({ name: 'tags', type: 'block', token: 'TAGS', flags: ['optional'] })
    const [numtags, tag] = (mapOf(last).arguments as RedisReply[]).map(mapOf)
    expect([numtags, tag]).toMatchObject([
      { name: 'numtags', type: 'integer' },
      { name: 'tag', type: 'string', flags: ['multiple'] },
    ])
    const [soft, what] = mapOf(docs.invalidate).arguments as RedisReply[]
    expect(mapOf(soft)).toMatchObject({ token: 'SOFT', flags: ['optional'] })
    const [keys, tags] = (mapOf(what).arguments as RedisReply[]).map(mapOf)
    expect(mapOf(what)).toMatchObject({ type: 'oneof' })
    expect([keys, tags]).toMatchObject([
      { type: 'block' },
      { name: 'tag', token: 'TAG', type: 'string', flags: ['multiple'] },
    ])
    expect(mapOf(docs['group|flush'])).toMatchObject({ group: 'erinys', since: '0.1.0' })
  })

  test('of all commands', async () => {
    const docs = mapOf(await client.call('COMMAND', 'DOCS'))
    expect(Object.keys(docs)).toHaveLength(everySpec.length)
  })
})

describe('COMMAND LIST', () => {
  const list = async (...args: string[]) => (await client.call('COMMAND', 'LIST', ...args)) as string[]

  test('of all commands, subcommands included', async () => {
    expect(await list()).toEqual(expect.arrayContaining(['get', 'client', 'client|id']))
  })

  test('by pattern, category and module', async () => {
    expect((await list('FILTERBY', 'PATTERN', 'CLIENT|no-*')).sort()).toEqual([
      'client|no-evict',
      'client|no-touch',
    ])
    expect(await list('filterby', 'aclcat', 'connection')).toContain('ping')
    expect(await list('FILTERBY', 'ACLCAT', 'string')).not.toContain('ping')
    expect(await list('FILTERBY', 'ACLCAT', 'nosuch')).toEqual([])
    expect(await list('FILTERBY', 'MODULE', 'x')).toEqual([])
    expect(await list('FILTERBY', 'x', 'y')).toMatchObject(error('ERR syntax error'))
    expect(await list('x')).toMatchObject(error('ERR syntax error'))
  })
})

test('COMMAND INFO of an unknown command is the null of a bulk string', async () => {
  const harness = new Harness()
  expect(await harness.raw('COMMAND', 'INFO', 'nosuch', 'get|x')).toBe('*2\r\n$-1\r\n$-1\r\n')
  await harness.raw('HELLO', 3)
  expect(await harness.raw('COMMAND', 'INFO', 'nosuch')).toBe('*1\r\n_\r\n')
})

describe('COMMAND GETKEYS', () => {
  const keys = (...args: string[]) => client.call('COMMAND', 'GETKEYS', ...args)
  const flags = (...args: string[]) => client.call('COMMAND', 'GETKEYSANDFLAGS', ...args)

  test('of commands with one key, many, and at steps', async () => {
    expect(await keys('GET', 'a\0b')).toEqual(['a\0b'])
    expect(await keys('mset', 'a', '1', 'b', '2')).toEqual(['a', 'b'])
    expect(await keys('COPY', 'a', 'b', 'REPLACE')).toEqual(['a', 'b'])
    expect(await keys('MEMORY', 'USAGE', 'a')).toEqual(['a'])
  })

  test('with flags', async () => {
    expect(await flags('SET', 'k', 'v')).toEqual([['k', ['OW', 'update']]])
    expect(await flags('SET', 'k', 'v', 'EX', '10', 'get')).toEqual([['k', ['RW', 'access', 'update']]])
    expect(await flags('RENAME', 'a', 'b')).toEqual([
      ['a', ['RW', 'access', 'delete']],
      ['b', ['OW', 'update']],
    ])
  })

  test('of commands without keys', async () => {
    expect(await keys('nosuch', 'a')).toMatchObject(error('ERR Invalid command specified'))
    expect(await keys('client', 'nosuch')).toMatchObject(error('ERR Invalid command specified'))
    expect(await keys('PING')).toMatchObject(error('ERR The command has no key arguments'))
    expect(await keys('GET')).toMatchObject(error('ERR Invalid number of arguments specified for command'))
    expect(await keys()).toMatchObject(error("ERR wrong number of arguments for 'command|getkeys' command"))
  })
})
