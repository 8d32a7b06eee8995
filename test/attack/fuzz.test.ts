// A whole server under random commands and random bytes: it answers in order, keeps its budgets, and never fails.
//
// ERINYS_ATTACK_RUNS and ERINYS_ATTACK_SEED set the number of runs and the seed.

import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { OriginValue } from '../../src/group/origin.ts'
import { defaultServerSettings } from '../../src/server/settings.ts'
import type { RedisReply } from '../support/resp.ts'
import { RespClient } from '../support/resp-client.ts'
import { command } from './arbitrary.ts'
import { AttackedServer, takeFaults, turn, until } from './attacked-server.ts'

const RUNS = Number(process.env.ERINYS_ATTACK_RUNS ?? 60)
const SEED = Number(process.env.ERINYS_ATTACK_SEED ?? 1)
const options = { numRuns: RUNS, seed: SEED, endOnFailure: process.env.ERINYS_ATTACK_RUNS !== undefined }

const SETTINGS = {
  ...defaultServerSettings(0),
  protoMaxBulkLen: 2 ** 20,
  slowlogLogSlowerThan: 0,
  slowlogMaxLen: 16,
}

/** The budgets of the groups `cache`, `loaded`, `quick` and `small`. */
const BUDGETS = [2 ** 28, 48 * 1024, 64 * 1024, 1200]

let target: AttackedServer
/** A client that reads keys of an origin, which works whatever has been done to the keyspaces. */
let control: RespClient
beforeAll(async () => {
  target = await AttackedServer.start({
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
  control = await RespClient.connect(target.port)
})
afterAll(() => {
  control.socket.destroy()
  return target.close()
})

/** An origin whose results depend on the key: a value, an absence, an error, a hang. */
function origin(key: string): OriginValue | Promise<OriginValue> {
  if (key === 'slow') return new Promise((resolve) => setImmediate(resolve, '1'))
  if (key === 'bad') throw new Error('bad')
  if (key === 'odd') return { odd: true } as unknown as OriginValue
  if (key === 'late') return new Promise(() => undefined)
  if (key === 'none') return null
  if (key === 'a') return 'x'.repeat(40_000)
  return Promise.resolve(key.length % 2 === 0 ? Buffer.from(key) : String(key.length))
}

/** Runs the event loop, and advances the clock for loads that hang, until a promise has settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false
  const watched = promise.finally(() => {
    done = true
  })
  for (let turns = 1; !done; turns++) {
    await turn()
    if (turns % 20 === 0) target.server.clock.advance(250)
  }
  return watched
}

/** The server works, and its settings are reset. */
async function expectSound(): Promise<void> {
  const { server } = target
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
    // By CLIENT KILL, or by CONFIG SET timeout.
    control = await RespClient.connect(target.port)
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
    // Undoes CONFIG SET for the next runs.
    store.maxBytes = BUDGETS[i]
  }
  Object.assign(server.settings, SETTINGS)
}

/** Closes connections, and waits until the server has closed them too. */
async function leave(...leaving: RespClient[]): Promise<void> {
  const { clients } = target.server.server
  for (const { socket } of leaving) socket.end()
  await settled(Promise.all(leaving.map(({ closed }) => closed)))
  for (const { parseError } of leaving) expect(parseError).toBeUndefined()
  await settled(until(() => clients.size <= 2))
}

/** Commands that one of the clients sends at once, and whether it waits for the replies. */
interface Batch {
  readonly who: number
  readonly commands: readonly (readonly string[])[]
  readonly wait: boolean
}

const batch: fc.Arbitrary<Batch> = fc.record({
  who: fc.nat({ max: 2 }),
  commands: fc.array(command, { minLength: 1, maxLength: 12 }),
  wait: fc.boolean(),
})

test('random commands of several clients are answered in order', async () => {
  let next = 0
  const play = async (batches: readonly Batch[], clients: readonly RespClient[]): Promise<void> => {
    await Promise.all(clients.map((client, i) => client.call('SELECT', ['cache', 'loaded', 'small'][i])))
    const all: Promise<void>[] = []
    for (const { who, commands, wait } of batches) {
      const client = clients[who]
      const marks = commands.map(() => `mark:${next++}`)
      // After each command an ECHO, whose reply is known.
      const replies = client.pipeline(...commands.flatMap((words, i) => [words, ['ECHO', marks[i]]]))
      const checked = replies.then((received) => expectInOrder(commands, marks, received, client))
      all.push(checked)
      if (wait) await settled(Promise.allSettled(all))
    }
    await settled(Promise.all(all))
  }
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), async (batches) => {
      const clients = await Promise.all([0, 1, 2].map(() => RespClient.connect(target.port)))
      await play(batches, clients).finally(() => leave(...clients))
      await expectSound()
    }),
    options,
  )
})

/** Every reply is followed by its mark; replies are missing only if the connection was closed. */
function expectInOrder(
  commands: readonly (readonly string[])[],
  marks: readonly string[],
  replies: readonly RedisReply[],
  client: RespClient,
): void {
  expect(client.parseError).toBeUndefined()
  if (!client.isClosed) expect(replies).toHaveLength(2 * marks.length)
  for (const [i, reply] of replies.entries()) {
    if (i % 2 === 1)
      expect(reply, `after ${JSON.stringify(commands[i >> 1]).slice(0, 200)}`).toBe(marks[i >> 1])
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
  // A frame with one byte changed, or truncated.
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

/** Commands that the random bytes must not contain. */
const FORBIDDEN = /hello|debug|pause|reply|shutdown|requirepass|maxclients/i

test('random bytes close at most their own connection', async () => {
  const bytes = fc
    .array(fragment, { minLength: 1, maxLength: 12 })
    .map((fragments) => Buffer.concat(fragments))
    .filter((buffer) => !FORBIDDEN.test(buffer.toString('latin1')))
  const cuts = fc.array(fc.nat({ max: 2000 }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(bytes, cuts, fc.boolean(), async (all, places, isReset) => {
      const client = await RespClient.connect(target.port)
      await client.call('SELECT', 'loaded')
      let sent = 0
      for (const end of [...places.toSorted((a, b) => a - b), all.length]) {
        if (end <= sent) continue
        client.send(all.subarray(sent, end))
        sent = end
        await turn()
      }
      if (isReset) client.socket.resetAndDestroy()
      await leave(client)
      for (const reply of await client.rest()) {
        if (reply instanceof Error) expect(reply.message).not.toMatch(/internal/)
      }
      await expectSound()
    }),
    { ...options, numRuns: 2 * RUNS },
  )
})
