// Transactions compared with redis-server: edge cases, and random commands of two clients, with both protocols.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RawClient } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import { describeWithRedis, type RedisServer } from '../../support/redis-server.ts'

/** A line of a client: 'A SET a 1'. */
type Step = readonly [client: 0 | 1, ...command: string[]]

/** Lines of two clients, A and B. */
const EDGES: Readonly<Record<string, string>> = {
  'a block': 'A MULTI|A SET a 1|A GET a|A INCR a|B GET a|A EXEC|B GET a|A EXEC|A DISCARD',
  'an empty block': 'A MULTI|A EXEC|A MULTI|A DISCARD|A EXEC',
  'nested MULTI': 'A MULTI|A SET a 1|A MULTI|A EXEC|A MULTI x|A EXEC',
  'WATCH inside MULTI': 'A MULTI|A WATCH a|A SET a 1|A EXEC|A WATCH|A MULTI|A WATCH|A SET a 1|A EXEC',
  'errors while queueing':
    'A MULTI|A SET a|A SET a 1|A EXEC|A GET a|A MULTI|A foo bar|A EXEC|A MULTI|A CONFIG foo|A EXEC|A EXEC',
  'a wrong EXEC':
    'A MULTI|A SET a 1|A EXEC now|A EXEC|A EXEC now|A MULTI|A DISCARD now|A SET a 1|A EXEC|A GET a',
  'commands that are not allowed': 'A MULTI|A SHUTDOWN|A EXEC|A MULTI|A MONITOR|A EXEC|A GET a',
  'errors at run time':
    'A SET a x|A MULTI|A INCR a|A SET b 1|A INCR b|A GETRANGE a|A EXEC|A MULTI|A INCR a|A SET b 1|A EXEC|A GET b',
  'errors, then nested MULTI': 'A MULTI|A SET a|A MULTI|A EXEC',
  SELECT:
    'A MULTI|A SELECT 1|A SET a 1|A SELECT 99|A GET a|A EXEC|A GET a|A SELECT 0|A GET a|A MULTI|A SELECT 1|A SET a|A EXEC|A GET a',
  'a watched key of another database':
    'A SELECT 1|A WATCH a|B SET a 1|A SELECT 0|A MULTI|A PING|A EXEC|A WATCH a|A SELECT 1|A WATCH a|B SET a 2|A MULTI|A PING|A EXEC',
  'an unchanged watched key': 'A SET a 1|A WATCH a b|B GET a|B SET c 1|A MULTI|A SET a 2|A EXEC|A GET a',
  'a changed watched key': 'A WATCH a|B SET a 1|A MULTI|A SET a 2|A EXEC|A GET a|A MULTI|A GET a|A EXEC',
  'changed by the client itself':
    'A WATCH a|A SET a 1|A MULTI|A GET a|A EXEC|A WATCH a|A MULTI|A SET a 2|A SET a 3|A EXEC',
  'one of many': 'A WATCH a b c d e|B SET d 1|A MULTI|A PING|A EXEC',
  UNWATCH: 'A WATCH a|B SET a 1|A UNWATCH|A MULTI|A PING|A EXEC|A UNWATCH|A WATCH a|A MULTI|A UNWATCH|A EXEC',
  'DISCARD ends the watches':
    'A WATCH a|B SET a 1|A MULTI|A DISCARD|A MULTI|A PING|A EXEC|A WATCH a|A MULTI|A DISCARD|B SET a 2|A MULTI|A PING|A EXEC',
  'EXEC ends the watches':
    'A WATCH a|A MULTI|A EXEC|B SET a 1|A MULTI|A PING|A EXEC|A WATCH a|B SET a 2|A MULTI|A EXEC|A MULTI|A PING|A EXEC',
  RESET: 'A WATCH a|A MULTI|A SET a 1|A RESET|A EXEC|B SET a 1|A MULTI|A PING|A EXEC',
  'EXECABORT before nil': 'A WATCH a|B SET a 1|A MULTI|A foo|A EXEC',
  FLUSHALL: 'A WATCH a|B FLUSHALL|A MULTI|A PING|A EXEC|A SET a 1|A WATCH a|B FLUSHALL|A MULTI|A PING|A EXEC',
  FLUSHDB:
    'A SET a 1|A WATCH a|B SELECT 1|B FLUSHDB|A MULTI|A PING|A EXEC|A WATCH b|B SELECT 0|B FLUSHDB|A MULTI|A PING|A EXEC|A SET a 1|A WATCH a|B FLUSHDB|A MULTI|A PING|A EXEC',
  SWAPDB:
    'A SET a 1|A WATCH a|B SWAPDB 0 1|A MULTI|A PING|A EXEC|A WATCH a|B SWAPDB 0 1|A MULTI|A PING|A EXEC|A WATCH none|B SWAPDB 0 1|A MULTI|A PING|A EXEC|A WATCH a|B SWAPDB 0 0|A MULTI|A PING|A EXEC',
  'writes that change nothing':
    'A SET a 1|A WATCH a b|B SETNX a 2|B SET a 2 NX|B DEL b|B EXPIRE b 10|B PERSIST a|B GETEX a|B MSETNX a 1 b 2|B SETRANGE a 0 ""|B RENAMENX a a|B GETDEL b|B TOUCH a|B COPY a a|A MULTI|A PING|A EXEC',
  'the same value': 'A SET a 1|A WATCH a|B SET a 1|A MULTI|A PING|A EXEC',
  'APPEND of nothing': 'A SET a 1|A WATCH a|B APPEND a ""|A MULTI|A PING|A EXEC',
  INCR: 'A SET a 1|A WATCH a|B INCR a|A MULTI|A PING|A EXEC|A SET a 9|A WATCH a|B INCR a|A MULTI|A PING|A EXEC',
  'INCRBY 0': 'A SET a 1|A WATCH a|B INCRBY a 0|A MULTI|A PING|A EXEC',
  EXPIRE:
    'A SET a 1|A WATCH a|B EXPIRE a 100|A MULTI|A PING|A EXEC|A WATCH a|B EXPIRE a 200|A MULTI|A PING|A EXEC|A WATCH a|B PERSIST a|A MULTI|A PING|A EXEC|A WATCH a|B EXPIRE a -1|A MULTI|A PING|A EXEC',
  'SET in the past':
    'A WATCH a|B SET a 1 PXAT 1000|A MULTI|A PING|A EXEC|A SET a 1|A WATCH a|B SET a 1 PXAT 1000|A MULTI|A PING|A EXEC',
  RENAME:
    'A SET a 1|A WATCH a|B RENAME a b|A MULTI|A PING|A EXEC|A WATCH a|B RENAME b a|A MULTI|A PING|A EXEC|A WATCH a|B RENAME a a|A MULTI|A PING|A EXEC',
  'MOVE and COPY':
    'A SET a 1|A WATCH a|B MOVE a 1|A MULTI|A PING|A EXEC|B SELECT 1|B COPY a b DB 0|A WATCH b c|B COPY a b DB 0|A MULTI|A PING|A EXEC|B COPY a c DB 0|A WATCH c|B COPY a c DB 0 REPLACE|A MULTI|A PING|A EXEC',
  HELLO:
    'A MULTI|A HELLO 3|A GET none|A EXEC|A GET none|A WATCH a|B SET a 1|A MULTI|A PING|A EXEC|A MULTI|A HELLO 2|A GET none|A EXEC|A GET none',
  'commands of the connection':
    'A MULTI|A PING|A ECHO x|A CLIENT SETNAME me|A CLIENT GETNAME|A AUTH x|A ASKING|A CLIENT UNBLOCK 1|A EXEC|A CLIENT GETNAME',
  'commands of the keyspace':
    'A SET a 1|A MULTI|A DBSIZE|A KEYS *|A RANDOMKEY|A SCAN 0|A SWAPDB 0 1|A DBSIZE|A FLUSHALL|A EXEC|A DBSIZE',
  'many keys': 'A MULTI|A MSET a 1 b 2|A MGET a b c|A DEL a b c|A EXISTS a|A EXEC',
  'a key that the block removes':
    'A SET a 1|A MULTI|A DEL a|A GET a|A INCR a|A GETDEL a|A EXPIRE a 10|A EXEC',
}

/** Runs the steps on both servers, and compares the replies byte by byte. */
async function compare(redis: RedisServer, steps: readonly Step[], protocol: '2' | '3'): Promise<void> {
  await redis.pipeline([['FLUSHALL']])
  const harness = new Harness({ now: Date.now(), groups: { zero: {}, one: {}, two: {} } })
  const real = await Promise.all([RawClient.connect(redis.socketPath), RawClient.connect(redis.socketPath)])
  const own = [harness.connect(), harness.connect()]
  try {
    for (const i of [0, 1]) {
      await real[i].run([['HELLO', protocol]])
      await own[i].raw('HELLO', protocol)
    }
    for (const [at, [client, ...command]] of steps.entries()) {
      const [wanted] = await real[client].run([command])
      const given = await own[client].raw(...command)
      const isHello = wanted.includes('\r\nserver\r\n')
      const shown = steps.slice(0, at + 1).map(([who, ...words]) => `${'AB'[who]} ${words.join(' ')}`)
      expect(isHello ? withoutHello(given) : given, shown.join('\n')).toBe(
        isHello ? withoutHello(wanted) : wanted,
      )
    }
  } finally {
    for (const client of real) client.close()
  }
  for (const { store } of harness.groups) store.verify()
}

/** The reply to HELLO names the version and the client. */
function withoutHello(reply: string): string {
  return reply.replace(/\r\nversion\r\n.*\r\n.*\r\n/, '').replace(/\r\nid\r\n:\d+/, '')
}

function stepsOf(lines: string): Step[] {
  return lines.split('|').map((line) => {
    const [client, ...words] = line.split(' ')
    return [client === 'A' ? 0 : 1, ...words.map((word) => (word === '""' ? '' : word))]
  })
}

const key = fc.constantFrom('a', 'b', 'c')
const value = fc.constantFrom('1', '9', 'x', '')
const words = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string[]> =>
  fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))

const transactionCommand = fc.oneof(
  { weight: 3, arbitrary: words('MULTI') },
  { weight: 3, arbitrary: words('EXEC') },
  words('DISCARD'),
  { weight: 2, arbitrary: words('WATCH', key) },
  words('WATCH', key, key),
  words('UNWATCH'),
)

const otherCommand = fc.oneof(
  words('SET', key, value),
  words('GET', key),
  words('INCR', key),
  words('APPEND', key, value),
  words('SETNX', key, value),
  words('SETRANGE', key, '1', value),
  words('GETSET', key, value),
  words('GETDEL', key),
  words('DEL', key, key),
  words('MSET', key, value, key, value),
  words('MSETNX', key, value, key, value),
  words('MGET', key, key),
  words('EXISTS', key),
  words('EXPIRE', key, fc.constantFrom('1000', '-1')),
  words('PERSIST', key),
  words('RENAME', key, key),
  words('RENAMENX', key, key),
  words('COPY', key, key, 'REPLACE'),
  words('COPY', key, key, 'DB', '1'),
  words('MOVE', key, fc.constantFrom('0', '1')),
  words('SELECT', fc.constantFrom('0', '1', '99')),
  words('SWAPDB', '0', '1'),
  words('FLUSHDB'),
  words('DBSIZE'),
  words('STRLEN', key),
  words('SET', key),
  words('nonsense', key),
  words('RESET'),
)

const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.constantFrom<0 | 1>(0, 1),
    fc.oneof({ weight: 2, arbitrary: transactionCommand }, { weight: 3, arbitrary: otherCommand }),
  )
  .map(([client, command]) => [client, ...command])

describeWithRedis('transactions, compared with redis-server', (redis) => {
  for (const protocol of ['2', '3'] as const) {
    test.each(Object.entries(EDGES))(`%s (RESP${protocol})`, (_name, lines) =>
      compare(redis(), stepsOf(lines), protocol),
    )
  }

  test('random commands of two clients', async () => {
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom('2' as const, '3' as const),
      (steps, protocol) => compare(redis(), steps, protocol),
    )
    await fc.assert(property, { numRuns: 150 })
  })
})
