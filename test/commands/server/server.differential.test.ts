// Connection and server commands compared with redis-server: replies, errors, and the output of COMMAND.

import { beforeAll, expect, test } from 'vitest'
import { createCommandTable } from '../../../src/execution/table.ts'
import { expectSameReplies, RawClient } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import { describeWithRedis, type RedisServer } from '../../support/redis-server.ts'
import type { RedisReply } from '../../support/resp.ts'
import { AUTHENTICATING, commandsOf, SAME, SHAPES } from './server.edges.ts'

/** Commands that are new in Redis 7.2, 7.4 or 8: the server that we compare with may be older. */
const SINCE_7_2 = new Set(
  (
    'client|no-touch client|setinfo cluster|myshardid waitaof hexpire hpexpire hexpireat hpexpireat httl hpttl hexpiretime ' +
    'hpexpiretime hpersist hgetex hsetex hgetdel'
  ).split(' '),
)
/** Commands whose arity is one less in Redis 7.2 than in 7.0. */
const SHORTER_IN_7_2 = new Set(['command|getkeys', 'command|getkeysandflags', 'zrank', 'zrevrank'])
/** Commands with other flags in Redis 7.2. */
const BLOCKING_IN_7_2 = new Set(['wait'])
/** Commands whose documentation was corrected in 7.2, or that got an option. */
const CORRECTED_IN_7_2 = [
  'acl|log',
  'client|kill',
  'client|pause',
  'xinfo|consumers',
  'xinfo|stream',
  'zrank',
  'zrevrank',
]

function comparable(reply: RedisReply): unknown {
  return reply instanceof Error ? `-${reply.message}` : reply
}

/** The parts of COMMAND INFO that are the same in 7.0 and 7.2; sets are sorted. */
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

/** Tokens that Erinys adds to commands of Redis. */
const OWN_TOKENS: ReadonlySet<RedisReply> = new Set(['TAGS'])

/** By command: the parts of COMMAND DOCS that are the same in 7.0 and 7.2. */
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

    test('have the COMMAND INFO of Redis, as have all other commands', () => {
      const own: string[] = []
      for (const [name, [ours, theirs]] of info) {
        if (theirs === null) own.push(name)
        else {
          const wanted = infoOf(theirs)
          if (SHORTER_IN_7_2.has(name)) wanted.arity = -3
          if (!BLOCKING_IN_7_2.has(name)) expect(infoOf(ours), name).toEqual(wanted)
        }
      }
      expect(own.filter((name) => !SINCE_7_2.has(name) && !/^peer\b/.test(name)).sort()).toEqual([
        'cluster|drain',
        'config|reload',
        'explain',
        'fetch',
        'group',
        'group|flush',
        'group|help',
        'group|info',
        'group|list',
        'hotkeys',
        'invalidate',
      ])
    })

    test('have the COMMAND DOCS of Redis', async () => {
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
  'a client that has not authenticated',
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
