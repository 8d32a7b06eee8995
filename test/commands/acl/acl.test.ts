import { describe, expect, test } from 'vitest'
import { defaultWrites } from '../../../src/group/writes/writes.ts'
import { Harness, type HarnessClient } from '../../support/harness.ts'
import type { RedisReply } from '../../support/resp.ts'

const error = (message: string) => ({ name: 'ReplyError', message })
const noCommand = (name: string) => error(`NOPERM this user has no permissions to run the '${name}' command`)
const NO_KEY = error('NOPERM this user has no permissions to access one of the keys used as arguments')
const noGroup = (name: string) => error(`NOPERM this user has no permissions to access the '${name}' group`)

/** A harness, and a client whose user has these rules. */
async function withUser(
  rules: string,
  options: ConstructorParameters<typeof Harness>[0] = {},
): Promise<{
  readonly harness: Harness
  readonly client: HarnessClient
  set(rules: string): Promise<RedisReply>
}> {
  const harness = new Harness(options)
  const set = (more: string): Promise<RedisReply> =>
    harness.call('ACL', 'SETUSER', 'u', ...(more.match(/\([^)]*\)|\S+/g) ?? []))
  expect(await set(`on >p ${rules}`)).toBe('OK')
  const client = harness.connect()
  expect(await client.call('AUTH', 'u', 'p')).toBe('OK')
  return { harness, client, set }
}

/** The newest entries of ACL LOG. */
async function logOf(harness: Harness, count = 10): Promise<Record<string, RedisReply>[]> {
  const entries = (await harness.call('ACL', 'LOG', count)) as RedisReply[][]
  return entries.map((entry) =>
    Object.fromEntries(Array.from({ length: entry.length / 2 }, (_, i) => [entry[2 * i], entry[2 * i + 1]])),
  )
}

describe('a limited user', () => {
  test('runs what one of its selectors allows', async () => {
    const { client, set } = await withUser('~a +get +set')
    expect(await client.call('SET', 'a', '1')).toBe('OK')
    expect(await client.call('GET', 'a')).toBe('1')
    expect(await client.call('GET', 'b')).toMatchObject(NO_KEY)
    expect(await client.call('DEL', 'a')).toMatchObject(noCommand('del'))
    expect(await client.call('CONFIG', 'GET', 'hz')).toMatchObject(noCommand('config|get'))
    expect(await client.call('NOSUCH')).toMatchObject({
      message: expect.stringContaining('ERR unknown command'),
    })
    await set('(+get ~b) (+mget +set %R~c)')
    expect(await client.call('GET', 'b')).toBeNull()
    expect(await client.call('MGET', 'c', 'c')).toEqual([null, null])
    expect(await client.call('MGET', 'c', 'a')).toMatchObject(NO_KEY)
    expect(await client.call('SET', 'c', '1')).toMatchObject(NO_KEY)
  })

  test.each([
    ['%W~k', 'SET k v', true],
    ['%W~k', 'SET k v GET', false],
    ['%R~k', 'SET k v', false],
    ['%R~k', 'BITFIELD k GET u8 0', true],
    ['%R~k', 'BITFIELD k SET u8 0 1', false],
    ['%R~a %W~b', 'COPY a b', true],
    ['%R~a %W~b', 'COPY b a', false],
    ['%R~a %R~b %W~to', 'ZUNIONSTORE to 2 a b', true],
    ['%R~a %R~b %W~to', 'ZUNIONSTORE a 2 b to', false],
    ['%R~a %W~to', 'SORT a STORE to', true],
    ['%R~a %W~to', 'SORT to STORE a', false],
    ['%R~a %W~to', 'GEORADIUS a 0 0 1 m STORE to', true],
    ['%R~a %R~to', 'GEORADIUS a 0 0 1 m STOREDIST to', false],
    ['%R~a', 'XREAD STREAMS a 0', true],
    ['%W~a', 'XREAD STREAMS a 0', false],
    ['%R~a', 'XREAD STREAMS a b 0 0', false],
    ['~a', 'LMPOP 2 a b LEFT', false],
    ['~a ~b', 'LMPOP 2 a b LEFT', true],
    ['~a', 'MSET a 1 b 2', false],
    ['~a ~b', 'MSET a 1 b 2', true],
    ['%W~a', 'EXISTS a', true],
    ['~a', 'EXISTS a b', false],
    ['~a', 'INVALIDATE KEY a', true],
    ['~a', 'INVALIDATE b', false],
    ['~a', 'EXPLAIN b', false],
    ['~a', 'MEMORY USAGE b', false],
    ['~a', 'OBJECT ENCODING b', false],
    ['~a', 'WATCH b', false],
    ['%R~a', 'SINTERSTORE a b', false],
    ['%R~b %W~a', 'SINTERSTORE a b', true],
  ])('with %s: %s → %s', async (keys, request, isAllowed) => {
    const { client, harness } = await withUser(`+@all ${keys}`)
    const words = request.split(' ')
    const reply = await client.call(...words)
    if (isAllowed) expect((reply as Error)?.message ?? '').not.toContain('NOPERM')
    else expect(reply).toMatchObject(NO_KEY)
    const told = await harness.call('ACL', 'DRYRUN', 'u', ...words)
    if (isAllowed) expect(told).toBe('OK')
    else expect(told).toMatch(/^This user has no permissions to access the '\w+' key$/)
  })

  test('may always log in, and reset its connection', async () => {
    const { client, harness } = await withUser('-@all')
    expect(await client.call('PING')).toMatchObject(noCommand('ping'))
    expect(await client.call('AUTH', 'u', 'p')).toBe('OK')
    expect(await client.raw('HELLO', 3)).toMatch(/^%7/)
    expect(await client.raw('RESET')).toBe('+RESET\r\n')
    expect(await client.call('ACL', 'WHOAMI')).toBe('default')
    expect(client.user).toBe(harness.host.access.users.default)
  })

  test('is refused BY and GET of SORT without the right to read every key', async () => {
    const { client, set } = await withUser('+sort +sort_ro ~list')
    const denied = (option: string, name = 'SORT') =>
      error(`ERR ${option} option of ${name} denied due to insufficient ACL permissions.`)
    expect(await client.call('SORT', 'list')).toEqual([])
    expect(await client.call('SORT', 'list', 'BY', 'w_*')).toMatchObject(denied('BY'))
    expect(await client.call('SORT', 'list', 'BY', 'nosort', 'GET', 'v_*')).toMatchObject(denied('GET'))
    expect(await client.call('SORT_RO', 'list', 'GET', 'v_*')).toMatchObject(denied('GET', 'SORT_RO'))
    expect(await client.call('SORT', 'list', 'BY', 'nosort', 'GET', '#')).toEqual([])
    await set('%W~*')
    expect(await client.call('SORT', 'list', 'BY', 'w_*')).toMatchObject(denied('BY'))
    await set('%R~*')
    expect(await client.call('SORT', 'list', 'BY', 'w_*', 'GET', 'v_*')).toEqual([])
  })

  test('whose rules change is held to them at once', async () => {
    const { client, set } = await withUser('+@all ~* &*')
    expect(client.user.isUnlimited).toBe(true)
    await client.call('SET', 'a', '1')
    await set('-set')
    expect(await client.call('SET', 'a', '2')).toMatchObject(noCommand('set'))
    await set('+@all')
    expect(await client.call('SET', 'a', '2')).toBe('OK')
  })
})

describe('groups', () => {
  const groups = { scores: {}, cache: {}, private: {} }

  test('are limited by @group', async () => {
    const { client, set } = await withUser('+@all ~* @group:cache', { groups })
    expect(await client.call('GET', 'a')).toMatchObject(noGroup('scores'))
    expect(await client.call('DBSIZE')).toMatchObject(noGroup('scores'))
    expect(await client.call('KEYS', '*')).toMatchObject(noGroup('scores'))
    expect(await client.call('DEBUG', 'POPULATE', '1')).toMatchObject(noGroup('scores'))
    expect(await client.call('HOTKEYS')).toMatchObject(noGroup('scores'))
    expect(await client.call('HOTKEYS', 'private')).toMatchObject(noGroup('private'))
    expect(await client.call('PING')).toBe('PONG')
    expect(await client.call('SELECT', 'private')).toMatchObject(noGroup('private'))
    expect(await client.call('SELECT', '2')).toMatchObject(noGroup('private'))
    expect(await client.call('SELECT', '9')).toMatchObject({
      message: expect.stringContaining('out of range'),
    })
    expect(await client.call('SELECT', '1')).toBe('OK')
    expect(await client.call('SET', 'a', '1')).toBe('OK')
    expect(await client.call('COPY', 'a', 'b', 'DB', 'private')).toMatchObject(noGroup('private'))
    expect(await client.call('COPY', 'a', 'b', 'DB', 'cache', 'DB', '2')).toMatchObject(noGroup('private'))
    expect(await client.call('MOVE', 'a', 'private')).toMatchObject(noGroup('private'))
    expect(await client.call('SWAPDB', '0', '1')).toMatchObject(noGroup('scores'))
    expect(await client.call('FLUSHALL')).toMatchObject(noGroup('scores'))
    expect(await client.call('GROUP', 'INFO', 'private')).toMatchObject(noGroup('private'))
    expect(await client.call('GROUP', 'FLUSH', 'private')).toMatchObject(noGroup('private'))
    expect(await client.call('DEBUG', 'OBJECT', 'a')).not.toMatchObject(noGroup('cache'))
    expect(await client.call('INVALIDATE', 'TAG', 't')).toBe('OK')
    expect(await client.call('GROUP', 'FLUSH')).toBe('OK')
    expect(await client.call('FLUSHDB')).toBe('OK')
    await set('@group:p*')
    expect(await client.call('MOVE', 'a', 'private')).toBe(0)
    await set('resetgroups')
    expect(await client.call('GET', 'a')).toMatchObject(noGroup('cache'))
    await set('allgroups')
    expect(await client.call('FLUSHALL')).toBe('OK')
  })

  test('of a selector are those of the user, unless it names its own', async () => {
    const { client } = await withUser('@group:cache (+get ~*) (+set ~* @group:scores)', { groups })
    expect(await client.call('SET', 'a', '1')).toBe('OK')
    expect(await client.call('GET', 'a')).toMatchObject(noGroup('scores'))
  })

  test('are shown only where there is a rule about them', async () => {
    const { harness } = await withUser('+get @group:cache (+set) (+del @group:s* allgroups)', { groups })
    const reply = (await harness.call('ACL', 'GETUSER', 'u')) as RedisReply[]
    expect(reply.slice(10)).toEqual([
      'selectors',
      [
        ['commands', '-@all +set', 'keys', '', 'channels', ''],
        ['commands', '-@all +del', 'keys', '', 'channels', '', 'groups', 'allgroups'],
      ],
      'groups',
      '@group:cache',
    ])
    expect((await harness.call('ACL', 'GETUSER', 'default')) as RedisReply[]).toHaveLength(12)
    const [, line] = (await harness.call('ACL', 'LIST')) as string[]
    expect(line.replace(/#\w+/, '#…')).toBe(
      'user u on #… resetchannels resetgroups @group:cache -@all +get (resetchannels -@all +set) ' +
        '(resetchannels allgroups -@all +del)',
    )
  })

  test('are shown by DRYRUN, and logged', async () => {
    const { harness, client } = await withUser('+@all ~* @group:cache', { groups })
    expect(await harness.call('ACL', 'DRYRUN', 'u', 'GET', 'a')).toBe(
      "This user has no permissions to access the 'scores' group",
    )
    await client.call('GET', 'a')
    expect(await logOf(harness)).toMatchObject([
      { reason: 'group', object: 'scores', username: 'u', count: 1 },
    ])
    expect(await harness.call('INFO', 'stats')).toContain('acl_access_denied_group:1\r\n')
  })
})

describe('in a transaction', () => {
  test('a command is checked when it is queued', async () => {
    const { harness, client } = await withUser('+@transaction +set ~a')
    await client.call('MULTI')
    expect(await client.call('SET', 'a', '1')).toBe('QUEUED')
    expect(await client.call('SET', 'b', '1')).toMatchObject(NO_KEY)
    expect(await client.call('EXEC')).toMatchObject({ message: expect.stringContaining('EXECABORT') })
    expect(await logOf(harness)).toMatchObject([{ reason: 'key', object: 'b', context: 'multi' }])
  })

  test('and again when it is run: the others are run', async () => {
    const { harness, client, set } = await withUser('+@transaction +set +incr ~a ~b ~c')
    await client.call('MULTI')
    await client.call('SET', 'a', '1')
    await client.call('INCR', 'b')
    await client.call('SET', 'c', '1')
    await set('-incr resetkeys ~a ~b')
    expect(await client.call('EXEC')).toMatchObject([
      'OK',
      {
        message: expect.stringMatching(
          /^NOPERM ACLs rules changed .* permission to execute the command or subcommand$/,
        ),
      },
      {
        message: expect.stringMatching(
          /^NOPERM ACLs rules changed .* no permission to touch the specified keys$/,
        ),
      },
    ])
    expect(await harness.call('MGET', 'a', 'b', 'c')).toEqual(['1', null, null])
    expect(await logOf(harness)).toMatchObject([
      { object: 'c', context: 'multi' },
      { object: 'incr', context: 'multi' },
    ])
  })

  test('a SELECT that is refused by now does not count for the commands after it', async () => {
    const { harness, client, set } = await withUser('+@all ~*')
    await client.call('MULTI')
    await client.call('SELECT', 'other')
    await client.call('SET', 'a', '1')
    await set('-select')
    expect(await client.call('EXEC')).toMatchObject([
      { message: expect.stringContaining('NOPERM ACLs rules changed') },
      'OK',
    ])
    expect(await harness.call('GET', 'a')).toBe('1')
    await harness.call('SELECT', 'other')
    expect(await harness.call('GET', 'a')).toBeNull()
  })

  test('nor does one that is refused within the transaction: commands in its group are, too', async () => {
    const { harness, client, set } = await withUser('+@all ~*')
    await client.call('MULTI')
    await client.call('ACL', 'SETUSER', 'u', '-select')
    await client.call('SELECT', 'other')
    await client.call('SET', 'a', '1')
    await client.call('PING')
    const refusal = { message: expect.stringContaining('NOPERM ACLs rules changed') }
    expect(await client.call('EXEC')).toMatchObject(['OK', refusal, refusal, 'PONG'])
    await set('+select')
    expect(await client.call('DBSIZE')).toBe(0)
    await harness.call('SELECT', 'other')
    expect(await harness.call('DBSIZE')).toBe(0)
  })

  test('a command is checked when its keys have been loaded', async () => {
    let arrived = (_: string): void => undefined
    const loaded = new Promise<string>((resolve) => {
      arrived = resolve
    })
    const { client, set } = await withUser('+@all ~*', { groups: { cache: { origin: () => loaded } } })
    await client.call('MULTI')
    await client.call('GET', 'a')
    await client.call('ECHO', 'x')
    const reply = client.call('EXEC')
    await set('-get')
    arrived('1')
    expect(await reply).toMatchObject([
      { message: expect.stringContaining('NOPERM ACLs rules changed') },
      'x',
    ])
  })

  test('that writes to an origin: no command with keys comes after a change of rights', async () => {
    const written: string[] = []
    const origin = {
      load: () => null,
      store: (key: string) => void written.push(key),
      remove: () => undefined,
    }
    const { client } = await withUser('+@all ~*', {
      groups: { cache: { origin, writes: { ...defaultWrites, mode: 'through' } } },
    })
    await client.call('MULTI')
    await client.call('SET', 'a', '1')
    await client.call('AUTH', 'u', 'p')
    await client.call('SET', 'b', '1')
    expect(await client.call('EXEC')).toMatchObject([
      'OK',
      'OK',
      { message: expect.stringContaining('ERR this cannot come after AUTH, HELLO or ACL') },
    ])
    expect(written).toEqual(['a'])
  })

  test('SORT is checked for the keys of its patterns again', async () => {
    const { client, set } = await withUser('+@transaction +sort ~*')
    await client.call('MULTI')
    expect(await client.call('SORT', 'list', 'BY', 'w_*')).toBe('QUEUED')
    await set('resetkeys ~list')
    expect(await client.call('EXEC')).toMatchObject([
      error('ERR BY option of SORT denied due to insufficient ACL permissions.'),
    ])
  })

  test('a queued SELECT counts for the commands after it', async () => {
    const { client } = await withUser('+@all ~* @group:other')
    await client.call('MULTI')
    expect(await client.call('SELECT', 'other')).toBe('QUEUED')
    expect(await client.call('SET', 'a', '1')).toBe('QUEUED')
    expect(await client.call('EXEC')).toEqual(['OK', 'OK'])
    await client.call('MULTI')
    expect(await client.call('SELECT', 'cache')).toMatchObject(noGroup('cache'))
    expect(await client.call('EXEC')).toMatchObject({ message: expect.stringContaining('EXECABORT') })
  })

  test('a user who may not run EXEC loses the transaction', async () => {
    const { client, set } = await withUser('+multi +exec +ping')
    await client.call('MULTI')
    await client.call('PING')
    await set('-exec')
    expect(await client.call('EXEC')).toMatchObject(
      error(
        "EXECABORT Transaction discarded because of: NOPERM this user has no permissions to run the 'exec' command",
      ),
    )
  })
})

describe('a blocked command', () => {
  test('ends with an error when its user loses the right to it', async () => {
    const { harness, client, set } = await withUser('+blpop ~list')
    const reply = client.call('BLPOP', 'list', '0')
    await set('~other')
    await set('resetkeys ~other')
    expect(await reply).toMatchObject(NO_KEY)
    expect(await logOf(harness)).toMatchObject([{ reason: 'key', object: 'list' }])
    await harness.call('RPUSH', 'list', 'a')
    expect(await harness.call('LLEN', 'list')).toBe(1)
  })

  test('continues when other rights change', async () => {
    const { harness, client, set } = await withUser('+blpop ~list')
    const reply = client.call('BLPOP', 'list', '0')
    await set('+get ~other')
    await harness.call('RPUSH', 'list', 'a')
    expect(await reply).toEqual(['list', 'a'])
  })
})

describe('AUTH', () => {
  test('makes a client another user, and RESET the default user', async () => {
    const { harness, client } = await withUser('+acl|whoami')
    expect(await client.call('ACL', 'WHOAMI')).toBe('u')
    expect(await client.call('AUTH', 'u', 'wrong')).toMatchObject({
      message: expect.stringContaining('WRONGPASS'),
    })
    expect(await client.call('ACL', 'WHOAMI')).toBe('u')
    expect(String(await harness.call('CLIENT', 'LIST'))).toMatch(/ user=u /)
    await client.call('AUTH', 'default', '')
    expect(await client.call('ACL', 'WHOAMI')).toBe('default')
    await client.raw('HELLO', 2, 'AUTH', 'u', 'p')
    expect(await client.call('ACL', 'WHOAMI')).toBe('u')
  })

  test('is logged when it fails, without the password', async () => {
    const harness = new Harness()
    await harness.call('AUTH', 'nobody', 'secret')
    expect(await logOf(harness)).toMatchObject([
      { reason: 'auth', context: 'toplevel', object: 'AUTH', username: 'nobody', count: 1 },
    ])
    expect(harness.host.failedLogins).toBe(1)
    await harness.call('ACL', 'SETUSER', 'default', '>other')
    await harness.raw('hello', 3, 'AUTH', 'default', 'secret')
    const log = await harness.raw('ACL', 'LOG')
    expect(log).toContain('hello')
    expect(log).not.toContain('secret')
    expect(await harness.call('ACL', 'LOG', 'RESET')).toBe('OK')
    expect(await harness.call('ACL', 'LOG')).toEqual([])
  })

  test('waits after many failures, right or wrong, and later commands wait for it', async () => {
    const harness = new Harness({ requirepass: 'p' })
    const { client, clock } = harness
    for (let i = 0; i < 10; i++) await client.call('AUTH', 'wrong')
    const replies: string[] = []
    const other = harness.connect()
    const login = other.raw('AUTH', 'p').then((reply) => replies.push(reply))
    const get = other.raw('GET', 'a').then((reply) => replies.push(reply))
    await harness.settle()
    expect(replies).toEqual([])
    clock.advance(49)
    await harness.settle()
    expect(replies).toEqual([])
    clock.advance(1)
    await Promise.all([login, get])
    expect(replies).toEqual(['+OK\r\n', '$-1\r\n'])
    clock.advance(60_000)
    expect(await client.call('AUTH', 'p')).toBe('OK')
  })

  test('in a transaction fails where it would have to wait', async () => {
    const harness = new Harness()
    await harness.call('ACL', 'SETUSER', 'admin', 'on', '>p')
    for (let i = 0; i < 10; i++) await harness.call('AUTH', 'admin', 'wrong')
    await harness.call('MULTI')
    await harness.call('AUTH', 'admin', 'p')
    await harness.call('ACL', 'WHOAMI')
    expect(await harness.call('EXEC')).toMatchObject([
      { message: expect.stringContaining('WRONGPASS') },
      'default',
    ])
  })

  test('whose client has gone meanwhile does nothing', async () => {
    const harness = new Harness({ requirepass: 'p' })
    const { client, clock } = harness
    for (let i = 0; i < 10; i++) await client.call('AUTH', 'wrong')
    const reply = client.raw('AUTH', 'p')
    client.closed = true
    clock.advance(50)
    expect(await reply).toContain('the client is gone')
    expect(client.authenticated).toBe(false)
  })
})

describe('the default user', () => {
  test('has the password of requirepass, which is not shown', async () => {
    const harness = new Harness()
    await harness.call('CONFIG', 'SET', 'requirepass', 'secret')
    expect(await harness.call('CONFIG', 'GET', 'requirepass')).toEqual(['requirepass', '(redacted)'])
    expect(await harness.connect().call('PING')).toMatchObject(error('NOAUTH Authentication required.'))
    expect(await harness.connect().call('AUTH', 'secret')).toBe('OK')
    expect(await harness.raw('ACL', 'LIST')).not.toContain('secret')
    await harness.call('CONFIG', 'SET', 'requirepass', '')
    expect(await harness.call('CONFIG', 'GET', 'requirepass')).toEqual(['requirepass', ''])
    expect(await harness.connect().call('PING')).toBe('PONG')
  })

  test('that is off needs another user to log in', async () => {
    const harness = new Harness()
    await harness.call('ACL', 'SETUSER', 'u', 'on', 'nopass', '+ping')
    await harness.call('ACL', 'SETUSER', 'default', 'off')
    const client = harness.connect()
    expect(await client.call('PING')).toMatchObject(error('NOAUTH Authentication required.'))
    expect(await client.call('AUTH', 'u', 'x')).toBe('OK')
    expect(await client.call('PING')).toBe('PONG')
  })
})

describe('ACL', () => {
  test('GENPASS makes random digits', async () => {
    const harness = new Harness()
    const one = await harness.call('ACL', 'GENPASS')
    expect(one).toMatch(/^[0-9a-f]{64}$/)
    expect(await harness.call('ACL', 'GENPASS')).not.toBe(one)
    expect(await harness.call('ACL', 'GENPASS', 5)).toMatch(/^[0-9a-f]{2}$/)
    expect(await harness.call('ACL', 'GENPASS', 4096)).toMatch(/^[0-9a-f]{1024}$/)
  })

  test('LOAD and SAVE need a file', async () => {
    const harness = new Harness()
    for (const name of ['LOAD', 'SAVE'])
      expect(await harness.call('ACL', name)).toMatchObject({
        message: expect.stringContaining('Redis instance is not configured to use an ACL file'),
      })
  })

  test('CAT lists every command, subcommands too', async () => {
    const harness = new Harness()
    expect(await harness.call('ACL', 'CAT', 'Stream')).toEqual(
      expect.arrayContaining(['xadd', 'xinfo|stream']),
    )
    expect(await harness.call('ACL', 'CAT', 'transaction')).toContain('multi')
    expect(await harness.call('ACL', 'CAT', 'keyspace')).not.toContain('set')
  })

  test('CLIENT KILL USER closes the connections of a user', async () => {
    const { harness, client } = await withUser('+ping')
    expect(await harness.call('CLIENT', 'KILL', 'USER', 'nobody')).toMatchObject(
      error("ERR No such user 'nobody'"),
    )
    expect(await harness.call('CLIENT', 'KILL', 'USER', 'u')).toBe(1)
    expect(client.closed).toBe(true)
  })

  test('SETUSER is not shown in the slow log', async () => {
    const harness = new Harness()
    await harness.call('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
    await harness.call('ACL', 'SETUSER', 'alice', '>secret')
    expect(await harness.raw('SLOWLOG', 'GET')).not.toMatch(/secret|alice/)
  })
})
