// A whole server under random commands and random bytes: it answers in order, keeps its budgets, and never fails.
//
// ERINYS_ATTACK_RUNS and ERINYS_ATTACK_SEED make it longer and other than it is in the suite.

import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OriginValue } from '../../src/group/origin.ts'
import { defaultServerSettings } from '../../src/server/settings.ts'
import type { RedisReply } from '../support/redis-server.ts'
import { command } from './arbitrary.ts'
import { Fortress, takeFaults, turn, until } from './fortress.ts'
import { Talker } from './talker.ts'

const RUNS = Number(process.env.ERINYS_ATTACK_RUNS ?? 60)
const SEED = Number(process.env.ERINYS_ATTACK_SEED ?? 1)
const options = { numRuns: RUNS, seed: SEED, endOnFailure: process.env.ERINYS_ATTACK_RUNS !== undefined }

const SETTINGS = {
  ...defaultServerSettings(0),
  protoMaxBulkLen: 2 ** 20,
  slowlogLogSlowerThan: 0,
  slowlogMaxLen: 16,
}

/** Of the groups `cache`, `loaded`, `quick` and `small`. */
const BUDGETS = [2 ** 28, 48 * 1024, 64 * 1024, 1200]

let fortress: Fortress
/** Asks for what an origin knows, whatever has been done to the keyspaces. */
let control: Talker
beforeAll(async () => {
  fortress = await Fortress.build({
    settings: SETTINGS,
    groups: {
      loaded: {
        origin,
        maxBytes: BUDGETS[1],
        originTimeoutMs: 1000,
        negativeTtlMs: 500,
        ttlMs: 5000,
        jitter: 0.5,
      },
      quick: { origin: (key) => `value of ${key}`, maxBytes: BUDGETS[2] },
      small: { maxBytes: BUDGETS[3] },
    },
  })
  control = await Talker.connect(fortress.port)
})
afterAll(() => {
  control.socket.destroy()
  return fortress.tearDown()
})

/** By its first letters, one of everything that an origin may do. */
function origin(key: string): OriginValue | Promise<OriginValue> {
  if (key === 'slow') return new Promise((resolve) => setImmediate(resolve, '1'))
  if (key === 'bad') throw new Error('bad')
  if (key === 'odd') return { odd: true } as unknown as OriginValue
  if (key === 'late') return new Promise(() => undefined)
  if (key === 'none') return null
  if (key === 'a') return 'x'.repeat(40_000)
  return Promise.resolve(key.length % 2 === 0 ? Buffer.from(key) : String(key.length))
}

/** Turns of the event loop, and of the clock for what hangs, until something has settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false
  const watched = promise.finally(() => {
    done = true
  })
  for (let turns = 1; !done; turns++) {
    await turn()
    if (turns % 20 === 0) fortress.server.clock.advance(250)
  }
  return watched
}

/** The server is what it was before. */
async function expectSound(): Promise<void> {
  const { server } = fortress
  expect(takeFaults(server)).toEqual([])
  const ask = (): Promise<RedisReply[]> =>
    settled(
      control.pipeline(
        ['SELECT', 'quick'],
        ['PING'],
        ['DEL', 'control:1'],
        ['MGET', 'control:1', 'control:2'],
        ['PING'],
      ),
    )
  let replies = await ask()
  if (control.isClosed) {
    // CLIENT KILL, or a second without a word after CONFIG SET timeout.
    control = await Talker.connect(fortress.port)
    replies = await ask()
  }
  expect(replies).toEqual([
    'OK',
    'PONG',
    expect.any(Number),
    ['value of control:1', 'value of control:2'],
    'PONG',
  ])
  for (const [i, { store }] of server.groups.entries()) {
    expect(store.usedBytes).toBeLessThanOrEqual(store.maxBytes)
    store.verify()
    // What CONFIG SET has done would tame the runs that follow.
    store.maxBytes = BUDGETS[i]
  }
  Object.assign(server.settings, SETTINGS)
}

/** Closes connections, and waits until the server has forgotten them. */
async function leave(...talkers: Talker[]): Promise<void> {
  const { clients } = fortress.server.server
  for (const { socket } of talkers) socket.end()
  await settled(Promise.all(talkers.map(({ closed }) => closed)))
  for (const { nonsense } of talkers) expect(nonsense).toBeUndefined()
  await settled(until(() => clients.size <= 2))
}

/** What one of the clients sends at once, and whether it waits for the answers. */
interface Act {
  readonly who: number
  readonly commands: readonly (readonly string[])[]
  readonly wait: boolean
}

const act: fc.Arbitrary<Act> = fc.record({
  who: fc.nat({ max: 2 }),
  commands: fc.array(command, { minLength: 1, maxLength: 12 }),
  wait: fc.boolean(),
})

test('random commands of several clients are answered in order', async () => {
  let next = 0
  const play = async (acts: readonly Act[], talkers: readonly Talker[]): Promise<void> => {
    await Promise.all(talkers.map((talker, i) => talker.call('SELECT', ['cache', 'loaded', 'small'][i])))
    const all: Promise<void>[] = []
    for (const { who, commands, wait } of acts) {
      const talker = talkers[who]
      const marks = commands.map(() => `mark:${next++}`)
      // Behind each command something whose answer is known.
      const replies = talker.pipeline(...commands.flatMap((words, i) => [words, ['ECHO', marks[i]]]))
      const checked = replies.then((received) => expectInOrder(commands, marks, received, talker))
      all.push(checked)
      if (wait) await settled(Promise.allSettled(all))
    }
    await settled(Promise.all(all))
  }
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 6 }), async (acts) => {
      const talkers = await Promise.all([0, 1, 2].map(() => Talker.connect(fortress.port)))
      await play(acts, talkers).finally(() => leave(...talkers))
      await expectSound()
    }),
    options,
  )
})

/** Every reply has its mark behind it; there are fewer only when the connection was closed. */
function expectInOrder(
  commands: readonly (readonly string[])[],
  marks: readonly string[],
  replies: readonly RedisReply[],
  talker: Talker,
): void {
  expect(talker.nonsense).toBeUndefined()
  if (!talker.isClosed) expect(replies).toHaveLength(2 * marks.length)
  for (const [i, reply] of replies.entries()) {
    if (i % 2 === 1)
      expect(reply, `behind ${JSON.stringify(commands[i >> 1]).slice(0, 200)}`).toBe(marks[i >> 1])
    else if (reply instanceof Error)
      expect(reply.message, JSON.stringify(commands[i >> 1]).slice(0, 200)).not.toMatch(/internal/)
  }
}

const frame = command.map((words) =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.map((each) => Buffer.from(`$${each.length}\r\n${each}\r\n`, 'latin1')),
  ]),
)

const fragment = fc.oneof(
  { weight: 4, arbitrary: frame },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        '*',
        '$',
        '*3\r\n',
        '$-1\r\n',
        '$3\r\n',
        '\r\n',
        '*0\r\n',
        'GET a\r\n',
        'MONITOR\r\n',
        'RESET\r\n',
        'PING',
        '"',
        "'",
        '*1000000\r\n$100000\r\n',
        ' ',
      )
      .map((string) => Buffer.from(string)),
  },
  // A frame with one byte that is another, or cut short.
  {
    weight: 3,
    arbitrary: fc
      .tuple(frame, fc.nat(), fc.nat({ max: 255 }), fc.boolean())
      .map(([whole, at, byte, isCut]) => {
        const changed = Buffer.from(whole)
        changed[at % changed.length] = byte
        return isCut ? changed.subarray(0, at % changed.length) : changed
      }),
  },
)

/** What the random bytes must not happen to say. */
const FORBIDDEN = /hello|debug|pause|reply|shutdown|requirepass|maxclients/i

test('random bytes lose their connection at most', async () => {
  const bytes = fc
    .array(fragment, { minLength: 1, maxLength: 12 })
    .map((fragments) => Buffer.concat(fragments))
    .filter((buffer) => !FORBIDDEN.test(buffer.toString('latin1')))
  const cuts = fc.array(fc.nat({ max: 2000 }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(bytes, cuts, fc.boolean(), async (all, places, isReset) => {
      const talker = await Talker.connect(fortress.port)
      await talker.call('SELECT', 'loaded')
      let sent = 0
      for (const end of [...places.toSorted((a, b) => a - b), all.length]) {
        if (end <= sent) continue
        talker.send(all.subarray(sent, end))
        sent = end
        await turn()
      }
      if (isReset) talker.socket.resetAndDestroy()
      await leave(talker)
      for (const reply of await talker.rest()) {
        if (reply instanceof Error) expect(reply.message).not.toMatch(/internal/)
      }
      await expectSound()
    }),
    { ...options, numRuns: 2 * RUNS },
  )
})
