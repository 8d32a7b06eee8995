// Wrong arguments of every command of the table: each gets its error, and nothing has changed.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Command } from '../../src/commands/spec/ready-command.ts'
import { createCommandTable } from '../../src/execution/table.ts'
import type { Argument } from '../support/harness.ts'
import { error, Fortress, takeFaults } from './fortress.ts'
import type { Talker } from './talker.ts'

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']

const commands: readonly Command[] = createCommandTable().all.flatMap((command) => [
  command,
  ...command.subcommands.values(),
])

let fortress: Fortress
let attacker: Talker
beforeAll(async () => {
  const group = { origin: () => null }
  fortress = await Fortress.build({
    groups: { ['__proto__']: {}, constructor: {}, toString: group, loaded: group },
  })
  attacker = await fortress.connect()
})
afterEach(async () => {
  expect(takeFaults(fortress.server)).toEqual([])
  expect(await fortress.guard.call('GET', 'gold')).toBe('aurum')
})
afterAll(async () => {
  await fortress.expectUnharmed()
  await fortress.tearDown()
})

/** The words of a command: 'client|kill' is CLIENT KILL. */
function words({ fullName }: Command): string[] {
  return fullName.split('|')
}

/** A command with so many arguments in all. */
function withCount(command: Command, count: number, argument: string): string[] {
  const named = words(command)
  return [...named, ...new Array<string>(Math.max(0, count - named.length)).fill(argument)].slice(0, count)
}

describe('the wrong number of arguments', () => {
  for (const command of commands) {
    const { arity, fullName } = command
    const counts = arity < 0 ? [-arity - 1] : [arity - 1, arity + 1, arity + 1000]
    // One that needs no more than its name cannot have too few.
    const wrong = counts.filter((count) => count >= words(command).length)
    if (wrong.length === 0) continue
    test(`for ${fullName}`, async () => {
      for (const count of wrong) {
        const replies = await attacker.pipeline(withCount(command, count, 'x'), ['PING'])
        expect(replies).toMatchObject([
          error(`ERR wrong number of arguments for '${fullName}' command`),
          'PONG',
        ])
      }
    })
  }

  test('that only the handler can tell', async () => {
    const wrong = (name: string): object => error(`ERR wrong number of arguments for '${name}' command`)
    expect(await attacker.call('PING', 'a', 'b')).toMatchObject(wrong('ping'))
    expect(await attacker.call('MSET', 'a', '1', 'b')).toMatchObject(wrong('mset'))
    expect(await attacker.call('MSETNX', 'a', '1', 'b')).toMatchObject(wrong('msetnx'))
    expect(await attacker.call('EXISTS', 'a', 'b')).toBe(0)
  })
})

const SYNTAX = 'ERR syntax error'
const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'
const RANGE = 'ERR DB index is out of range'

/** Options that do not exist, or do not go together, by command. */
const WRONG_OPTIONS: Readonly<Record<string, readonly (readonly [Argument[], string | RegExp])[]>> = {
  // This node is in no cluster.
  'cluster|drain': [[['BOGUS'], 'ERR This instance has cluster support disabled']],
  'group|flush': [[['bogus'], 'ERR no such group']],
  set: [
    [['k', 'v', 'BOGUS'], SYNTAX],
    [['k', 'v', '\xff'], SYNTAX],
    [['k', 'v', 'NX', 'XX'], SYNTAX],
    [['k', 'v', 'EX'], SYNTAX],
    [['k', 'v', 'EX', '10', 'PX', '10'], SYNTAX],
    [['k', 'v', 'EX', 'x'], NOT_AN_INTEGER],
    [['k', 'v', 'EX', '0'], "ERR invalid expire time in 'set' command"],
    [['k', 'v', 'PXAT', '9223372036854775808'], NOT_AN_INTEGER],
  ],
  getex: [
    [['gold', 'BOGUS'], SYNTAX],
    [['gold', 'EX', '1', 'PERSIST'], SYNTAX],
    [['gold', 'EX', '-1'], "ERR invalid expire time in 'getex' command"],
  ],
  lcs: [
    [['a', 'b', 'BOGUS'], SYNTAX],
    [['a', 'b', 'MINMATCHLEN'], SYNTAX],
    [['a', 'b', 'MINMATCHLEN', 'x'], NOT_AN_INTEGER],
    [['a', 'b', 'IDX', 'LEN'], /please just use IDX/],
  ],
  copy: [
    [['gold', 'b', 'BOGUS'], SYNTAX],
    [['gold', 'b', 'DB'], SYNTAX],
    [['gold', 'b', 'DB', 'nowhere'], RANGE],
    [['gold', 'b', 'DB', '99'], RANGE],
    [['gold', 'gold'], 'ERR source and destination objects are the same'],
  ],
  ...Object.fromEntries(
    ['expire', 'pexpire', 'expireat', 'pexpireat'].map((name) => [
      name,
      [
        [['gold', '10', 'BOGUS'], 'ERR Unsupported option BOGUS'],
        [['gold', '10', '\x01\r\n'], 'ERR Unsupported option \x01  '],
        [['gold', '10', 'NX', 'XX'], /not compatible$/],
        [['gold', '10', 'GT', 'LT'], /not compatible$/],
        [['gold', 'x'], NOT_AN_INTEGER],
        [['gold', '9223372036854775808'], NOT_AN_INTEGER],
      ],
    ]),
  ),
  scan: [
    [['x'], 'ERR invalid cursor'],
    [['18446744073709551616'], 'ERR invalid cursor'],
    [['0', 'BOGUS'], SYNTAX],
    [['0', 'COUNT'], SYNTAX],
    [['0', 'COUNT', '0'], SYNTAX],
    [['0', 'COUNT', '1.5'], NOT_AN_INTEGER],
    [['0', 'MATCH'], SYNTAX],
    [['0', 'TYPE', 'string', 'x', 'y'], SYNTAX],
  ],
  flushdb: [
    [['BOGUS'], SYNTAX],
    [['SYNC', 'ASYNC'], SYNTAX],
  ],
  flushall: [
    [['BOGUS'], SYNTAX],
    [['SYNC', 'x'], SYNTAX],
  ],
  'memory|usage': [
    [['gold', 'BOGUS', '1'], SYNTAX],
    [['gold', 'SAMPLES'], SYNTAX],
    [['gold', 'SAMPLES', 'x'], NOT_AN_INTEGER],
    [['gold', 'SAMPLES', '-1'], SYNTAX],
  ],
  auth: [
    [['a', 'b', 'c'], SYNTAX],
    [['secret'], /without any password configured/],
    [['nobody', 'x'], /^WRONGPASS/],
  ],
  hello: [
    [['x'], 'ERR Protocol version is not an integer or out of range'],
    [['4'], 'NOPROTO unsupported protocol version'],
    [['2', 'BOGUS'], "ERR Syntax error in HELLO option 'BOGUS'"],
    [['2', 'AUTH', 'default'], "ERR Syntax error in HELLO option 'AUTH'"],
    [['2', 'AUTH', 'nobody', 'x'], /^WRONGPASS/],
    [['2', 'SETNAME', 'a b'], /^ERR Client names cannot contain/],
  ],
  'client|kill': [
    [['nobody'], 'ERR No such client'],
    [['BOGUS', 'x'], SYNTAX],
    [['ID', '1', 'x'], SYNTAX],
    [['ID', '0'], /greater than 0/],
    [['ID', 'x'], /greater than 0/],
    [['TYPE', 'x'], "ERR Unknown client type 'x'"],
    [['USER', 'nobody'], "ERR No such user 'nobody'"],
    [['SKIPME', 'maybe'], SYNTAX],
  ],
  'client|list': [
    [['BOGUS'], SYNTAX],
    [['ID'], SYNTAX],
    [['ID', 'x'], 'ERR Invalid client ID'],
    [['TYPE', 'x'], "ERR Unknown client type 'x'"],
  ],
  'client|pause': [
    [['x'], 'ERR timeout is not an integer or out of range'],
    [['-1'], 'ERR timeout is negative'],
    [['0', 'SOME'], 'ERR CLIENT PAUSE mode must be WRITE or ALL'],
    [['0', 'ALL', 'x'], /unknown subcommand or wrong number of arguments/],
  ],
  'client|unblock': [
    [['x'], NOT_AN_INTEGER],
    [['1', 'x'], 'ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR'],
    [['1', 'ERROR', 'x'], /unknown subcommand or wrong number of arguments/],
  ],
  'client|no-evict': [[['MAYBE'], SYNTAX]],
  'client|no-touch': [[['MAYBE'], SYNTAX]],
  'client|reply': [[['MAYBE'], SYNTAX]],
  'client|setinfo': [
    [['BOGUS', 'x'], "ERR Unrecognized option 'BOGUS'"],
    [['LIB-NAME', 'a b'], /cannot contain spaces/],
  ],
  'client|setname': [
    [['a b'], /cannot contain spaces/],
    [['a\nb'], /cannot contain spaces/],
  ],
  'config|set': [
    [['bogus', '1'], "ERR Unknown option or number of arguments for CONFIG SET - 'bogus'"],
    [['timeout', '1', 'timeout', '2'], /duplicate parameter$/],
    [['timeout', '1', 'hz'], SYNTAX],
    [['timeout', 'x'], /couldn't be parsed into an integer$/],
    [['timeout', '1', 'port', '1'], /can't set immutable config$/],
    [['timeout', '-1'], /must be between/],
  ],
  'command|list': [
    [['BOGUS'], SYNTAX],
    [['FILTERBY', 'BOGUS', 'x'], SYNTAX],
    [['FILTERBY', 'PATTERN'], SYNTAX],
  ],
  'command|getkeys': [
    [['bogus'], 'ERR Invalid command specified'],
    [['PING'], 'ERR The command has no key arguments'],
    [['GET'], 'ERR Invalid number of arguments specified for command'],
  ],
  'command|getkeysandflags': [[['bogus'], 'ERR Invalid command specified']],
  'slowlog|get': [
    [['x'], /greater than or equal to -1$/],
    [['-2'], /greater than or equal to -1$/],
    [['1', '2'], /unknown subcommand or wrong number of arguments/],
  ],
  'latency|graph': [[['bogus'], "ERR No samples available for event 'bogus'"]],
  'group|info': [[['bogus'], 'ERR no such group']],
  lolwut: [[['VERSION', 'x'], NOT_AN_INTEGER]],
  shutdown: [
    [['BOGUS'], SYNTAX],
    [['ABORT'], 'ERR No shutdown in progress.'],
    [['NOSAVE', 'SAVE'], SYNTAX],
    [['SAVE'], /this server keeps nothing on disk/],
  ],
  debug: [
    [['BOGUS'], /unknown subcommand or wrong number of arguments/],
    [['SLEEP'], /unknown subcommand or wrong number of arguments/],
    [['JMAP'], 'ERR DEBUG JMAP is not supported'],
    [['OBJECT', 'none'], 'ERR no such key'],
    [['POPULATE', 'x'], /must be positive$/],
    [['POPULATE', '1', 'p', '9007199254740991'], /^OOM /],
    [['PROTOCOL', 'x'], /Wrong protocol type name/],
    [['REPLYBUFFER', 'PEAK-RESET-TIME', 'x'], NOT_AN_INTEGER],
  ],
  select: [
    [['x'], RANGE],
    [['-1'], RANGE],
    [['99'], RANGE],
    [['9999999999'], /value must between/],
  ],
  swapdb: [
    [['x', '0'], 'ERR invalid first DB index'],
    [['0', 'x'], 'ERR invalid second DB index'],
    [['0', '99'], RANGE],
  ],
  move: [
    [['gold', 'x'], RANGE],
    [['gold', '0'], 'ERR source and destination objects are the same'],
  ],
}

/** Whose further arguments are all alike, or are not looked at. */
const WITHOUT_OPTIONS = new Set(
  (
    'del unlink invalidate exists touch mget mset msetnx ping quit ' +
    'client cluster config command debug group info latency memory object peer peer|take slowlog ' +
    'config|get command|info command|docs latency|histogram latency|reset'
  ).split(' '),
)

describe('a wrong option', () => {
  for (const [name, cases] of Object.entries(WRONG_OPTIONS)) {
    test(`of ${name}`, async () => {
      for (const [args, message] of cases) {
        const replies = await attacker.pipeline([...name.split('|'), ...args], ['PING'])
        expect(replies, JSON.stringify(args)).toMatchObject([error(message), 'PONG'])
      }
    })
  }

  test('is tried of every command that takes options', () => {
    const untried = commands
      .filter(
        ({ arity, fullName }) => arity < 0 && !(fullName in WRONG_OPTIONS) && !WITHOUT_OPTIONS.has(fullName),
      )
      .map(({ fullName }) => fullName)
    expect(untried).toEqual([])
  })

  test('leaves the settings as they are when others of the same CONFIG SET are right', async () => {
    const before = await attacker.call('CONFIG', 'GET', '*')
    await attacker.call('CONFIG', 'SET', 'timeout', '7', 'maxmemory', '1gb', 'hz', 'x')
    expect(await attacker.call('CONFIG', 'GET', '*')).toEqual(before)
  })
})

describe('names that objects inherit', () => {
  const inherited = Object.getOwnPropertyNames(Object.prototype).sort()

  test('are keys like any other', async () => {
    for (const name of NAMES) {
      expect(
        await attacker.pipeline(
          ['DEL', name],
          ['GET', name],
          ['SET', name, 'constructor'],
          ['APPEND', name, name],
          ['EXISTS', name],
          ['OBJECT', 'ENCODING', name],
          ['COPY', name, 'copy', 'REPLACE'],
          ['GET', 'copy'],
          ['KEYS', name],
          ['DEL', name, 'copy'],
        ),
      ).toEqual([
        expect.any(Number),
        null,
        'OK',
        11 + name.length,
        1,
        'raw',
        1,
        `constructor${name}`,
        [name],
        2,
      ])
    }
    await attacker.call('SET', '__proto__', 'no prototype')
  })

  test('are keys that an origin is asked for', async () => {
    const talker = await fortress.connect('loaded')
    for (const name of NAMES)
      expect(await talker.pipeline(['GET', name], ['MGET', name, name], ['EXPLAIN', name])).toEqual([
        null,
        [null, null],
        expect.any(Array),
      ])
  })

  test('are groups like any other', async () => {
    const talker = await fortress.connect()
    for (const [index, name] of ['cache', '__proto__', 'constructor', 'toString'].entries()) {
      expect(await talker.call('SELECT', name)).toBe('OK')
      expect(await talker.call('GROUP', 'INFO', name)).toEqual(expect.arrayContaining(['index', index]))
      expect(await talker.call('CONFIG', 'GET', `maxmemory:${name}`)).toEqual([
        `maxmemory:${name}`,
        '268435456',
      ])
    }
    expect(
      await talker.pipeline(['SELECT', '__proto__'], ['SET', 'k', 'v'], ['MOVE', 'k', 'constructor']),
    ).toEqual(['OK', 'OK', 1])
    expect(
      await talker.pipeline(
        ['SWAPDB', '__proto__', 'constructor'],
        ['GET', 'k'],
        ['COPY', 'k', 'k', 'DB', 'toString'],
      ),
    ).toEqual(['OK', 'v', 1])
    expect(await talker.call('CONFIG', 'SET', 'maxmemory:__proto__', '1mb')).toBe('OK')
    expect(fortress.server.groups.map(({ store }) => store.maxBytes)).toEqual([
      2 ** 28,
      2 ** 20,
      2 ** 28,
      2 ** 28,
      2 ** 28,
    ])
    for (const name of ['hasOwnProperty', 'valueOf', '__defineGetter__'])
      expect(await talker.call('SELECT', name)).toMatchObject(error(RANGE))
  })

  // What would close the connection, or do away with everything.
  const SKIPPED = new Set(['quit', 'monitor', 'shutdown', 'flushall'])

  for (const command of commands.filter(({ fullName }) => !SKIPPED.has(fullName))) {
    test(`are no danger to ${command.fullName}`, async () => {
      const talker = await fortress.connect('constructor')
      const least = Math.abs(command.arity)
      for (const name of NAMES) {
        for (let count = least; count < (command.arity < 0 ? least + 4 : least + 1); count++) {
          const replies = await talker.pipeline(
            withCount(command, count, name),
            ['CLIENT', 'REPLY', 'ON'],
            ['PING'],
          )
          expect(replies).not.toMatchObject([error('ERR internal error'), 'OK', 'PONG'])
          expect(replies.slice(-2)).toEqual(['OK', 'PONG'])
        }
      }
      talker.socket.destroy()
    })
  }

  test('are still all that objects inherit', () => {
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(inherited)
    expect(({} as Record<string, unknown>).timeout).toBeUndefined()
  })
})

describe('numbers that are none', () => {
  const MAX = '9223372036854775807'

  test('overflow', async () => {
    await attacker.call('MSET', 'max', MAX, 'min', '-9223372036854775808', 'text', 'x')
    const overflow = error('ERR increment or decrement would overflow')
    expect(
      await attacker.pipeline(
        ['INCR', 'max'],
        ['INCRBY', 'max', MAX],
        ['DECRBY', 'max', '-1'],
        ['DECR', 'min'],
        ['INCRBY', 'min', '-1'],
        ['DECRBY', 'min', MAX],
      ),
    ).toMatchObject(new Array(6).fill(overflow))
    expect(await attacker.call('DECRBY', 'max', '-9223372036854775808')).toMatchObject(
      error('ERR decrement would overflow'),
    )
    expect(await attacker.call('MGET', 'max', 'min')).toEqual([MAX, '-9223372036854775808'])
  })

  test('are no integers', async () => {
    for (const wrong of [
      '',
      ' ',
      '1.0',
      '1e3',
      '0x10',
      '+1',
      '01',
      '-0',
      '1 ',
      ' 1',
      '1\0',
      'NaN',
      'inf',
      `${MAX}0`,
      '\xb2',
    ]) {
      const replies = await attacker.pipeline(
        ['INCRBY', 'max', wrong],
        ['DECRBY', 'max', wrong],
        ['EXPIRE', 'max', wrong],
        ['GETRANGE', 'max', wrong, '1'],
        ['SETRANGE', 'max', wrong, 'x'],
        ['SETEX', 'max', wrong, 'x'],
      )
      expect(replies, wrong).toMatchObject(new Array(6).fill(error(NOT_AN_INTEGER)))
    }
    expect(await attacker.call('INCR', 'text')).toMatchObject(error(NOT_AN_INTEGER))
    expect(await attacker.call('GET', 'max')).toBe(MAX)
  })

  test('are no floats, and no sum is infinite', async () => {
    await attacker.call('MSET', 'huge', '1e4932', 'text', 'x')
    for (const wrong of ['', ' 1', '1 ', 'nan', 'NaN', '-nan', '1..0', '1e', '--1', '1\0', 'infinit', '0x'])
      expect(await attacker.call('INCRBYFLOAT', 'huge', wrong), wrong).toMatchObject(
        error('ERR value is not a valid float'),
      )
    for (const infinite of ['inf', '+inf', '-Infinity', '1e5000'])
      expect(await attacker.call('INCRBYFLOAT', 'huge', infinite), infinite).toMatchObject(
        error(/^ERR (increment would produce NaN or Infinity|value is not a valid float)$/),
      )
    expect(await attacker.call('INCRBYFLOAT', 'text', '1')).toMatchObject(
      error('ERR value is not a valid float'),
    )
    expect(await attacker.call('GET', 'huge')).toBe('1e4932')
    expect(await attacker.call('DEL', 'huge', 'text', 'max', 'min')).toBe(4)
  })
})

test('every byte is a key and a value, and the empty key is one', async () => {
  const bytes = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i))
  const all = bytes.join('')
  const talker = await fortress.connect('constructor')
  const keys = ['', ...bytes, all, all.repeat(300)]
  expect(await talker.pipeline(...keys.map((key) => ['SET', key, `${key}${all}`]))).toEqual(
    keys.map(() => 'OK'),
  )
  expect(await talker.call('MGET', ...keys)).toEqual(keys.map((key) => `${key}${all}`))
  expect(((await talker.call('KEYS', '*')) as string[]).sort()).toEqual([...keys].sort())
  for (const key of keys) {
    expect(
      await talker.pipeline(['RENAME', key, 'moved'], ['STRLEN', 'moved'], ['RENAME', 'moved', key]),
    ).toEqual(['OK', key.length + 256, 'OK'])
  }
  expect(await talker.call('DEL', ...keys)).toBe(keys.length)
})

test('an unknown command is told with its beginning, on one line', async () => {
  expect(await attacker.call('\r\n\xff\0', 'a\nb', 'x'.repeat(300))).toMatchObject(
    error(/^ERR unknown command ' {2}.*\0', with args beginning with: 'a b' 'x{1,128}' $/s),
  )
  expect(await attacker.call('')).toMatchObject(error("ERR unknown command '', with args beginning with: "))
  expect(await attacker.call('CLIENT', 'BO\r\nGUS')).toMatchObject(
    error("ERR unknown subcommand 'BO  GUS'. Try CLIENT HELP."),
  )
})
