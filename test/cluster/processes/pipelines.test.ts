// Thousands of pipelined commands on one connection: local, forwarded, or split; in order for each key.

import { expect, onTestFinished, test } from 'vitest'
import { seededRandom } from '../../support/random.ts'
import type { RedisReply } from '../../support/resp.ts'
import { RespClient } from '../../support/resp-client.ts'
import { agree, GROUP, PATIENT_ARGS, someKeys, startMembers } from './members.ts'

const COMMANDS = 10_000
const KEYS = someKeys(40)

/** The replies to a client that alone writes. */
class Model {
  readonly values = new Map<string, string>()

  run([name, ...args]: readonly string[]): RedisReply {
    const { values } = this
    if (name === 'SET') {
      values.set(args[0], args[1])
      return 'OK'
    }
    if (name === 'GET') return values.get(args[0]) ?? null
    if (name === 'APPEND') {
      const value = (values.get(args[0]) ?? '') + args[1]
      values.set(args[0], value)
      return value.length
    }
    if (name === 'MGET') return args.map((key) => values.get(key) ?? null)
    if (name === 'MSET') {
      for (let i = 0; i < args.length; i += 2) values.set(args[i], args[i + 1])
      return 'OK'
    }
    if (name === 'DEL') return args.filter((key) => values.delete(key)).length
    return args.filter((key) => values.has(key)).length
  }
}

function randomCommand(random: () => number, i: number, names: readonly string[]): string[] {
  const key = (): string => KEYS[random() % KEYS.length]
  const some = (): string[] => [...new Set(Array.from({ length: 1 + (random() % 6) }, key))]
  const name = names[random() % names.length]
  if (name === 'SET' || name === 'APPEND') return [name, key(), `${i}.`]
  if (name === 'GET') return [name, key()]
  if (name === 'MSET') return [name, ...some().flatMap((each) => [each, `${i}.`])]
  return [name, ...some()]
}

async function talk(port: number): Promise<RespClient> {
  const client = await RespClient.connect(port)
  onTestFinished(() => void client.socket.destroy())
  await client.call('SELECT', GROUP)
  return client
}

test('10,000 pipelined commands get the replies of a single node', async () => {
  const [node] = await startMembers(3, { args: PATIENT_ARGS })
  const client = await talk(node.port)
  const random = seededRandom(7)
  const names = ['SET', 'GET', 'GET', 'APPEND', 'MGET', 'MSET', 'DEL', 'EXISTS']
  const commands = Array.from({ length: COMMANDS }, (_, i) => randomCommand(random, i, names))
  const model = new Model()
  expect(await client.pipeline(...commands)).toEqual(commands.map((command) => model.run(command)))
})

test('while a node dies, each key has its last value or none', async () => {
  const nodes = await startMembers(3)
  const client = await talk(nodes[0].port)
  const random = seededRandom(8)
  const commands = Array.from({ length: COMMANDS }, (_, i) =>
    randomCommand(random, i, ['SET', 'GET', 'MGET', 'MSET', 'DEL']),
  )
  const half = commands.length / 2
  const first = client.pipeline(...commands.slice(0, half))
  const dead = nodes[2].kill()
  const second = client.pipeline(...commands.slice(half))
  const replies = [...(await first), ...(await second)]
  await dead
  expect(replies).toHaveLength(COMMANDS)
  const model = new Model()
  const wrong: unknown[] = []
  replies.forEach((reply, i) => {
    const wanted = model.run(commands[i])
    if (!isAllowed(commands[i][0], wanted, reply)) wrong.push([i, commands[i], wanted, reply])
  })
  expect(wrong).toEqual([])
  await agree(nodes.slice(0, 2))
  for (const [key, value] of model.values) expect([value, null]).toContain(await client.call('GET', key))
})

/** Whether a reply is correct, apart from values that were lost with the dead node. */
function isAllowed(name: string, wanted: RedisReply, reply: RedisReply): boolean {
  if (reply instanceof Error) return false
  if (name === 'DEL') return Number(reply) <= Number(wanted)
  if (!Array.isArray(wanted) || !Array.isArray(reply))
    return reply === wanted || (name === 'GET' && reply === null)
  return wanted.length === reply.length && reply.every((each, i) => each === null || each === wanted[i])
}
