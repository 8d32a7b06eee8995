// Wrong options of every command that has options: each gets its error.

import { describe, expect, test } from 'vitest'
import type { Argument } from '../support/resp.ts'
import { error, sharedServer } from './attacked-server.ts'
import { COLLECTION_GROUPS, commands, NO_GROUP, NOT_AN_INTEGER, RANGE, SYNTAX } from './commands.ts'

const { attacker } = sharedServer()

/** By command: options that do not exist or contradict each other. */
const WRONG_OPTIONS: Readonly<Record<string, readonly (readonly [Argument[], string | RegExp])[]>> = {
  // This node is not in a cluster.
  'cluster|drain': [[['BOGUS'], 'ERR This instance has cluster support disabled']],
  'group|flush': [[['bogus'], /^ERR no such group: there is no group "bogus", known are /]],
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
    [['gold', 'b', 'DB', 'nowhere'], NO_GROUP],
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
  hotkeys: [[['nope'], /^ERR no such group: there is no group "nope"/]],
  'config|reload': [
    [['BOGUS'], SYNTAX],
    [['DRYRUN', 'x'], SYNTAX],
  ],
  'acl|cat': [[['nope'], "ERR Unknown category 'nope'"]],
  'acl|deluser': [[['default'], "ERR The 'default' user cannot be removed"]],
  'acl|dryrun': [
    [['nobody', 'get', 'gold'], "ERR User 'nobody' not found"],
    [['default', 'nope'], "ERR Command 'nope' not found"],
  ],
  'acl|genpass': [
    [['x'], NOT_AN_INTEGER],
    [['0'], /a positive number up to 4096$/],
  ],
  'acl|log': [[['x'], NOT_AN_INTEGER]],
  'acl|setuser': [[['somebody', 'nope'], "ERR Error in ACL SETUSER modifier 'nope': Syntax error"]],
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
  'group|info': [[['bogus'], /^ERR no such group: there is no group "bogus", known are /]],
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
    [['x'], NO_GROUP],
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
    [['gold', 'x'], NO_GROUP],
    [['gold', '0'], 'ERR source and destination objects are the same'],
  ],
}

/** Commands whose further arguments are all of one kind, or are ignored. */
const WITHOUT_OPTIONS = new Set(
  (
    'del unlink invalidate exists touch mget mset msetnx ping quit ' +
    'acl client cluster config command debug group info latency memory object peer peer|context peer|copy peer|take peer|tally peer|flush peer|flushed slowlog ' +
    'config|get command|info command|docs latency|histogram latency|reset peer|exec peer|watch'
  ).split(' '),
)

/** Compared with redis-server in `*.differential.test.ts`, as are the commands of `COLLECTION_GROUPS`. */
const COMPARED: ReadonlySet<string> = new Set(['restore', 'sort', 'sort_ro'])

describe('a wrong option', () => {
  for (const [name, cases] of Object.entries(WRONG_OPTIONS)) {
    test(`of ${name}`, async () => {
      for (const [args, message] of cases) {
        const replies = await attacker().pipeline([...name.split('|'), ...args], ['PING'])
        expect(replies, JSON.stringify(args)).toMatchObject([error(message), 'PONG'])
      }
    })
  }

  test('is tested for every command that has options', () => {
    const untested = commands
      .filter(
        ({ arity, fullName, spec }) =>
          arity < 0 &&
          !COLLECTION_GROUPS.has(spec.group) &&
          !COMPARED.has(fullName) &&
          !(fullName in WRONG_OPTIONS) &&
          !WITHOUT_OPTIONS.has(fullName),
      )
      .map(({ fullName }) => fullName)
    expect(untested).toEqual([])
  })

  test('changes no setting, even if others of the same CONFIG SET are valid', async () => {
    const before = await attacker().call('CONFIG', 'GET', '*')
    await attacker().call('CONFIG', 'SET', 'timeout', '7', 'maxmemory', '1gb', 'hz', 'x')
    expect(await attacker().call('CONFIG', 'GET', '*')).toEqual(before)
  })
})
