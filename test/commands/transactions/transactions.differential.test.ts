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
    'A SET a 1|A WATCH a b|B SETNX a 2|B SET a 2 NX|B DEL b|B EXPIRE b 10|B PERSIST a|B GETEX a|B GETEX a PERSIST|B MSETNX a 1 b 2|B SETRANGE a 0 ""|B RENAMENX a a|B GETDEL b|B TOUCH a|B COPY a a|A MULTI|A PING|A EXEC',
  'bit fields that do not change':
    'A SET a 1|A WATCH a|B BITFIELD a SET u1 2 1 INCRBY i8 0 0 SET i64 0 3530822107858468864 GET u8 0|B OBJECT ENCODING a|A MULTI|A GET a|A EXEC|A DEL a|A SETBIT a 70 1|A WATCH a|B BITFIELD a SET i64 0 0 OVERFLOW FAIL INCRBY u2 0 -1|A MULTI|A PING|A EXEC',
  'bit fields that change':
    'A SETBIT a 1 1|A WATCH a|B BITFIELD a SET u1 1 0|A MULTI|A PING|A EXEC|A WATCH a|B BITFIELD a SET u1 1 1 SET u1 1 0|A MULTI|A PING|A EXEC|A WATCH a|B BITFIELD a SET u8 100 0|A MULTI|A PING|A EXEC|A WATCH b|B BITFIELD b SET u8 0 0|A MULTI|A PING|A EXEC',
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
  'lists that do not change':
    'A RPUSH a 1 2|A WATCH a b|B LPUSHX b 1|B LREM a 0 9|B LSET a 9 x|B LTRIM a 0 -1|B LPOP b|B LINSERT a BEFORE 9 8|B LPOP a 0|B RPOPLPUSH b a|A MULTI|A LRANGE a 0 -1|A EXEC',
  'a list that is trimmed to what it was': 'A RPUSH a 1 2|A WATCH a|B LTRIM a 0 5|A MULTI|A PING|A EXEC',
  'an element that is set again':
    'A RPUSH a 1 2|A WATCH a|B LSET a 0 1|A MULTI|A PING|A EXEC|A WATCH a|B RPOPLPUSH a a|A MULTI|A PING|A EXEC',
  'lists that change':
    'A RPUSH a 1 2 3|A WATCH a|B RPUSH a 4|A MULTI|A PING|A EXEC|A WATCH a|B LPOP a|A MULTI|A PING|A EXEC|A WATCH a|B LREM a 1 3|A MULTI|A PING|A EXEC|A WATCH a|B DEL a|A MULTI|A RPUSH a 1|A EXEC|A MULTI|A RPUSH a 1|A EXEC|A MULTI|A GET a|A LPOP a|A LPOP a|A EXISTS a|A EXEC',
  'an element that is moved':
    'A RPUSH a 1 2 3 4 5 6|A WATCH a|B RPOPLPUSH a b|A MULTI|A PING|A EXEC|A WATCH b|B LMOVE a b LEFT LEFT|A MULTI|A PING|A EXEC|A WATCH a|B BLMOVE a c LEFT LEFT 0|A MULTI|A PING|A EXEC|A WATCH a|A BRPOPLPUSH a c 0|A MULTI|A PING|A EXEC|A WATCH b|B LMOVE a c RIGHT LEFT|A MULTI|A LLEN a|A EXEC|A WATCH a|B LMOVE a c LEFT LEFT|A MULTI|A EXISTS a|A EXEC',
  'a list that expires':
    'A RPUSH a 1|A WATCH a|B EXPIRE a 100|A MULTI|A PING|A EXEC|A WATCH a|B EXPIRE a 200|A MULTI|A PING|A EXEC|A WATCH a|B PERSIST a|A MULTI|A PING|A EXEC|A WATCH a b|B RENAME a b|A MULTI|A PING|A EXEC',
  hashes:
    'A HSET a f 1|A WATCH a|B HSETNX a f 2|B HDEL a g|B HDEL b g|B HSET a|A MULTI|A HGET a f|A EXEC|A WATCH a|B HSET a f 1|A MULTI|A PING|A EXEC|A WATCH a|B HINCRBY a f 0|A MULTI|A PING|A EXEC|A WATCH a|B HDEL a f|A MULTI|A HSET a f 2|A HGETALL a|A EXEC',
  sets: 'A SADD a 1 2|A WATCH a b|B SADD a 1|B SREM a 9|B SMOVE a b 9|B SPOP b|B SMISMEMBER a 1|A MULTI|A SCARD a|A EXEC|A WATCH a|B SREM a 1|A MULTI|A PING|A EXEC|A WATCH a|B SINTERSTORE a none|A MULTI|A PING|A EXEC|A WATCH a|B SINTERSTORE a none|A MULTI|A PING|A EXEC',
  'sorted sets':
    'A ZADD a 1 x 2 y|A WATCH a|B ZADD a 1 x|B ZADD a NX 5 x|B ZREM a none|B ZPOPMIN none|B ZREMRANGEBYSCORE a 8 9|A MULTI|A ZCARD a|A EXEC|A WATCH a|B ZADD a 3 x|A MULTI|A PING|A EXEC|A WATCH a|B ZINCRBY a 0 x|A MULTI|A PING|A EXEC|A WATCH a|B ZREM a x|A MULTI|A PING|A EXEC',
  streams:
    'A XADD a 1-1 f v|A WATCH a|B XDEL a 9-9|B XTRIM a MAXLEN 5|A MULTI|A XLEN a|A EXEC|A WATCH a|B XADD a 2-1 f v|A MULTI|A PING|A EXEC|A WATCH a|B XDEL a 1-1|A MULTI|A PING|A EXEC|A WATCH a|B XGROUP CREATE a g 0|A MULTI|A PING|A EXEC',
  bitmaps:
    'A SETBIT a 1 1|A WATCH a|B GETBIT a 1|B BITCOUNT a|A MULTI|A PING|A EXEC|A WATCH a|B SETBIT a 1 0|A MULTI|A PING|A EXEC|A WATCH a|B BITFIELD a GET u8 0|A MULTI|A PING|A EXEC|A WATCH a|B BITFIELD a SET u8 0 9|A MULTI|A PING|A EXEC|A WATCH b|B BITOP AND b none|A MULTI|A PING|A EXEC',
  HyperLogLogs:
    'A PFADD a x|A WATCH a|B PFADD a x|A MULTI|A PFCOUNT a|A EXEC|A WATCH a|B PFADD a y|A MULTI|A PING|A EXEC|A WATCH a|B PFMERGE a b|A MULTI|A PING|A EXEC',
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
  words('RPUSH', key, value),
  words('LPOP', key),
  words('LSET', key, '0', value),
  words('LREM', key, '0', value),
  words('LTRIM', key, '0', '1'),
  words('LINSERT', key, 'BEFORE', value, value),
  words('RPOPLPUSH', key, key),
  words('LRANGE', key, '0', '-1'),
  words('SADD', key, value),
  words('SREM', key, value),
  words('SMOVE', key, key, value),
  words('SUNIONSTORE', key, key, key),
  words('HSET', key, 'f', value),
  words('HSETNX', key, 'f', value),
  words('HDEL', key, 'f'),
  words('HINCRBY', key, 'f', '0'),
  words('ZADD', key, '1', value),
  words('ZADD', key, 'XX', '2', value),
  words('ZREM', key, value),
  words('ZPOPMIN', key),
  words('ZUNIONSTORE', key, '2', key, key),
  words('XADD', key, '5-1', 'f', value),
  words('XDEL', key, '5-1'),
  words('XTRIM', key, 'MAXLEN', '0'),
  words('SORT', key, 'ALPHA', 'STORE', key),
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
    await fc.assert(property, { numRuns: 200 })
  })
})
