// ACL compared with redis-server: replies, errors and what users may do.

import { describe, test } from 'vitest'
import { type Command, describeComparison, expectSameReplies, RawClient } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import { describeWithRedis } from '../../support/redis-server.ts'
import type { Argument } from '../../support/resp.ts'

const HASH = '34344e4d60c2b6d639b7bd22e18f2b0b91bc34bf0ac5f9952744435093cfb4e6'

/** As `commandsOf`, but a bar between two commands stands alone: rules have bars in them. */
function requestsOf(text: string): Command[] {
  return text.split(/\s+\|\s+|\n/).flatMap((line) => {
    const words = line.match(/"(?:[^"\\]|\\.)*"|\S+/g)
    return words === null
      ? []
      : [words.map((word) => (word[0] === '"' ? Buffer.from(JSON.parse(word), 'latin1') : word))]
  })
}

/** By name: see `requestsOf`. The users are deleted at the end of each. */
const SEQUENCES: Readonly<Record<string, string>> = {
  'users come and go': `
    ACL WHOAMI | ACL USERS | ACL SETUSER alice | ACL GETUSER alice | ACL LIST | ACL USERS
    ACL SETUSER bob on nopass ~* &* +@all | ACL GETUSER bob | ACL LIST | ACL DELUSER nobody | ACL DELUSER alice bob nobody
    ACL GETUSER alice | ACL DELUSER default | ACL DELUSER alice default | ACL USERS | ACL SETUSER "a b" | ACL SETUSER "a\\u0000b"
    ACL SETUSER "b\\u00f6b" on | ACL USERS | ACL GETUSER "b\\u00f6b" | ACL DELUSER "b\\u00f6b"`,
  passwords: `
    ACL SETUSER u >a >b | ACL GETUSER u | AUTH u a | ACL SETUSER u on +@all | AUTH u a | AUTH u b | AUTH u c | ACL SETUSER u <a
    AUTH u a | AUTH default x | ACL SETUSER u #${HASH} | AUTH u passwd4 | AUTH default x | ACL SETUSER u !${HASH}
    ACL GETUSER u | ACL SETUSER u #abc | ACL SETUSER u #${HASH.toUpperCase()} | ACL SETUSER u nopass | ACL GETUSER u
    AUTH u anything | AUTH default x | ACL SETUSER u resetpass | AUTH u anything | ACL GETUSER u | AUTH x | AUTH a b c
    HELLO 2 AUTH u b | ACL SETUSER u >x | HELLO 2 AUTH nobody b | ACL SETUSER u off | AUTH u x | ACL DELUSER u`,
  rules: `
    ACL SETUSER u +get +set -set | ACL GETUSER u | ACL SETUSER u +@all -get | ACL GETUSER u | ACL SETUSER u -@all +client|id
    ACL GETUSER u | ACL SETUSER u +client | ACL GETUSER u | ACL SETUSER u +select|0 | ACL GETUSER u | ACL SETUSER u -client|kill
    ACL GETUSER u | ACL SETUSER u ~a* %R~b %W~c %RW~d | ACL GETUSER u | ACL SETUSER u %W~b | ACL GETUSER u
    ACL SETUSER u resetkeys &x &y | ACL GETUSER u | ACL SETUSER u allchannels | ACL SETUSER u &z | ACL SETUSER u resetchannels
    ACL SETUSER u allkeys | ACL SETUSER u ~a | ACL SETUSER u %R~a | ACL GETUSER u | ACL SETUSER u reset | ACL GETUSER u
    ACL SETUSER u skip-sanitize-payload | ACL GETUSER u | ACL SETUSER u +nosuch | ACL SETUSER u +@nosuch | ACL SETUSER u -nosuch
    ACL SETUSER u nosuch | ACL SETUSER u +config|nosuch | ACL SETUSER u +config|get|x | ACL SETUSER u +get|a|b
    ACL SETUSER u -select|0 | ACL SETUSER u +select| | ACL SETUSER u %Q~a | ACL SETUSER u "~a b" | ACL SETUSER u ""
    ACL GETUSER u | ACL LIST | ACL DELUSER u`,
  selectors: `
    ACL SETUSER u "(+get ~a)" "( +set ~b )" (+del ~c ) ( ~d +mget) | ACL GETUSER u | ACL LIST | ACL SETUSER u () | ACL GETUSER u
    ACL SETUSER u clearselectors | ACL GETUSER u | ACL SETUSER u (+get | ACL SETUSER u ) | ACL SETUSER u " () "
    ACL SETUSER u (nosuch) | ACL SETUSER u (+nosuch) | ACL SETUSER u "(&* &a)" | ACL SETUSER u "(%R~a +get" "~b)" | ACL GETUSER u
    ACL DELUSER u`,
  'errors of arguments': `
    ACL | ACL NOSUCH | ACL SETUSER | ACL DELUSER | ACL GETUSER | ACL GETUSER a b | ACL LIST a | ACL USERS a | ACL WHOAMI a
    ACL CAT nosuch | ACL CAT a b | ACL GENPASS 0 | ACL GENPASS -1 | ACL GENPASS 4097 | ACL GENPASS x | ACL GENPASS 1 2 | ACL LOG x
    ACL LOG 1 2 | ACL LOG RESET | ACL LOG -1 | ACL LOG 0 | ACL DRYRUN | ACL DRYRUN u | ACL DRYRUN u GET | ACL DRYRUN u GET a
    ACL DRYRUN default NOSUCH | ACL DRYRUN default GET | ACL DRYRUN default GET a | ACL DRYRUN default CONFIG
    ACL DRYRUN default CONFIG GET | ACL DRYRUN default CONFIG GET a | ACL DRYRUN default CONFIG NOSUCH | ACL HELP x`,
  'rights that change within a transaction': `
    ACL SETUSER u on >p ~a* +@all -@dangerous | MULTI | SET x 1 | AUTH u p | SET x 2 | SET a1 3 | GET x | EXEC | ACL WHOAMI
    AUTH default x | MULTI | AUTH u wrong | SET x 4 | AUTH u p | ACL WHOAMI | DEL x a1 | DEL a1 | EXEC | AUTH default x | GET x
    ACL SETUSER u +acl | AUTH u p | MULTI | SET a 1 | ACL SETUSER u -incr | INCR a | EXEC | MULTI | ACL SETUSER u +incr resetkeys
    INCR a | EXEC | AUTH default x | GET a | ACL DELUSER u`,
  'what a user may do': `
    ACL SETUSER u on nopass +@all -@dangerous ~a* %R~r | AUTH u x | SET a1 v | GET a1 | SET b v | GET b | GET r | SET r v
    DEL a1 r | MSET a1 1 a2 2 | MSET a1 1 b 2 | KEYS * | FLUSHALL | CONFIG GET hz | CLIENT KILL ID 1 | PING | NOSUCH | GET
    MULTI | SET a1 x | SET b x | EXEC | MULTI | SET a1 x | GET a1 | EXEC | COPY r a1 | COPY a1 r | RENAME a1 a2 | RENAME a2 r
    SORT r BY w_* | EXISTS r b | TYPE b | STRLEN r | SELECT 1 | SELECT 0 | AUTH default x | ACL SETUSER u on -@all +ping
    AUTH u x | PING | ECHO a | ACL WHOAMI | QUITE | AUTH default x | ACL DELUSER u`,
}

describeComparison('ACL replies as redis-server does', (expectSame) => {
  describe.each(Object.entries(SEQUENCES))('%s', (_, sequence) => {
    test.each([2, 3] as const)('in RESP%i', (protocol) =>
      expectSame(requestsOf(sequence), { protocol, comparable: withoutRedacted }),
    )
  })
})

/** Errors do not repeat hashes of passwords here. Redis 7.0 lists commands in the order of its table. */
function withoutRedacted(reply: string): string {
  return reply
    .replace(/modifier '([><#!])[^']*'/, "modifier '$1…'")
    .replace(/[-+]@all[^\r\n)]*/g, (rules) => rules.split(' ').sort().join(' '))
}

/** Users of the matrix. */
const USERS: Readonly<Record<string, string>> = {
  all: '+@all ~*',
  reader: '+@read ~a* ~b*',
  writer: '+@write +@read %W~a* %R~b*',
  subtractive: '+@all -@write -@connection +client|id ~*',
  single: '+get +set +config|get +select|0 +object|help %RW~a',
  selectors: '+ping (+@read %R~a*) (+@write %W~b*) (+@all ~x*)',
  nobody: '-@all',
}

const REQUESTS = requestsOf(`
  GET a | GET c | GET x | SET a 1 | SET a 1 GET | SET b 1 | SET c 1 | MGET a b | MGET a c | MSET a 1 b 2 | DEL a b | UNLINK c
  EXISTS a c | TOUCH b | TYPE c | EXPIRE a 1 | TTL b | RENAME a b | COPY a b | COPY b a | APPEND a 1 | INCR a | GETDEL a | GETEX b
  GETRANGE a 0 1 | SETRANGE b 0 x | STRLEN c | LCS a b | SETBIT a 0 1 | BITCOUNT b | BITOP AND a b x | BITFIELD a GET u8 0
  BITFIELD a SET u8 0 1 | BITFIELD_RO b GET u8 0 | HSET a f v | HGET b f | HGETALL c | HEXISTS a f | LPUSH a x | LRANGE b 0 1
  LMOVE a b LEFT LEFT | RPOPLPUSH b a | BLPOP a b 0 | BLMOVE a b LEFT LEFT 0 | LMPOP 2 a b LEFT | BLMPOP 0 2 a c LEFT | SADD a x
  SMEMBERS b | SINTER a b | SINTERSTORE a b x | SUNIONSTORE b a | SINTERCARD 2 a c | SMOVE a b x | ZADD a 1 x | ZRANGE b 0 1
  ZRANGESTORE a b 0 1 | ZUNIONSTORE a 2 b x | ZUNIONSTORE b 1 a | ZINTER 2 a b | ZDIFFSTORE c 1 a | ZMPOP 1 a MIN | ZCOUNT b 0 1
  BZPOPMIN a b 0 | GEOADD a 0 0 x | GEODIST b x y | GEOSEARCH a FROMMEMBER x BYRADIUS 1 m ASC
  GEOSEARCHSTORE a b FROMMEMBER x BYRADIUS 1 m ASC | GEORADIUS b 0 0 1 m STORE a | GEORADIUS a 0 0 1 m STOREDIST b
  GEORADIUSBYMEMBER a x 1 m STORE c | GEORADIUS_RO a 0 0 1 m | XADD a * f v | XRANGE b - + | XREAD STREAMS a b 0 0
  XREADGROUP GROUP g c STREAMS a 0 | XGROUP CREATE a g $ | XINFO STREAM b | XACK a g 0-1 | XLEN c | PFADD a x | PFCOUNT b
  PFMERGE a b | SORT a | SORT b STORE a | SORT a STORE b | SORT_RO a | DUMP a | RESTORE b 0 x | OBJECT ENCODING a | OBJECT HELP
  MEMORY USAGE c | KEYS * | SCAN 0 | DBSIZE | RANDOMKEY | FLUSHDB | FLUSHALL | SWAPDB 0 1 | MOVE a 1 | SELECT 0 | SELECT 1 | PING
  ECHO a | AUTH x | HELLO | RESET | QUIT | CLIENT ID | CLIENT LIST | CLIENT KILL ID 1 | CONFIG GET hz | CONFIG SET hz 1 | INFO | TIME
  COMMAND | COMMAND COUNT | SLOWLOG GET | LATENCY RESET | MONITOR | DEBUG SLEEP 0 | SHUTDOWN | MULTI | EXEC | DISCARD | WATCH a c
  UNWATCH | ACL WHOAMI | ACL LIST | CLUSTER INFO | READONLY | ASKING | LOLWUT | WAIT 0 0`)

describeWithRedis('ACL DRYRUN agrees with redis-server', (redis) => {
  test.each(Object.entries(USERS))('about %s', async (name, rules) => {
    const client = await RawClient.connect(redis().socketPath)
    const harness = new Harness()
    const words: Argument[] = rules.match(/\([^)]*\)|\S+/g) ?? []
    const asked = REQUESTS.map((request): readonly Argument[] => ['ACL', 'DRYRUN', name, ...request])
    await expectSameReplies(client, harness, [
      ['ACL', 'SETUSER', name, ...words],
      ...asked,
      ['ACL', 'DELUSER', name],
    ])
    client.close()
  })
})

describeWithRedis('ACL LOG has the entries of redis-server', (redis) => {
  test('after refusals and failed logins', async () => {
    const commands = requestsOf(`
      ACL LOG RESET | ACL SETUSER u on nopass +get +mget +@transaction ~a (+mget ~a ~b) | AUTH u x | GET a | GET b | GET b | SET a 1
      MGET b c | MGET a b c | MULTI | SET a 1 | EXEC | CONFIG GET hz | AUTH u2 x | AUTH default wrong | HELLO 2 AUTH nobody x
      ACL WHOAMI | AUTH default x | ACL LOG | ACL LOG 2 | ACL LOG RESET | ACL LOG | ACL DELUSER u`)
    const client = await RawClient.connect(redis().socketPath)
    await expectSameReplies(client, new Harness(), commands, comparableLog)
    client.close()
  })
})

/** Entries without times, and without what describes the client; fields that are new in Redis 7.2 are left out. */
function comparableLog(reply: string): string {
  return reply
    .replace(/\$\d+\r\nage-seconds\r\n\$\d+\r\n[^\r]*\r\n\$\d+\r\nclient-info\r\n\$\d+\r\n[^$*]*/g, '')
    .replace(
      /\$\d+\r\nentry-id\r\n:\d+\r\n\$\d+\r\ntimestamp-created\r\n:\d+\r\n\$\d+\r\ntimestamp-last-updated\r\n:\d+\r\n/g,
      '',
    )
    .replace(/\*(14|20)\r\n/g, '*fields\r\n')
}
