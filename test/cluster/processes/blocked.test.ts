// Clients that wait at an owner which is killed: they wait on at the next one.

import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeProcess } from '../../support/node-process.ts'
import { poll } from '../../support/poll.ts'
import { RespClient } from '../../support/resp-client.ts'
import { agree, keysOf, startMembers } from './members.ts'

async function connect({ port }: NodeProcess): Promise<RespClient> {
  const client = await RespClient.connect(port)
  onTestFinished(() => void client.socket.destroy())
  return client
}

/** Resolves when `count` commands wait on a node. */
async function waiting(node: NodeProcess, count: number): Promise<void> {
  const client = await connect(node)
  await poll(
    async () => String(await client.call('INFO', 'clients')).includes(`waiting_commands:${count}\r`),
    `${count} waiting commands`,
  )
}

test('an owner is killed: clients of other nodes are served by the next owner', async () => {
  const nodes = await startMembers(3)
  const [first, second, killed] = nodes
  const [list, set, stream] = keysOf(
    killed.name,
    nodes.map(({ name }) => name),
    3,
  )
  const pop = await connect(first)
  const popMin = await connect(second)
  const read = await connect(first)
  pop.sendCommands(['BLPOP', list, '0'], ['PING'])
  popMin.sendCommands(['BZPOPMIN', set, '0'])
  read.sendCommands(['XREAD', 'BLOCK', '0', 'STREAMS', stream, '$'])
  await waiting(killed, 3)
  await killed.kill()
  const rest = [first, second]
  await agree(rest)
  const infos = await Promise.all(rest.map(connect))
  await poll(async () => {
    const texts = await Promise.all(infos.map((client) => client.call('INFO', 'clients')))
    const counts = texts.map((text) => Number(/waiting_commands:(\d+)/.exec(String(text))?.[1]))
    return counts[0] + counts[1] === 3
  }, 'all to wait again')
  const writer = await connect(second)
  await writer.call('RPUSH', list, 'a', 'b')
  await writer.call('ZADD', set, '1', 'm')
  await writer.call('XADD', stream, '1-1', 'field', 'value')
  expect(await pop.take(2)).toEqual([[list, 'a'], 'PONG'])
  expect(await popMin.next()).toEqual([set, 'm', '1'])
  expect(await read.next()).toEqual([[stream, [['1-1', ['field', 'value']]]]])
  expect(await writer.call('LRANGE', list, '0', '-1')).toEqual(['b'])
})

test('the clients of a node that is killed wait no longer', async () => {
  const nodes = await startMembers(3)
  const [killed, second, owner] = nodes
  const [list] = keysOf(
    owner.name,
    nodes.map(({ name }) => name),
    1,
  )
  const gone = await connect(killed)
  gone.sendCommands(['BLPOP', list, '0'])
  await waiting(owner, 1)
  const closed = once(gone.socket, 'close')
  await killed.kill()
  await closed
  await waiting(owner, 0)
  const writer = await connect(second)
  await writer.call('RPUSH', list, 'a')
  expect(await writer.call('LRANGE', list, '0', '-1')).toEqual(['a'])
})
