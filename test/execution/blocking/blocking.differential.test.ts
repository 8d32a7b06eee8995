// Clients that wait for keys, compared with redis-server: who is served, with what, after each command.

import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Command, RawClient } from '../../support/differential.ts'
import { Harness, type HarnessClient } from '../../support/harness.ts'
import { describeWithRedis } from '../../support/redis-server.ts'

const WAITING = 5

const key = fc.constantFrom('a', 'b', 'c')
const keys = fc.array(key, { minLength: 1, maxLength: 3 })
const side = fc.constantFrom('LEFT', 'RIGHT')
const end = fc.constantFrom('MIN', 'MAX')
const blocking: fc.Arbitrary<Command> = fc.oneof(
  fc
    .tuple(fc.constantFrom('BLPOP', 'BRPOP', 'BZPOPMIN', 'BZPOPMAX'), keys)
    .map(([name, list]) => [name, ...list, '0']),
  fc.tuple(key, key, side, side).map((rest) => ['BLMOVE', ...rest, '0']),
  fc.tuple(key, key).map((rest) => ['BRPOPLPUSH', ...rest, '0']),
  fc
    .tuple(keys, side, fc.constantFrom('1', '2'))
    .map(([list, where, count]) => ['BLMPOP', '0', String(list.length), ...list, where, 'COUNT', count]),
  fc
    .tuple(keys, end, fc.constantFrom('1', '2'))
    .map(([list, where, count]) => ['BZMPOP', '0', String(list.length), ...list, where, 'COUNT', count]),
)
const value = fc.constantFrom('1', '2', '3')
const write: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('RPUSH', 'LPUSH'), key, fc.array(value, { minLength: 1, maxLength: 4 }))
      .map(([name, k, values]) => [name, k, ...values]),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(key, value, value).map(([k, score, member]) => ['ZADD', k, score, member]),
  },
  fc.tuple(fc.constant('DEL'), key),
  fc.tuple(fc.constant('SET'), key, value),
  fc.tuple(fc.constantFrom('RENAME', 'COPY'), key, key),
  fc.tuple(key, key, side, side).map((rest) => ['LMOVE', ...rest]),
  fc.tuple(fc.constant('LPOP'), key),
  fc.constant<Command>(['FLUSHALL']),
)
const step = fc.oneof(
  fc.record({ client: fc.nat(WAITING - 1), command: blocking }),
  fc.record({ client: fc.constant(-1), command: write }),
  fc.record({ client: fc.constant(-1), block: fc.array(write, { minLength: 1, maxLength: 3 }) }),
)

/** A client of either server that may wait: its replies as they come. */
class Waiter {
  readonly replies: string[] = []
  isWaiting = false
  readonly #run: (command: Command) => Promise<string>

  constructor(run: (command: Command) => Promise<string>) {
    this.#run = run
  }

  send(command: Command): void {
    this.isWaiting = true
    void this.#run(command).then((reply) => {
      this.isWaiting = false
      this.replies.push(reply)
    })
  }
}

describeWithRedis('blocking commands', (redis) => {
  const connections: RawClient[] = []
  const ids: string[] = []
  beforeAll(async () => {
    for (let i = 0; i <= WAITING; i++) {
      const connection = await RawClient.connect(redis().socketPath)
      const [id] = await connection.run([['CLIENT', 'ID']])
      connections.push(connection)
      ids.push(id.slice(1, -2))
    }
  })
  afterAll(() => {
    for (const connection of connections) connection.close()
  })

  test('random sequences', async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const writer = connections[WAITING]
      for (const id of ids) await writer.run([['CLIENT', 'UNBLOCK', id]])
      await writer.run([['FLUSHALL']])
      const harness = new Harness()
      const clients: HarnessClient[] = Array.from({ length: WAITING }, () => harness.connect())
      const theirs = connections
        .slice(0, WAITING)
        .map((connection) => new Waiter(async (command) => (await connection.run([command]))[0]))
      const ours = clients.map((client) => new Waiter((command) => client.raw(...command)))
      const compare = async (what: unknown): Promise<void> => {
        // Twice: replies to clients that were served are sent before the second one is read.
        await writer.run([['PING']])
        await writer.run([['PING']])
        await harness.settle()
        expect(
          ours.map(({ replies, isWaiting }) => ({ replies, isWaiting })),
          JSON.stringify(what),
        ).toEqual(theirs.map(({ replies, isWaiting }) => ({ replies, isWaiting })))
      }
      for (const each of steps) {
        if ('block' in each) {
          const commands: Command[] = [['MULTI'], ...each.block, ['EXEC']]
          const wanted = await writer.run(commands)
          const given: string[] = []
          for (const command of commands) given.push(await harness.raw(...command))
          expect(given).toEqual(wanted)
        } else if (each.client < 0) {
          const [wanted] = await writer.run([each.command])
          expect(await harness.raw(...each.command), JSON.stringify(each)).toBe(wanted)
        } else if (!ours[each.client].isWaiting) {
          theirs[each.client].send(each.command)
          ours[each.client].send(each.command)
        }
        await compare(each)
      }
      for (const [i, waiter] of ours.entries()) {
        if (!waiter.isWaiting) continue
        await writer.run([['CLIENT', 'UNBLOCK', ids[i]]])
        await harness.call('CLIENT', 'UNBLOCK', clients[i].id)
      }
      await compare('unblocked')
      harness.group('cache').store.verify()
    })
    await fc.assert(property, {
      numRuns: 150,
      examples: [
        [
          [
            { client: 0, command: ['BLPOP', 'c', 'a', '0'] },
            {
              client: -1,
              block: [
                ['LPOP', 'a'],
                ['RPUSH', 'c', '1'],
                ['RPUSH', 'a', '1'],
              ],
            },
            { client: -1, command: ['DEL', 'a'] },
          ],
        ],
        [
          [
            { client: 0, command: ['BLPOP', 'c', 'a', '0'] },
            {
              client: -1,
              block: [
                ['RPUSH', 'c', '1'],
                ['RPUSH', 'a', '1'],
                ['LPOP', 'c'],
                ['RPUSH', 'c', '2'],
              ],
            },
            { client: -1, command: ['DEL', 'a'] },
          ],
        ],
      ],
    })
  })
})
