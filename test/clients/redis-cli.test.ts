import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithExecutable, type Execution, execute } from '../support/executable.ts'
import { startNode, type TestNode } from '../support/node.ts'

/** A request in RESP. */
function request(...command: readonly string[]): string {
  const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`)
  return `*${command.length}\r\n${parts.join('')}`
}

describeWithExecutable('redis-cli', 'redis-cli', (executable) => {
  const asked: string[] = []
  const scores = new Map([
    ['Tom', '630'],
    ['Jack', '589'],
  ])
  let node: TestNode
  beforeAll(async () => {
    node = await startNode({
      groups: {
        scores: {
          maxBytes: '64mb',
          origin: (key) => {
            asked.push(key)
            return scores.get(key)
          },
        },
        cache: { maxBytes: '64mb' },
        throwing: {
          maxBytes: '1mb',
          origin: () => {
            throw new Error('down for repair')
          },
        },
        scan: { maxBytes: '64mb' },
        pipe: { maxBytes: '64mb' },
      },
    })
  })
  afterAll(async () => {
    await node.close()
    expect(node.unexpected).toEqual([])
  })

  function cli(args: readonly string[], input?: string | Buffer): Promise<Execution> {
    return execute(executable, ['-p', String(node.port), ...args], input)
  }

  /** The output of a command that succeeds. */
  async function output(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await cli(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }

  test('reads through, and loads a key once', async () => {
    expect(await output('GET', 'Tom')).toBe('630\n')
    expect(await output('GET', 'Tom')).toBe('630\n')
    expect(asked.filter((key) => key === 'Tom')).toEqual(['Tom'])
    expect(await output('--no-raw', 'GET', 'nobody')).toBe('(nil)\n')
    expect(await output('--csv', 'MGET', 'Tom', 'nobody', 'Jack')).toBe('"630",NULL,"589"\n')
  })

  describe.each(['-2', '-3'])('%s', (protocol) => {
    test('shows every type of reply', async () => {
      const shown = (...args: string[]): Promise<string> => output(protocol, '--no-raw', '-n', '1', ...args)
      const key = `type${protocol}`
      expect(await shown('SET', key, '1')).toBe('OK\n')
      expect(await shown('INCR', key)).toBe('(integer) 2\n')
      expect(await shown('GET', key)).toBe('"2"\n')
      expect(await shown('GET', 'none')).toBe('(nil)\n')
      expect(await shown('MGET', key, 'none')).toBe('1) "2"\n2) (nil)\n')
      expect(await shown('GROUP', 'LIST')).toMatch(/^1\) "scores"\n2\) "cache"\n/)
      expect(await shown('CONFIG', 'GET', 'timeout')).toBe(
        protocol === '-3' ? '1# "timeout" => "0"\n' : '1) "timeout"\n2) "0"\n',
      )
      expect(await shown('INFO', 'keyspace')).toMatch(/^# Keyspace\r\n(db0.*\r\n)?db1:keys=\d+/)
      expect(await shown('NONSENSE')).toMatch(/^\(error\) ERR unknown command 'NONSENSE'/)
    })

    test('has help for commands, from the node', async () => {
      const help = async (...args: string[]): Promise<string> =>
        // Without colours and carriage returns.
        (await output(protocol, 'HELP', ...args)).replaceAll(/\p{Cc}\[\d*m|\r/gu, '')
      expect(await help('EXPLAIN')).toMatch(
        /^ *EXPLAIN key\n *summary: .*\n *since: 0\.1\.0\n *group: erinys\n/m,
      )
      expect(await help('GETEX')).toContain(
        'GETEX key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]',
      )
      expect(await help('SET')).toContain('|KEEPTTL] [TAGS numtags tag [tag ...]]\n')
      expect(await help('INVALIDATE')).toContain('INVALIDATE [SOFT] [KEY] key [key ...]|TAG tag [tag ...]\n')
      expect(await help('@erinys')).toMatch(/GROUP INFO name\n/)
      expect(await help('client', 'no-touch')).toContain('CLIENT NO-TOUCH ON|OFF\n')
    })
  })

  test('shows the error of an origin', async () => {
    expect(await output('--no-raw', '-n', '2', 'GET', 'Tom')).toBe(
      '(error) ORIGIN throwing: down for repair\n',
    )
    expect(await cli(['-e', '-n', '2', 'GET', 'Tom'])).toMatchObject({ code: 1 })
  })

  test('selects groups by index, in a URL, and by name', async () => {
    expect(await output('-n', '1', 'SET', 'where', 'cache')).toBe('OK\n')
    expect(await output('-u', `redis://127.0.0.1:${node.port}/1`, 'GET', 'where')).toBe('cache\n')
    expect((await cli([], 'SELECT cache\nGET where\nSELECT 0\nEXISTS where\n')).stdout).toBe(
      'OK\ncache\nOK\n0\n',
    )
    expect(await cli(['-n', '9', 'PING'])).toEqual({
      code: 0,
      stdout: 'PONG\n',
      stderr: 'SELECT 9 failed: ERR DB index is out of range\n',
    })
  })

  test('reads an argument from its input, and repeats commands', async () => {
    const { stdout } = await cli(['-n', '1', '-x', 'SET', 'stdin'], 'line\nand "quotes" — é\n')
    expect(stdout).toBe('OK\n')
    expect(await output('-n', '1', 'GET', 'stdin')).toBe('line\nand "quotes" — é\n\n')
    expect(await output('-n', '1', '-r', '3', 'INCR', 'repeated')).toBe('1\n2\n3\n')
  })

  test('pipes a file of commands', async () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `pipe:${i}`)
    const commands = keys.map((key) => request('SET', key, `${key}\r\n`)).join('')
    const { code, stdout } = await cli(['-n', '4', '--pipe'], `${commands}INCR pipe:0\r\n`)
    expect(code).toBe(1)
    expect(stdout).toMatch(/errors: 1, replies: 20001\n$/)
    expect(await output('-n', '4', 'DBSIZE')).toBe('20000\n')
    expect(await output('-n', '4', 'GET', 'pipe:19999')).toBe('pipe:19999\r\n\n')
  })

  test('scans, and finds big keys', async () => {
    const keys = Array.from({ length: 1000 }, (_, i) => `key:${i}`)
    const commands = keys.map((key) => `SET ${key} ${'v'.repeat(key === 'key:500' ? 9999 : 10)}\n`).join('')
    await cli(['-n', '3'], commands)
    expect((await output('-n', '3', '--scan')).trimEnd().split('\n').sort()).toEqual(keys.sort())
    expect(await output('-n', '3', '--scan', '--pattern', 'key:99?')).toMatch(/^(key:99\d\n){10}$/)
    expect(await output('-n', '3', '--bigkeys')).toContain(`Biggest string found '"key:500"' has 9999 bytes`)
    expect(await output('-n', '3', '--memkeys')).toMatch(/Biggest string found '"key:500"' has \d{5} bytes/)
    expect(await output('--latency', '--raw', '-i', '0.05')).toMatch(/^\d+ \d+ \d+\.\d+ \d+\n$/)
  })

  test('shows MONITOR', async () => {
    const child = spawn(executable, ['-p', String(node.port), 'MONITOR'])
    let shown = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      shown += text
    })
    const sees = async (text: string): Promise<void> => {
      while (!shown.includes(text)) await once(child.stdout, 'data')
    }
    await sees('OK\n')
    await output('-n', '1', 'SET', 'a "key"', 'é')
    await sees(String.raw`"SET" "a \"key\"" "\xc3\xa9"`)
    child.kill()
    await once(child, 'close')
  })

  test('authenticates with a password', async () => {
    const guarded = await startNode({ requirepass: 'a secret', groups: { scores: { origin: () => '630' } } })
    const url = (password: string): string => `redis://default:${password}@127.0.0.1:${guarded.port}`
    const run = (...args: string[]): Promise<Execution> =>
      execute(executable, ['-p', String(guarded.port), ...args])
    expect((await run('GET', 'Tom')).stdout).toBe('NOAUTH Authentication required.\n\n')
    expect((await run('--no-auth-warning', '-a', 'a secret', 'GET', 'Tom')).stdout).toBe('630\n')
    expect((await run('--user', 'default', '--pass', 'a secret', 'GET', 'Tom')).stdout).toBe('630\n')
    expect((await run('-3', '--no-auth-warning', '-u', url('a%20secret'), 'GET', 'Tom')).stdout).toBe('630\n')
    const admin = await run(
      '--no-auth-warning',
      '-a',
      'a secret',
      'ACL',
      'SETUSER',
      'me',
      'on',
      '>mine',
      '~T*',
      '+get',
    )
    expect(admin.stdout).toBe('OK\n')
    const asMe = ['--user', 'me', '--pass', 'mine', '--no-auth-warning']
    expect((await run(...asMe, 'GET', 'Tom')).stdout).toBe('630\n')
    expect((await run('-3', ...asMe, 'GET', 'Sam')).stdout).toContain(
      'NOPERM this user has no permissions to access one',
    )
    expect((await run('-u', url('guess'), 'GET', 'Tom')).stderr).toContain('AUTH failed: WRONGPASS')
    await guarded.close()
  })
})
