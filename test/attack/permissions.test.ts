// Random commands of limited users: nothing outside of their keys and groups is read or changed, and what ACL DRYRUN
// says of a command is what happens.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Harness, type HarnessClient } from '../support/harness.ts'
import { command } from './arbitrary.ts'

const RUNS = Number(process.env.ERINYS_ATTACK_RUNS ?? 40)
const SEED = Number(process.env.ERINYS_ATTACK_SEED ?? 1)
const COMMANDS = 12

/** A part of every secret value. */
const MARKER = 'do-not-tell'

/** Secret keys and their values. */
const SECRETS = {
  'secret:string': ['SET', MARKER],
  'secret:hash': ['HSET', 'x', MARKER],
  'secret:list': ['RPUSH', MARKER, MARKER],
  'secret:set': ['SADD', MARKER, 'x'],
  'secret:zset': ['ZADD', '1', MARKER],
  'secret:stream': ['XADD', '1-1', 'x', MARKER],
} as const

/** What the keys of random commands become. */
const RENAMED = new Map(
  Object.entries({
    a: 'open:a',
    late: 'open:b',
    b: 'secret:string',
    c: 'secret:hash',
    slow: 'secret:list',
    bad: 'secret:set',
    odd: 'secret:zset',
    none: 'secret:stream',
    '': 'open:list',
    'max*': 'secret:*',
    'client*': 'secret:hash->*',
  }),
)

/** Commands of operators show and change the whole node. */
const USERS = [
  '+@all -@admin -@dangerous ~open:*',
  '+@all -@admin -@dangerous %R~open:* %W~open:b',
  '+@read +@write -@dangerous +multi +exec ~open:a (+@all -@admin -@dangerous %R~open:b)',
  '+@all -@admin -@dangerous (~open:* +@read)',
].map((rules) => `on >p @group:cache ${rules}`.match(/\([^)]*\)|\S+/g) ?? [])

interface Attacked {
  readonly harness: Harness
  readonly client: HarnessClient
  readonly rules: readonly string[]
  readonly before: string
}

async function attacked(rules: readonly string[]): Promise<Attacked> {
  const harness = new Harness({ requirepass: 'p' })
  await harness.call('AUTH', 'p')
  for (const group of ['other', 'cache']) {
    await harness.call('SELECT', group)
    for (const [key, [name, ...rest]] of Object.entries(SECRETS)) await harness.call(name, key, ...rest)
  }
  await harness.call('SELECT', 'other')
  await harness.call('SET', 'open:a', MARKER)
  await harness.call('SELECT', 'cache')
  await harness.call('RPUSH', 'open:list', 'string', 'hash', 'list')
  expect(await harness.call('ACL', 'SETUSER', 'u', ...rules)).toBe('OK')
  const client = harness.connect()
  await client.call('AUTH', 'u', 'p')
  return { harness, client, rules, before: await secretsOf(harness) }
}

/** Every secret as it is stored, with its lifetime. */
async function secretsOf(harness: Harness): Promise<string> {
  const parts: string[] = []
  for (const group of ['other', 'cache']) {
    await harness.call('SELECT', group)
    for (const key of [...Object.keys(SECRETS), ...(group === 'other' ? ['open:a'] : [])])
      parts.push(await harness.raw('DUMP', key), await harness.raw('PEXPIRETIME', key))
  }
  return parts.join()
}

const renamed = command.map((words) => words.map((word) => RENAMED.get(word) ?? word))

/** A way to run commands as the limited user. */
type Door = (target: Attacked, list: readonly (readonly string[])[]) => Promise<void>

const DOORS: Readonly<Record<string, Door>> = {
  async directly({ harness, client }, list) {
    for (const words of list) {
      if (client.closed) return
      await client.call('AUTH', 'u', 'p')
      const told = await harness.raw('ACL', 'DRYRUN', 'u', ...words)
      const reply = await client.raw(...words)
      expect(reply).not.toContain(MARKER)
      if (told === '+OK\r\n') expect(reply, String(words)).not.toMatch(/^-NOPERM/)
      else if (told.startsWith('$')) expect(reply, String(words)).toMatch(/^-(NOPERM|EXECABORT)/)
    }
  },
  async 'in transactions'({ client }, list) {
    for (const words of list) {
      if (client.closed) return
      await client.raw('MULTI')
      expect(await client.raw(...words)).not.toContain(MARKER)
      if (!client.closed) expect(await client.raw('EXEC')).not.toContain(MARKER)
    }
  },
  async 'queued when they were allowed'({ harness, client, rules }, list) {
    await harness.call('ACL', 'SETUSER', 'u', 'allkeys', 'allgroups', '+@all', '-@admin', '-@dangerous')
    await client.raw('MULTI')
    for (const words of list) if (!ENDS_QUEUE.test(words[0])) await client.raw(...words)
    await harness.call('ACL', 'SETUSER', 'u', 'reset', ...rules)
    expect(await client.raw('EXEC')).not.toContain(MARKER)
  },
}

const ENDS_QUEUE = /^(exec|discard|reset|quit|auth)$/i

const doors = Object.entries(DOORS).flatMap(([door, run]) =>
  USERS.map((rules) => [door, rules.join(' '), rules, run] as const),
)

test.each(doors)('%s: %s', async (_door, _rules, rules, run) => {
  await fc.assert(
    fc.asyncProperty(fc.array(renamed, { minLength: 1, maxLength: COMMANDS }), async (list) => {
      const target = await attacked(rules)
      await run(target, list)
      expect(await secretsOf(target.harness)).toBe(target.before)
      expect(target.harness.host.faults).toEqual([])
    }),
    { numRuns: RUNS, seed: SEED },
  )
})
