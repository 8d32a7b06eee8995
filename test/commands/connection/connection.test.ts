import { describe, expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

const error = (message: string) => ({ name: 'ReplyError', message })

const WRONGPASS = 'WRONGPASS invalid username-password pair or user is disabled.'
const NOAUTH = 'NOAUTH Authentication required.'

function withPassword(): Harness {
  return new Harness({ requirepass: 'sécret' })
}

const secret = Buffer.from('sécret')

describe('PING and ECHO', () => {
  test('answer their argument', async () => {
    const { client } = new Harness()
    expect(await client.raw('PING')).toBe('+PONG\r\n')
    expect(await client.raw('PING', 'a\r\nb\0')).toBe('$5\r\na\r\nb\0\r\n')
    expect(await client.raw('ECHO', '')).toBe('$0\r\n\r\n')
    expect(await client.call('PING', 'a', 'b')).toMatchObject(
      error("ERR wrong number of arguments for 'ping' command"),
    )
  })
})

describe('AUTH', () => {
  test('accepts the password, alone or after the default user', async () => {
    for (const args of [[secret], ['default', secret]]) {
      const { client } = withPassword()
      expect(await client.call('GET', 'a')).toMatchObject(error(NOAUTH))
      expect(await client.call('AUTH', ...args)).toBe('OK')
      expect(await client.call('GET', 'a')).toBeNull()
    }
  })

  test('rejects everything else, and keeps an earlier authentication', async () => {
    const { client } = withPassword()
    for (const args of [['wrong'], [''], ['Default', secret], ['other', secret], ['default', 'secret']])
      expect(await client.call('AUTH', ...args)).toMatchObject(error(WRONGPASS))
    expect(await client.call('AUTH', 'a', 'b', 'c')).toMatchObject(error('ERR syntax error'))
    expect(client.authenticated).toBe(false)
    await client.call('AUTH', secret)
    expect(await client.call('AUTH', 'wrong')).toMatchObject(error(WRONGPASS))
    expect(client.authenticated).toBe(true)
  })

  test('without a password', async () => {
    const { client } = new Harness()
    expect(await client.call('AUTH', 'default', 'anything')).toBe('OK')
    expect(await client.call('AUTH', 'anything')).toMatchObject({
      message: expect.stringContaining('called without any password configured for the default user'),
    })
  })

  test('unknown and malformed commands are reported before NOAUTH', async () => {
    const { client } = withPassword()
    expect(await client.call('NOSUCH', 'x')).toMatchObject(
      error("ERR unknown command 'NOSUCH', with args beginning with: 'x' "),
    )
    expect(await client.call('GET')).toMatchObject(error("ERR wrong number of arguments for 'get' command"))
  })
})

describe('HELLO', () => {
  test('describes the node, as a map in RESP3', async () => {
    const { client } = new Harness()
    expect(await client.call('HELLO')).toEqual([
      ...['server', 'redis', 'version', '7.2.4', 'proto', 2, 'id', client.id],
      ...['mode', 'standalone', 'role', 'master', 'modules', []],
    ])
    expect(await client.raw('HELLO', 3)).toMatch(/^%7\r\n\$6\r\nserver\r\n/)
    expect(await client.raw('GET', 'none')).toBe('_\r\n')
    expect(await client.raw('HELLO', 2)).toMatch(/^\*14\r\n/)
    expect(await client.raw('GET', 'none')).toBe('$-1\r\n')
  })

  test('authenticates and sets the name', async () => {
    const { client } = withPassword()
    expect(await client.call('HELLO', 2)).toMatchObject({
      message: expect.stringMatching(/^NOAUTH HELLO must be called .* HELLO <proto> AUTH <user> <pass> /),
    })
    expect(await client.call('HELLO', 3, 'AUTH', 'default', 'wrong', 'SETNAME', 'me')).toMatchObject(
      error(WRONGPASS),
    )
    expect([client.protocol, client.name, client.authenticated]).toEqual([2, '', false])
    await client.raw('hello', 3, 'setname', 'me', 'auth', 'default', secret)
    expect([client.protocol, client.name, client.authenticated]).toEqual([3, 'me', true])
  })

  test('changes nothing on an error', async () => {
    const { client } = new Harness()
    const errors: [string[], string][] = [
      [['4'], 'NOPROTO unsupported protocol version'],
      [['1'], 'NOPROTO unsupported protocol version'],
      [['x'], 'ERR Protocol version is not an integer or out of range'],
      [['3', 'SETNAME'], "ERR Syntax error in HELLO option 'SETNAME'"],
      [['3', 'AUTH', 'default'], "ERR Syntax error in HELLO option 'AUTH'"],
      [['3', 'SETNAME', 'a b'], 'ERR Client names cannot contain spaces, newlines or special characters.'],
    ]
    for (const [args, text] of errors) expect(await client.call('HELLO', ...args)).toMatchObject(error(text))
    expect([client.protocol, client.name]).toEqual([2, ''])
  })
})

test('QUIT answers and closes', async () => {
  const { client } = new Harness()
  expect(await client.call('QUIT', 'ignored')).toBe('OK')
  expect(client.closing).toBe(true)
})

test('RESET makes the connection like a new one', async () => {
  const { client, groups, host } = new Harness({ requirepass: 'p' })
  await client.call('AUTH', 'p')
  await client.raw('HELLO', 3, 'SETNAME', 'me')
  await client.raw('SELECT', 'other')
  await client.raw('CLIENT', 'NO-TOUCH', 'ON')
  await client.raw('CLIENT', 'NO-EVICT', 'ON')
  await client.raw('MONITOR')
  await client.raw('CLIENT', 'REPLY', 'OFF')
  expect(await client.raw('RESET')).toBe('+RESET\r\n')
  expect(client).toMatchObject({ protocol: 2, name: '', noTouch: false, noEvict: false, replyMode: 'on' })
  expect([client.group, client.monitor, host.monitors]).toEqual([groups[0], false, 0])
  expect(await client.call('GET', 'a')).toMatchObject(error(NOAUTH))
})
