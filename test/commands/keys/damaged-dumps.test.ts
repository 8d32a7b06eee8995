// What damaged dumps restore is a value for every command: nothing fails in the node, and DUMP writes it again.

import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { damaged, extremeNumbers, MADE, numberedStream, OLD } from '../../store/rdb/made.ts'
import { withFooter } from '../../store/rdb/values.ts'
import { type Command, commandsOf } from '../../support/differential.ts'
import { Harness } from '../../support/harness.ts'
import { verifyStore } from '../../support/verify.ts'

const FOOTER_BYTES = 10

/** Commands that read and change a value of each type at `k`. */
const COMMANDS: Readonly<Record<string, string>> = {
  string:
    'GET k | INCR k | APPEND k x | BITCOUNT k | SETRANGE k 3 y | PFCOUNT k | STRLEN k | INCRBYFLOAT k 1',
  list: 'LRANGE k 0 -1 | LINSERT k BEFORE a z | LSET k 0 y | LREM k 0 a | RPUSH k e | LPOP k | LPOS k e | SORT k ALPHA',
  set: 'SMEMBERS k | SADD k x 77 | SREM k a 1 | SPOP k | SRANDMEMBER k -3 | SCARD k | SORT k ALPHA | SSCAN k 0',
  hash: `HGETALL k | HSET k x y f w | HINCRBY k n 1 | HDEL k f | HEXPIRE k 100 FIELDS 1 x | HPTTL k FIELDS 2 x g | HSCAN k 0
    HRANDFIELD k -3 WITHVALUES | HPERSIST k FIELDS 1 x`,
  zset: `ZRANGE k 0 -1 WITHSCORES | ZADD k 1 x 2 a | ZINCRBY k 1 a | ZRANK k a | ZREM k b | ZPOPMIN k | ZCOUNT k -inf +inf
    ZRANGEBYSCORE k (1 +inf LIMIT 0 5 | ZSCAN k 0 | ZRANDMEMBER k -3`,
  stream: `XRANGE k - + | XREVRANGE k + - COUNT 3 | XINFO STREAM k FULL | XINFO GROUPS k | XPENDING k g | XPENDING k g - + 10
    XGROUP CREATE k new 0 | XREADGROUP GROUP new c STREAMS k > | XINFO CONSUMERS k new | XADD k * f v | XACK k g 5-1 7-1
    XAUTOCLAIM k g c 0 0 | XREADGROUP GROUP g one STREAMS k > | XINFO GROUPS k | XDEL k 5-1 7-2 | XTRIM k MINID 6
    XTRIM k MAXLEN 1 | XINFO STREAM k | XGROUP DESTROY k g | XSETID k 1-1 | XADD k 2-1 f v`,
}

const INTEGER = /^:(-?\d+)\r$/gm

/** Throws if an integer of a reply has more than 64 bits. */
function checkIntegers(reply: string): void {
  for (const [, digits] of reply.matchAll(INTEGER)) {
    const n = BigInt(digits)
    if (BigInt.asIntN(64, n) !== n) throw new Error(`the integer ${n} has more than 64 bits`)
  }
}

async function runAll(harness: Harness, commands: readonly Command[]): Promise<void> {
  for (const command of commands) {
    const reply = await harness.raw(...command)
    expect(reply, command.join(' ')).not.toMatch(/^-ERR internal/)
    checkIntegers(reply)
  }
}

const bodies = OLD.map(([, body]) => body)

beforeAll(async () => {
  const harness = new Harness()
  const hash = commandsOf('HSET k f v g w | HPEXPIRE k 100000 FIELDS 1 f')
  for (const commands of [...MADE.map(([, ...each]) => each), hash]) {
    await harness.call('DEL', 'k')
    for (const command of commands) await harness.call(...command)
    bodies.push(Buffer.from((await harness.call('DUMP', 'k')) as string, 'latin1').subarray(0, -FOOTER_BYTES))
  }
})

async function restoreAndUse(body: Buffer): Promise<void> {
  const harness = new Harness()
  if ((await harness.raw('RESTORE', 'k', 0, withFooter(body))) !== '+OK\r\n') return
  const type = (await harness.call('TYPE', 'k')) as string
  verifyStore(harness.groups[0].store)
  const dump = await harness.call('DUMP', 'k')
  // A hash may be spent at once.
  if (type !== 'none') {
    expect(await harness.call('RESTORE', 'copy', 0, Buffer.from(dump as string, 'latin1'))).toBe('OK')
    expect(await harness.call('DUMP', 'copy')).toBe(dump)
    expect(await harness.call('COPY', 'k', 'third')).toBe(1)
    expect(await harness.call('DUMP', 'third')).toBe(dump)
    await runAll(harness, commandsOf(COMMANDS[type]))
  }
  await runAll(
    harness,
    commandsOf('OBJECT ENCODING k | MEMORY USAGE k | RENAME copy k | DEL third | UNLINK k'),
  )
  verifyStore(harness.groups[0].store)
  expect(harness.host.faults).toEqual([])
}

test('a value restored from a damaged dump serves all commands', async () => {
  const property = fc.asyncProperty(damaged(bodies.filter(({ length }) => length < 4000)), restoreAndUse)
  await fc.assert(property, { numRuns: 100 })
})

test('a stream with numbers at the limits of 64 bits serves all commands', async () => {
  const property = fc.asyncProperty(extremeNumbers.map(numberedStream), restoreAndUse)
  await fc.assert(property, { numRuns: 20 })
})
