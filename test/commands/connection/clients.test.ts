import { describe, expect, test } from 'vitest'
import { Harness, type HarnessClient } from '../../support/harness.ts'

const error = (message: string) => ({ name: 'ReplyError', message })

/** The fields of one line of CLIENT LIST. */
function fieldsOf(line: string): Record<string, string> {
  return Object.fromEntries(
    line
      .trimEnd()
      .split(' ')
      .map((field) => field.split(/=(.*)/s, 2)),
  )
}

async function idsOf(client: HarnessClient, ...args: (string | number)[]): Promise<string[]> {
  const text = String(await client.call('CLIENT', 'LIST', ...args))
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => fieldsOf(line).id)
}

describe('CLIENT LIST and INFO', () => {
  test('have Redis 7.2’s fields in its order', async () => {
    const { client, clock } = new Harness()
    clock.advance(90_500)
    await client.call('CLIENT', 'SETNAME', 'me')
    await client.call('CLIENT', 'SETINFO', 'LIB-NAME', 'ioredis')
    await client.call('CLIENT', 'SETINFO', 'lib-ver', '5.0')
    await client.call('SELECT', 1)
    const line = String(await client.call('CLIENT', 'INFO'))
    expect(line.endsWith('\n')).toBe(true)
    const fields = fieldsOf(line)
    expect(Object.keys(fields).join(' ')).toBe(
      'id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp ' +
        'obl oll omem tot-mem events cmd user redir resp lib-name lib-ver',
    )
    expect(fields).toMatchObject({
      id: String(client.id),
      addr: client.address,
      laddr: '127.0.0.1:7000',
      name: 'me',
      age: '90',
      flags: 'N',
      db: '1',
      qbuf: String('*2\r\n$6\r\nCLIENT\r\n$4\r\nINFO\r\n'.length),
      cmd: 'client|info',
      user: 'default',
      resp: '2',
      'lib-name': 'ioredis',
      'lib-ver': '5.0',
    })
  })

  test('flags', async () => {
    const { client } = new Harness()
    const flags = async () => fieldsOf(String(await client.call('CLIENT', 'INFO'))).flags
    await client.call('CLIENT', 'NO-EVICT', 'on')
    expect(await flags()).toBe('e')
    await client.call('CLIENT', 'NO-TOUCH', 'ON')
    await client.call('MONITOR')
    expect(await flags()).toBe('OeT')
  })

  test('filters by type and id', async () => {
    const harness = new Harness()
    const [a, b] = [harness.client, harness.connect()]
    expect(await idsOf(a)).toEqual([String(a.id), String(b.id)])
    expect(await idsOf(a, 'TYPE', 'normal')).toHaveLength(2)
    for (const type of ['master', 'replica', 'PUBSUB']) expect(await idsOf(a, 'type', type)).toEqual([])
    expect(await idsOf(a, 'ID', b.id, 999, a.id)).toEqual([String(b.id), String(a.id)])
    expect(await a.call('CLIENT', 'LIST', 'TYPE', 'x')).toMatchObject(error("ERR Unknown client type 'x'"))
    expect(await a.call('CLIENT', 'LIST', 'ID', 'x')).toMatchObject(error('ERR Invalid client ID'))
    expect(await a.call('CLIENT', 'LIST', 'ID')).toMatchObject(error('ERR syntax error'))
  })

  test('is verbatim text in RESP3', async () => {
    const { client } = new Harness()
    await client.raw('HELLO', 3)
    expect(await client.raw('CLIENT', 'LIST')).toMatch(/^=\d+\r\ntxt:id=/)
  })
})

describe('CLIENT KILL', () => {
  test('by address in the old form; its own connection closes after the reply', async () => {
    const harness = new Harness()
    const [a, b] = [harness.client, harness.connect()]
    expect(await a.call('CLIENT', 'KILL', 'nobody:1')).toMatchObject(error('ERR No such client'))
    expect(await a.call('CLIENT', 'KILL', b.address)).toBe('OK')
    expect([b.closed, a.closed]).toEqual([true, false])
    expect(await a.call('CLIENT', 'KILL', a.address)).toBe('OK')
    expect([a.closing, a.closed]).toEqual([true, false])
  })

  test('by filters, all of which must match', async () => {
    const harness = new Harness()
    const me = harness.client
    const kill = async (...args: (string | number)[]) => await me.call('CLIENT', 'KILL', ...args)
    const others = Array.from({ length: 4 }, () => harness.connect())
    expect(await kill('ID', others[0].id, 'ADDR', others[1].address)).toBe(0)
    expect(await kill('ID', others[0].id)).toBe(1)
    harness.host.clients.delete(others[0].id)
    expect(await kill('ADDR', others[1].address, 'TYPE', 'normal')).toBe(1)
    harness.host.clients.delete(others[1].id)
    expect(await kill('TYPE', 'pubsub')).toBe(0)
    expect(await kill('LADDR', '127.0.0.1:1')).toBe(0)
    expect(await kill('LADDR', '127.0.0.1:7000', 'USER', 'default')).toBe(2)
    expect(me.closing).toBe(false)
    expect(others.map(({ closed }) => closed)).toEqual([true, true, true, true])
    expect(await kill('TYPE', 'normal', 'SKIPME', 'no')).toBe(3)
    expect(me.closing).toBe(true)
  })

  test('rejects unknown filters', async () => {
    const { client } = new Harness()
    const errors: [string[], string][] = [
      [['ID', '0'], 'ERR client-id should be greater than 0'],
      [['ID', 'x'], 'ERR client-id should be greater than 0'],
      [['TYPE', 'x'], "ERR Unknown client type 'x'"],
      [['USER', 'x'], "ERR No such user 'x'"],
      [['SKIPME', 'x'], 'ERR syntax error'],
      [['MAXAGE', '1'], 'ERR syntax error'],
      [['ID', '1', 'ADDR'], 'ERR syntax error'],
    ]
    for (const [args, text] of errors)
      expect(await client.call('CLIENT', 'KILL', ...args)).toMatchObject(error(text))
  })
})

describe('CLIENT REPLY', () => {
  test('OFF until ON', async () => {
    const { client } = new Harness()
    expect(await client.raw('CLIENT', 'REPLY', 'OFF')).toBe('')
    expect(await client.raw('PING')).toBe('')
    expect(await client.raw('CLIENT', 'REPLY', 'SKIP')).toBe('')
    expect(await client.raw('NOSUCH')).toBe('')
    expect(await client.raw('CLIENT', 'REPLY', 'ON')).toBe('+OK\r\n')
    expect(await client.raw('PING')).toBe('+PONG\r\n')
  })

  test('SKIP for the next command only', async () => {
    const { client } = new Harness()
    expect(await client.raw('CLIENT', 'REPLY', 'SKIP')).toBe('')
    expect(await client.raw('SET', 'a', '1')).toBe('')
    expect(await client.raw('GET', 'a')).toBe('$1\r\n1\r\n')
  })

  test('suppresses the reply to a load', async () => {
    const harness = new Harness({ groups: { scores: { origin: () => '630' } } })
    await harness.raw('CLIENT', 'REPLY', 'SKIP')
    expect(await harness.raw('GET', 'Tom')).toBe('')
    expect(await harness.raw('GET', 'Tom')).toBe('$3\r\n630\r\n')
  })
})

describe('CLIENT PAUSE', () => {
  test('pauses the server until a time, for all commands or writes', async () => {
    const { client, host, clock } = new Harness()
    expect(await client.call('CLIENT', 'PAUSE', 100)).toBe('OK')
    expect([host.pausedUntil, host.pausesAll]).toEqual([clock.now() + 100, true])
    expect(await client.call('CLIENT', 'PAUSE', 50, 'write')).toBe('OK')
    expect([host.pausedUntil, host.pausesAll]).toEqual([clock.now() + 50, false])
    expect(await client.call('CLIENT', 'UNPAUSE')).toBe('OK')
    expect(host.pausedUntil).toBe(0)
  })

  test('rejects other modes and times', async () => {
    const { client } = new Harness()
    const errors: [string[], string][] = [
      [['x'], 'ERR timeout is not an integer or out of range'],
      [['-1'], 'ERR timeout is negative'],
      [['x', 'READ'], 'ERR CLIENT PAUSE mode must be WRITE or ALL'],
    ]
    for (const [args, text] of errors)
      expect(await client.call('CLIENT', 'PAUSE', ...args)).toMatchObject(error(text))
  })
})

test('names have no spaces or control characters', async () => {
  const { client } = new Harness()
  expect(await client.call('CLIENT', 'GETNAME')).toBeNull()
  for (const name of ['a b', 'a\n', '\x7f', '\0', 'é']) {
    expect(await client.call('CLIENT', 'SETNAME', name)).toMatchObject(
      error('ERR Client names cannot contain spaces, newlines or special characters.'),
    )
    expect(await client.call('CLIENT', 'SETINFO', 'Lib-Name', name)).toMatchObject(
      error('ERR Lib-Name cannot contain spaces, newlines or special characters.'),
    )
  }
  expect(await client.call('CLIENT', 'SETNAME', '__proto__')).toBe('OK')
  expect(await client.call('CLIENT', 'GETNAME')).toBe('__proto__')
  expect(await client.call('CLIENT', 'SETNAME', '')).toBe('OK')
  expect(await client.call('CLIENT', 'GETNAME')).toBeNull()
  expect(await client.call('CLIENT', 'SETINFO', 'x', 'y')).toMatchObject(error("ERR Unrecognized option 'x'"))
})

test('GETREDIR, TRACKINGINFO and UNBLOCK answer as in Redis without tracking and blocked clients', async () => {
  const { client } = new Harness()
  expect(await client.call('CLIENT', 'GETREDIR')).toBe(-1)
  expect(await client.call('CLIENT', 'TRACKINGINFO')).toEqual([
    'flags',
    ['off'],
    'redirect',
    -1,
    'prefixes',
    [],
  ])
  expect(await client.call('CLIENT', 'UNBLOCK', client.id)).toBe(0)
  expect(await client.call('CLIENT', 'UNBLOCK', 1, 'x')).toMatchObject(
    error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR'),
  )
  expect(await client.call('CLIENT', 'UNBLOCK', 'x')).toMatchObject(
    error('ERR value is not an integer or out of range'),
  )
  expect(await client.call('CLIENT', 'TRACKING', 'ON')).toMatchObject(
    error("ERR unknown subcommand 'TRACKING'. Try CLIENT HELP."),
  )
})

test('HELP names every subcommand with its arguments', async () => {
  const { client } = new Harness()
  const lines = (await client.call('CLIENT', 'HELP')) as string[]
  expect(lines[0]).toBe('CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:')
  expect(lines).toContain('SETNAME connection-name')
  expect(lines).toContain('REPLY <ON | OFF | SKIP>')
  expect(lines).toContain('PAUSE timeout [WRITE | ALL]')
  expect(lines).toContain('SETINFO <LIB-NAME libname | LIB-VER libver>')
  expect(lines).toContain('LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]')
  expect(lines.slice(-2)).toEqual(['HELP', '    Prints this help.'])
})

describe('MONITOR', () => {
  test('shows commands without secrets, and no administrative ones', async () => {
    const harness = new Harness({ requirepass: 'p' })
    const { client, host } = harness
    const watcher = harness.connect()
    await watcher.call('AUTH', 'p')
    expect(await watcher.call('MONITOR')).toBe('OK')
    expect(await watcher.call('MONITOR')).toBe('OK')
    expect(host.monitors).toBe(1)
    await client.call('AUTH', 'p')
    await client.call('AUTH', 'default', 'p')
    await client.call('HELLO', 2, 'SETNAME', 'x', 'AUTH', 'default', 'p')
    await client.call('GET', 'a\r\nb')
    await client.call('CONFIG', 'GET', 'requirepass')
    await client.call('NOSUCH')
    await client.call('GET')
    expect(host.shown.map(({ request }) => request)).toEqual([
      ['AUTH', '(redacted)'],
      ['AUTH', '(redacted)', '(redacted)'],
      ['HELLO', '2', 'SETNAME', 'x', 'AUTH', '(redacted)', '(redacted)'],
      ['GET', 'a\r\nb'],
    ])
  })
})
