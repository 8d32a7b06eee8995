// The key commands compared with redis-server: edge cases, and random sequences of commands.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WAIT_MS } from '../../support/budget.ts'
import { Harness } from '../../support/harness.ts'
import { describeWithRedis, type RedisServer } from '../../support/redis-server.ts'
import type { RedisReply } from '../../support/resp.ts'
import { EDGES, FAR } from './keys.edges.ts'

type Command = readonly string[]

const DATABASES = 3
/** Replies with times may differ by the time between the two servers, in the unit of the reply. */
const TIMES: Readonly<Record<string, number>> = {
  TTL: WAIT_MS / 1000,
  EXPIRETIME: WAIT_MS / 1000,
  PTTL: WAIT_MS,
  PEXPIRETIME: WAIT_MS,
}
const UNORDERED = ['KEYS', 'SCAN']

/** Runs the same commands on both, and compares reply by reply. */
async function compare(redis: RedisServer, commands: readonly Command[]): Promise<void> {
  const harness = new Harness({
    now: Date.now(),
    groups: { zero: {}, one: {}, two: {} },
  })
  const [, , ...expected] = await redis.pipeline([['FLUSHALL'], ['SELECT', '0'], ...commands])
  for (const [i, command] of commands.entries()) {
    const name = command[0].toUpperCase()
    const actual = await harness.call(...command)
    const where = commands.slice(0, i + 1).map((each) => JSON.stringify(each.join(' ')))
    const tolerance = TIMES[name]
    if (tolerance !== undefined && typeof actual === 'number' && actual > 0) {
      expect(Math.abs(actual - Number(expected[i])), where.join('\n')).toBeLessThanOrEqual(tolerance)
    } else {
      expect(comparable(name, actual), where.join('\n')).toEqual(comparable(name, expected[i]))
    }
  }
  for (const { store } of harness.groups) store.verify()
}

/** A reply without what is unspecified: the order of keys, the random key. */
function comparable(name: string, reply: RedisReply): unknown {
  if (reply instanceof Error) return `-${reply.message}`
  if (name === 'RANDOMKEY') return reply === null
  return UNORDERED.includes(name) ? sorted(reply) : reply
}

function sorted(reply: RedisReply): RedisReply {
  return Array.isArray(reply) ? reply.map(sorted).sort() : reply
}

/** `'GET a'` as a command; `''` is an empty argument. */
function words(line: string): Command {
  return line.split(' ').map((word) => (word === "''" ? '' : word))
}

const key = fc.constantFrom('', 'a', 'b', 'c', 'key:1', 'x'.repeat(300))
const value = fc.constantFrom('', '1', '-7', '007', 'text', 'x'.repeat(44), 'x'.repeat(45), 'x'.repeat(5000))
const database = fc.constantFrom('0', '1', '2')
const outside = fc.constantFrom('3', '-1', '99999999999')
const condition = fc.constantFrom('NX', 'xx', 'GT', 'lt')
const pattern = fc.constantFrom('*', '**', '', '?', 'k*', '[a-b]', '*:1', 'x*')

/** Far enough apart that the time between the two servers changes no order. */
const commandArbitrary: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('SET'), key, value) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('GET'), key) },
  fc
    .tuple(fc.constantFrom('DEL', 'UNLINK', 'EXISTS', 'TOUCH'), fc.array(key, { maxLength: 3 }))
    .map(([name, keys]) => [name, ...keys]),
  fc.tuple(fc.constantFrom('TYPE', 'PERSIST'), key),
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...Object.keys(TIMES)), key) },
  fc.tuple(fc.constant('OBJECT'), fc.constantFrom('ENCODING', 'refcount', 'FREQ'), key),
  fc
    .tuple(
      fc.constantFrom('EXPIRE', 'PEXPIRE'),
      key,
      fc.constantFrom('500000000', '900000000', '0', '-1', '9223372036854775807', '1x'),
      fc.array(fc.constantFrom('NX', 'XX', 'what'), { maxLength: 1 }),
    )
    .map(([name, k, span, conditions]) => [name, k, span, ...conditions]),
  fc
    .tuple(
      fc.constantFrom('EXPIREAT', 'PEXPIREAT'),
      key,
      fc.constantFrom(`${FAR}`, `${FAR}000`, `${FAR}001`, '1', '9223372036854775807', ''),
      fc.array(condition, { maxLength: 2 }),
    )
    .map(([name, k, moment, conditions]) => [name, k, moment, ...conditions]),
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('RENAME', 'RENAMENX'), key, key) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, key, fc.constantFrom([], ['REPLACE'], ['DB', '1'], ['DB', '0', 'REPLACE'], ['DB']))
      .map(([from, to, options]) => ['COPY', from, to, ...options]),
  },
  fc.tuple(fc.constant('MOVE'), key, fc.oneof(database, outside)),
  fc.tuple(fc.constant('SWAPDB'), database, fc.oneof({ weight: 4, arbitrary: database }, outside)),
  { weight: 2, arbitrary: fc.tuple(fc.constant('SELECT'), database) },
  fc.tuple(fc.constant('KEYS'), pattern),
  fc.tuple(fc.constant('SCAN'), fc.constant('0'), fc.constant('MATCH'), pattern),
  fc.tuple(fc.constantFrom('DBSIZE', 'RANDOMKEY')),
  fc.tuple(fc.constantFrom('FLUSHDB', 'FLUSHALL')),
)

describeWithRedis(
  'key commands as redis-server answers them',
  (redis) => {
    test.each(Object.entries(EDGES))('%s', (_, lines) => compare(redis(), lines.map(words)))

    test('random sequences', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(commandArbitrary, { maxLength: 60 }), (commands) =>
          compare(redis(), commands),
        ),
        { numRuns: 150 },
      )
    })
  },
  ...['--databases', String(DATABASES)],
  // Bounded with LRU eviction, as every group is: then Redis does not share small integers.
  ...['--maxmemory', '1gb', '--maxmemory-policy', 'allkeys-lru'],
)
