// The longest arguments: 512 MiB, more than a string of V8 can have, and keys that are too long to be loaded.

import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fetchValue } from '../../src/group/calls.ts'
import { MAX_KEY_BYTES } from '../../src/group/flights/loadable-key.ts'
import { Args } from '../../src/resp/args.ts'
import { Harness } from '../support/harness.ts'
import { AttackedServer, error } from './attacked-server.ts'
import { COLLECTION_GROUPS, commands, nameOf, withCount } from './commands.ts'

const MB = 2 ** 20

/** Redis's longest argument. */
const LONGEST = 512 * MB

/** Pages of zeros occupy no memory until they are written to. */
const zeros = Buffer.alloc(LONGEST + 1000)

/** A request of these words, of which `long` is 512 MiB of zeros. */
function requestWith(long: number, words: readonly string[]): Args {
  const args = new Args(words.length)
  args.buf = zeros
  args.count = words.length
  let at = 0
  for (const [i, word] of words.entries()) {
    args.start[i] = i === long ? zeros.length - LONGEST : at
    args.end[i] = i === long ? zeros.length : at + zeros.write(word, at)
    if (i !== long) at += word.length
  }
  return args
}

/** Each takes a second to hash as a member or field: of the commands of `COLLECTION_GROUPS` only these are tried. */
const SAMPLES: ReadonlySet<string> = new Set(
  'hset hget sadd zadd rpush lrange pfadd setbit xadd watch'.split(' '),
)

describe('512 MiB', () => {
  let harness: Harness
  /** Deferred replies. */
  const late: string[] = []
  beforeEach(() => {
    late.length = 0
    harness = new Harness({ groups: { cache: {}, loaded: { origin: () => '1' } } })
  })
  afterEach(() => zeros.fill(0, 0, 1000))

  /** Runs a command and returns the beginning of its reply. */
  function run(long: number, ...words: string[]): string {
    harness.instant.refresh()
    harness.client.deferReply = () => ({ complete: (reply) => late.push(reply.toString('latin1', 0, 100)) })
    harness.executor.execute(harness.client, requestWith(long, words))
    const reply = harness.reply.take()
    expect(harness.host.faults).toEqual([])
    return reply.toString('latin1', 0, 100)
  }

  test('as the name of a command', () => {
    expect(run(0, '')).toMatch(/^-ERR unknown command '\0+/)
    expect(run(1, 'BOGUS', '')).toMatch(/^-ERR unknown command 'BOGUS', with args beginning with: '\0+/)
  })

  test('as the name of a subcommand, an option, an address', () => {
    expect(run(1, 'CLIENT', '')).toMatch(/^-ERR unknown subcommand '\0+/)
    expect(run(3, 'SET', 'k', 'v', '')).toBe('-ERR syntax error\r\n')
    expect(run(2, 'CLIENT', 'KILL', '')).toBe('-ERR No such client\r\n')
    expect(run(2, 'INCRBY', 'k', '')).toMatch(/^-ERR value is not an integer/)
    expect(run(2, 'INCRBYFLOAT', 'k', '')).toMatch(/^-ERR value is not a valid float/)
  })

  test('as a key', () => {
    // More than the budget: rejected before anything is evicted.
    expect(run(1, 'SET', '', 'v')).toMatch(/^-OOM the entry alone exceeds/)
  })

  test('as a key of a group with an origin', async () => {
    harness.client.group = harness.groups[1]
    for (const [i, command] of ['GET', 'STRLEN'].entries()) {
      expect(run(1, command, '')).toBe('')
      expect(harness.client.pending.size).toBe(1)
      await harness.settle()
      expect(late).toEqual(
        new Array(i + 1).fill(expect.stringMatching(/^-ORIGIN loaded: a key of 536870912 bytes is not/)),
      )
    }
    expect(harness.client.pending.size).toBe(0)
  })

  for (const command of commands) {
    const { fullName, arity, spec } = command
    if (COLLECTION_GROUPS.has(spec.group) && !SAMPLES.has(fullName)) continue
    const first = nameOf(command).length
    const least = Math.max(Math.abs(arity), first + 1)
    if (arity > 0 && arity < least) continue
    test(`as each argument of ${fullName}`, async () => {
      for (let i = first; i < least; i++) {
        for (const group of harness.groups) {
          harness.client.group = group
          harness.client.closing = false
          run(i, ...withCount(command, least, '1'))
          await harness.settle()
        }
      }
    })
  }
})

describe('a key that is too long to be loaded', () => {
  const long = Buffer.alloc(MAX_KEY_BYTES + 1, 'k')
  const longest = Buffer.alloc(MAX_KEY_BYTES, 'k')
  const refused = error(`ORIGIN loaded: a key of ${MB + 1} bytes is not loaded, the limit is ${MB}`)
  let target: AttackedServer
  const asked: string[] = []
  beforeEach(async () => {
    asked.length = 0
    const origin = (key: string): string => {
      asked.push(key)
      return String(key.length)
    }
    target = await AttackedServer.start({ groups: { loaded: { origin } } })
  })
  afterEach(() => target.close())

  test('is an error for commands that load, and a normal key for others', async () => {
    const client = await target.connect('loaded')
    expect(
      await client.pipeline(
        ['GET', long],
        ['MGET', 'short', long],
        ['INCR', long],
        ['EXISTS', long],
        ['EXPLAIN', long],
        ['DEL', long],
        ['SET', long, '5'],
        ['GET', long],
        ['INCR', long],
        ['DEL', long],
        ['GET', longest],
        ['GET', 'short'],
      ),
    ).toMatchObject([refused, refused, refused, 0, expect.any(Array), 0, 'OK', '5', 6, 1, String(MB), '5'])
    expect(asked).toEqual(['short', longest.toString()])
    await target.expectIntact()
  })

  test('is an error in the embedded API', async () => {
    const [, loaded] = target.server.groups
    await expect(fetchValue(loaded, long)).rejects.toThrow('is not loaded')
    expect(await fetchValue(loaded, longest)).toEqual(Buffer.from(String(MB)))
  })
})

test('proto-max-bulk-len limits keys, values and the results of commands', async () => {
  const target = await AttackedServer.start()
  expect(await target.observer.call('CONFIG', 'SET', 'proto-max-bulk-len', '1mb')).toBe('OK')
  const client = await target.connect()
  const key = Buffer.alloc(MB, 'k')
  const tooLong = error('ERR string exceeds maximum allowed size (proto-max-bulk-len)')
  expect(
    await client.pipeline(
      ['SET', key, key],
      ['STRLEN', key],
      ['APPEND', key, 'x'],
      ['SETRANGE', key, MB, 'x'],
      ['SETRANGE', 'none', MB, 'x'],
      ['EXISTS', 'none'],
      ['RENAME', key, ''],
      ['DEL', key],
    ),
  ).toMatchObject(['OK', MB, tooLong, tooLong, tooLong, 0, 'OK', 0])
  client.send(`*2\r\n$3\r\nGET\r\n$${MB + 1}\r\n`)
  expect(await client.rest()).toMatchObject([error('ERR Protocol error: invalid bulk length')])
  expect(await target.observer.call('SET', '', 'under the empty key')).toBe('OK')
  await target.expectIntact()
  await target.close()
})

test('512 MiB as key and as value over a socket', async () => {
  const target = await AttackedServer.start({ groups: { large: { maxBytes: 4 * 1024 * MB } } })
  const client = await target.connect('large')
  const long = Buffer.alloc(LONGEST, 'l')
  const [, { store }] = target.server.groups
  expect(
    await client.pipeline(['SET', long, 'v'], ['GET', long], ['SET', 'k', long], ['STRLEN', 'k']),
  ).toEqual(['OK', 'v', 'OK', LONGEST])
  expect(store.usedBytes).toBeGreaterThan(2 * LONGEST)
  // Counted by chunks: it is longer than a string can be.
  const reader = connect(target.port, '127.0.0.1')
  reader.write('SELECT large\r\nGET k\r\nQUIT\r\n')
  let received = 0
  for await (const chunk of reader) received += (chunk as Buffer).length
  expect(received).toBe(5 + `$${LONGEST}\r\n`.length + LONGEST + 2 + 5)
  expect(await client.pipeline(['APPEND', 'k', 'x'], ['DEL', 'k'], ['FLUSHDB'])).toMatchObject([
    error(/^ERR string exceeds/),
    1,
    'OK',
  ])
  expect([...target.server.server.clients.values()].map(({ queryBufferBytes }) => queryBufferBytes)).toEqual([
    0, 0,
  ])
  expect(store.arenaBytes).toBe(0)
  await target.expectIntact()
  await target.close()
})
