// Connection and server commands against a real redis-server: replies, errors, and what COMMAND tells of each command.

import { beforeAll, expect, test } from 'vitest'
import { createCommandTable } from '../../../src/execution/table.ts'
import { expectSameReplies, RawClient } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import { describeWithRedis, type RedisReply, type RedisServer } from '../../support/redis-server.ts'

/** Commands and what Redis 7.2 brought: the server compared with may be older. */
const SINCE_7_2 = new Set(['client|no-touch', 'client|setinfo', 'cluster|myshardid'])
/** Commands that Redis 7.2 takes with one argument less than 7.0. */
const SHORTER_IN_7_2 = new Set(['command|getkeys', 'command|getkeysandflags'])
/** Commands whose documentation was corrected. */
const CORRECTED_IN_7_2 = ['client|kill', 'client|pause']

/** One command per line; quoted words may have spaces. */
const SAME = `
PING
PING hello
PING a b
ECHO
ECHO 'a b'
HELLO 4
HELLO x
HELLO 2 foo
HELLO 2 AUTH
HELLO 2 AUTH default
HELLO 2 SETNAME
HELLO 2 SETNAME 'a b'
HELLO 2 AUTH other x
AUTH
AUTH x
AUTH a b
AUTH a b c
AUTH default x
RESET x
NOSUCH
NOSUCH a b c
TIME x
CLIENT
CLIENT nosuch
CLIENT ID x
CLIENT GETNAME
CLIENT SETNAME me
CLIENT GETNAME
CLIENT SETNAME ''
CLIENT GETNAME
CLIENT SETNAME 'a b'
CLIENT SETNAME
CLIENT GETREDIR
CLIENT TRACKINGINFO
CLIENT KILL
CLIENT KILL nobody:1
CLIENT KILL ID 0
CLIENT KILL ID x
CLIENT KILL ID 99999
CLIENT KILL ID 1 TYPE
CLIENT KILL TYPE nosuch
CLIENT KILL TYPE pubsub
CLIENT KILL TYPE master ID 99999
CLIENT KILL USER nosuch
CLIENT KILL USER default ADDR nobody:1
CLIENT KILL ADDR nobody:1 SKIPME maybe
CLIENT KILL LADDR nobody:1 SKIPME yes
CLIENT KILL foo bar
CLIENT LIST TYPE nosuch
CLIENT LIST TYPE replica
CLIENT LIST TYPE pubsub
CLIENT LIST ID
CLIENT LIST ID x
CLIENT LIST ID 99999
CLIENT LIST foo
CLIENT PAUSE
CLIENT PAUSE x
CLIENT PAUSE -1
CLIENT PAUSE 1 ALL x
CLIENT PAUSE 1 nosuch
CLIENT PAUSE 0
CLIENT PAUSE 0 WRITE
CLIENT UNPAUSE
CLIENT UNPAUSE x
CLIENT REPLY
CLIENT REPLY x
CLIENT REPLY on
CLIENT NO-EVICT x
CLIENT NO-EVICT on
CLIENT NO-EVICT OFF
CLIENT UNBLOCK x
CLIENT UNBLOCK 99999
CLIENT UNBLOCK 99999 error
CLIENT UNBLOCK 1 x
client unblock 1 error x
COMMAND nosuch
COMMAND COUNT x
COMMAND INFO nosuch
COMMAND INFO nosuch client|nosuch
COMMAND DOCS nosuch
COMMAND LIST x
COMMAND LIST FILTERBY x y
COMMAND LIST FILTERBY MODULE nosuch
COMMAND LIST FILTERBY ACLCAT nosuch
COMMAND LIST FILTERBY PATTERN nosuch*
COMMAND LIST FILTERBY PATTERN
COMMAND GETKEYS nosuch a
COMMAND GETKEYS PING a
COMMAND GETKEYS GET a b
COMMAND GETKEYS SET a
COMMAND GETKEYS CLIENT ID
COMMAND GETKEYS CLIENT nosuch
CONFIG
CONFIG nosuch
CONFIG GET
CONFIG GET nosuch
CONFIG GET save
CONFIG GET SaVe
CONFIG GET save SAVE
CONFIG GET appendonly
CONFIG GET slowlog-max-len
CONFIG GET slowlog-log-slower-than
CONFIG GET latency-monitor-threshold
CONFIG GET latency-tracking
CONFIG GET latency-tracking-info-percentiles
CONFIG GET proto-max-bulk-len
CONFIG GET client-query-buffer-limit
CONFIG GET client-output-buffer-limit
CONFIG GET timeout
CONFIG GET tcp-keepalive
CONFIG GET tcp-backlog
CONFIG GET hz
CONFIG GET shutdown-timeout
CONFIG GET loglevel
CONFIG GET requirepass
CONFIG GET lfu-decay-time
CONFIG GET lfu-log-factor
CONFIG GET notify-keyspace-events
CONFIG SET
CONFIG SET timeout
CONFIG SET nosuch x
CONFIG SET timeout 1 nosuch x
CONFIG SET timeout 1 hz
CONFIG SET timeout x
CONFIG SET timeout -1
CONFIG SET timeout 2147483648
CONFIG SET timeout 1 TIMEOUT 2
CONFIG SET databases 3
CONFIG SET tcp-backlog 5
CONFIG SET maxclients 0
CONFIG SET maxclients x
CONFIG SET hz x
CONFIG SET hz -1
CONFIG SET hz 0
CONFIG GET hz
CONFIG SET hz 10
CONFIG SET tcp-keepalive -1
CONFIG SET shutdown-timeout -1
CONFIG SET proto-max-bulk-len 1
CONFIG SET proto-max-bulk-len x
CONFIG SET proto-max-bulk-len -1
CONFIG SET proto-max-bulk-len 2MB
CONFIG GET proto-max-bulk-len
CONFIG SET proto-max-bulk-len 512mb
CONFIG SET client-query-buffer-limit 1k
CONFIG SET slowlog-log-slower-than x
CONFIG SET slowlog-log-slower-than -5
CONFIG SET slowlog-log-slower-than -1
CONFIG SET slowlog-max-len -1
CONFIG SET slowlog-max-len 1.5
CONFIG SET latency-monitor-threshold -1
CONFIG SET latency-tracking maybe
CONFIG SET latency-tracking-info-percentiles '50 abc'
CONFIG SET latency-tracking-info-percentiles '50 101'
CONFIG SET latency-tracking-info-percentiles '50 99.9 100'
CONFIG GET latency-tracking-info-percentiles
CONFIG SET latency-tracking-info-percentiles ''
CONFIG GET latency-tracking-info-percentiles
CONFIG SET client-output-buffer-limit ''
CONFIG SET client-output-buffer-limit 'normal 1 2'
CONFIG SET client-output-buffer-limit 'normal 1 2 -3'
CONFIG SET client-output-buffer-limit 'nosuch 1 2 3'
CONFIG SET client-output-buffer-limit 'NORMAL 1mb 2k 3 replica 0 0 0'
CONFIG GET client-output-buffer-limit
CONFIG SET save ''
CONFIG SET appendonly no
CONFIG SET maxmemory-policy allkeys-lru
CONFIG GET maxmemory-policy
CONFIG SET requirepass ''
CONFIG SET loglevel NOTICE
CONFIG RESETSTAT
CONFIG RESETSTAT x
CONFIG REWRITE x
INFO nosuch
INFO cluster
SLOWLOG
SLOWLOG nosuch
SLOWLOG GET x
SLOWLOG GET -2
SLOWLOG GET 0
SLOWLOG RESET
SLOWLOG LEN
SLOWLOG GET
SLOWLOG GET 1 2
LATENCY
LATENCY nosuch
LATENCY LATEST
LATENCY LATEST x
LATENCY HISTORY command
LATENCY HISTORY
LATENCY GRAPH command
LATENCY RESET
LATENCY RESET a b
LATENCY HISTOGRAM nosuch
DEBUG
DEBUG nosuch
DEBUG SLEEP
DEBUG SLEEP 0
DEBUG SLEEP x
DEBUG OBJECT none
DEBUG OBJECT
DEBUG SET-ACTIVE-EXPIRE
DEBUG SET-ACTIVE-EXPIRE 0
DEBUG SET-ACTIVE-EXPIRE x
DEBUG SET-ACTIVE-EXPIRE 1
DEBUG JMAP x
DEBUG CHANGE-REPL-ID
DEBUG CHANGE-REPL-ID x
DEBUG POPULATE
DEBUG POPULATE x
DEBUG POPULATE -1
DEBUG POPULATE 2
DEBUG POPULATE 2 p 3
DEBUG POPULATE 2 q 10
MGET key:0 key:1 key:2 p:0 p:1 q:0
DEBUG PROTOCOL nosuch
DEBUG PROTOCOL string
DEBUG PROTOCOL integer
DEBUG PROTOCOL double
DEBUG PROTOCOL bignum
DEBUG PROTOCOL null
DEBUG PROTOCOL array
DEBUG PROTOCOL set
DEBUG PROTOCOL map
DEBUG PROTOCOL attrib
DEBUG PROTOCOL push
DEBUG PROTOCOL verbatim
DEBUG PROTOCOL true
DEBUG PROTOCOL false
DEBUG REPLYBUFFER x y
DEBUG REPLYBUFFER RESIZING 1
DEBUG REPLYBUFFER PEAK-RESET-TIME x
DEBUG REPLYBUFFER PEAK-RESET-TIME 5
DEBUG ERROR 'a b'
DEBUG ERROR MINE
SHUTDOWN x
SHUTDOWN ABORT
SHUTDOWN ABORT NOW
SHUTDOWN SAVE NOSAVE
LOLWUT VERSION x
MONITOR x
CLUSTER
CLUSTER nosuch
CLUSTER HELP
CLUSTER HELP x
CLUSTER INFO
CLUSTER INFO x
CLUSTER NODES
CLUSTER SLOTS
CLUSTER SHARDS
CLUSTER LINKS
CLUSTER MYID
CLUSTER KEYSLOT
CLUSTER KEYSLOT a
CLUSTER COUNTKEYSINSLOT x
CLUSTER GETKEYSINSLOT 1
READONLY
READONLY x
READWRITE
ASKING
RESET
`

/** What is a set or a map in RESP3. */
const SHAPES = `
COMMAND INFO get mget ping nosuch client|id client|list slowlog|len
COMMAND GETKEYSANDFLAGS SET a b
COMMAND GETKEYSANDFLAGS COPY a b
CONFIG GET timeout
CLIENT TRACKINGINFO
CLIENT LIST ID 99999
INFO nosuch
INFO cluster
LATENCY LATEST
LATENCY HISTOGRAM nosuch
SLOWLOG GET 0
DEBUG PROTOCOL double
DEBUG PROTOCOL bignum
DEBUG PROTOCOL null
DEBUG PROTOCOL set
DEBUG PROTOCOL map
DEBUG PROTOCOL verbatim
DEBUG PROTOCOL true
DEBUG PROTOCOL false
`

function commandsOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, '$1')))
}

/** Run without having authenticated before. */
const AUTHENTICATING = `
GET a
HELLO 3 AUTH default wrong
AUTH default wrong
AUTH wrong
AUTH Default secret
AUTH default secret
PING
RESET
PING
AUTH secret
AUTH wrong
PING
`

function comparable(reply: RedisReply): unknown {
  return reply instanceof Error ? `-${reply.message}` : reply
}

/** The parts of COMMAND INFO that do not change between 7.0 and 7.2; what is a set is sorted. */
function infoOf(reply: RedisReply): Record<string, unknown> {
  const [name, arity, flags, first, last, step, categories, , keySpecs] = reply as RedisReply[]
  const specs = (keySpecs as RedisReply[][]).map((spec) => {
    const at = spec.indexOf('flags')
    const rest = spec.filter(
      (_, i) => i !== at && i !== at + 1 && spec[i] !== 'notes' && spec[i - 1] !== 'notes',
    )
    return { flags: sorted(spec[at + 1]), rest }
  })
  return {
    name,
    arity,
    flags: sorted(flags),
    keys: [first, last, step],
    categories: sorted(categories),
    specs,
  }
}

/** Words that Redis's commands have here and not there. */
const OWN_TOKENS: ReadonlySet<RedisReply> = new Set(['TAGS'])

/** The parts of COMMAND DOCS that do not change between 7.0 and 7.2, by command. */
function docsOf(reply: RedisReply): Map<string, unknown> {
  return new Map(
    pairsOf(reply).map(([name, docs]) => {
      const { since, group, history, ...rest } = Object.fromEntries(pairsOf(docs))
      const tokens = tokensOf(rest.arguments ?? []).filter((token) => !OWN_TOKENS.has(token))
      return [name, { since, group, history, tokens }]
    }),
  )
}

function tokensOf(list: RedisReply): RedisReply[] {
  return (list as RedisReply[]).flatMap((argument) => {
    const { token, arguments: inner } = Object.fromEntries(pairsOf(argument))
    return [...(token === undefined ? [] : [token]), ...tokensOf(inner ?? [])]
  })
}

function pairsOf(reply: RedisReply): [string, RedisReply][] {
  const flat = reply as RedisReply[]
  return Array.from({ length: flat.length / 2 }, (_, i) => [String(flat[2 * i]), flat[2 * i + 1]])
}

function sorted(reply: RedisReply): string[] {
  return (reply as string[]).slice().sort()
}

describeWithRedis(
  'connection and server commands',
  (redis: () => RedisServer) => {
    const harness = new Harness()

    test('have the same replies and errors', async () => {
      const commands = commandsOf(SAME)
      const wanted = await redis().pipeline(commands)
      const labeled = (reply: RedisReply, i: number): unknown[] => [commands[i].join(' '), comparable(reply)]
      const given: RedisReply[] = []
      for (const command of commands) given.push(await harness.call(...command))
      expect(given.map(labeled)).toEqual(wanted.map(labeled))
    })

    test('have the same bytes in RESP3', async () => {
      const raw = await RawClient.connect(redis().socketPath)
      const three = new Harness()
      await raw.run([['HELLO', 3]])
      await three.raw('HELLO', 3)
      await expectSameReplies(raw, three, commandsOf(SHAPES))
      raw.close()
    })

    let info: Map<string, [ours: RedisReply, theirs: RedisReply]>
    beforeAll(async () => {
      const names = createCommandTable().all.flatMap(({ fullName, subcommands }) => [
        fullName,
        ...[...subcommands.values()].map((sub) => sub.fullName),
      ])
      const theirs = (await redis().call('COMMAND', 'INFO', ...names)) as RedisReply[]
      const ours = (await harness.call('COMMAND', 'INFO', ...names)) as RedisReply[]
      info = new Map(names.map((name, i) => [name, [ours[i], theirs[i]]]))
    })

    test('are described as Redis describes them, as are all others', () => {
      const own: string[] = []
      for (const [name, [ours, theirs]] of info) {
        if (theirs === null) own.push(name)
        else {
          const wanted = infoOf(theirs)
          if (SHORTER_IN_7_2.has(name)) wanted.arity = -3
          expect(infoOf(ours), name).toEqual(wanted)
        }
      }
      expect(own.filter((name) => !SINCE_7_2.has(name) && !/^peer\b/.test(name)).sort()).toEqual([
        'cluster|drain',
        'explain',
        'group',
        'group|flush',
        'group|help',
        'group|info',
        'group|list',
        'invalidate',
      ])
    })

    test('are documented as Redis documents them', async () => {
      const theirs = docsOf(await redis().call('COMMAND', 'DOCS', ...info.keys()))
      const ours = docsOf(await harness.call('COMMAND', 'DOCS', ...info.keys()))
      for (const name of CORRECTED_IN_7_2) theirs.delete(name)
      const given = new Map([...theirs.keys()].map((name) => [name, ours.get(name)]))
      expect(given).toEqual(theirs)
    })
  },
  '--enable-debug-command',
  'yes',
)

describeWithRedis(
  'who has not authenticated',
  (redis: () => RedisServer) => {
    test('gets the same replies', async () => {
      const raw = await RawClient.connect(redis().socketPath)
      const harness = new Harness({ requirepass: 'secret' })
      // Redis refuses DEBUG before it asks for a password.
      const commands = commandsOf(SAME).filter(([name]) => name !== 'DEBUG')
      // Redis closes a connection with more than 1 KiB of pending replies: few commands at a time.
      while (commands.length > 0) await expectSameReplies(raw, harness, commands.splice(0, 10))
      await expectSameReplies(raw, harness, commandsOf(AUTHENTICATING))
      raw.close()
    })
  },
  '--requirepass',
  'secret',
)
