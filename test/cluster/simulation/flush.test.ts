// An acknowledged FLUSHDB leaves nothing that was there before it, wherever entries are on their way.

import { expect, test } from 'vitest'
import { encodeRequest } from '../../../src/cluster/links/request.ts'
import { SimMember } from './members.ts'
import { Network } from './network.ts'

const FIRST = Number(process.env.SIMULATION_SEED ?? 45)
const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 15)
const KEYS = 40
const MAX_STEPS = 200_000

/** Flushes while a node joins or leaves. Resolves to the replies to FLUSHDB, and to EXISTS of all keys afterwards. */
async function flushed(seed: number, joins: boolean): Promise<readonly string[]> {
  const network = new Network(seed)
  const names = ['n0:1', 'n1:1', 'n2:1']
  const members = names.map((name) => new SimMember(name, 1, names, network))
  const running = joins ? members.slice(0, 2) : members
  for (const member of running) member.start()
  const until = async (isOver: () => boolean): Promise<void> => {
    const limit = network.step + MAX_STEPS
    while (!isOver()) {
      if (network.step > limit) throw new Error(`seed ${seed}: no end`)
      await network.next()
    }
  }
  await until(() => running.every((member) => member.isSettled(running.length)))
  const socket = network.connect('client', names[0])
  let answers = ''
  socket.on('data', (chunk: Buffer) => {
    answers += chunk.toString()
  })
  const call = async (...command: string[]): Promise<string> => {
    answers = ''
    socket.write(encodeRequest(command))
    await until(() => answers.endsWith('\r\n'))
    return answers.trim()
  }
  const keys = Array.from({ length: KEYS }, (_, i) => `key ${i}`)
  for (const key of keys) await call('SET', key, 'before')
  if (joins) members[2].start()
  else void members[2].leave()
  const begin = network.step + network.draw(joins ? 700 : 300)
  await until(() => network.step >= begin)
  const reply = await call('FLUSHDB')
  return [reply, await call('EXISTS', ...keys)]
}

test.each([true, false])('while a node joins (true) or leaves: %s', async (joins) => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
    expect(await flushed(seed, joins), `seed ${seed}`).toEqual(['+OK', ':0'])
})
