// Requests that were forwarded while the link to their owner was connecting, after the first ones of it, were copied only
// when it was ready: by then later requests of the same client had overwritten them, and their replies were wrong.

import { afterEach, expect, test } from 'vitest'
import { FaultyCluster } from '../support/faulty-cluster.ts'
import { poll } from '../support/poll.ts'
import { RespClient } from '../support/resp-client.ts'

let cluster: FaultyCluster
const clients: RespClient[] = []
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy()
  await cluster.close()
})

async function connect(node: number): Promise<RespClient> {
  const client = await RespClient.connect(cluster.nodes[node].port)
  clients.push(client)
  return client
}

test('requests that wait for a link are kept as they were sent', async () => {
  // Neither node may declare the other one dead while nothing is forwarded between them.
  cluster = await FaultyCluster.start(2, { config: { cluster: { timeout: '30s', pingInterval: '500ms' } } })
  const [watcher, owner] = [await connect(0), await connect(1)]
  await cluster.agreed()
  const keys: string[] = []
  for (let i = 0; keys.length < 8; i++) {
    const explanation = String(await watcher.call('EXPLAIN', `key:${i}`)).split(',')
    if (explanation[explanation.indexOf('owner') + 1] === cluster.nodes[1].name) keys.push(`key:${i}`)
  }
  for (const key of keys) expect(await owner.call('SET', key, `value of ${key}`)).toBe('OK')

  cluster.link(0, 1).silence()
  const client = await connect(0)
  let commands = 0
  // Each in a read of its own; so many are read into the same memory again. The first one opens the data link.
  const send = async (...command: string[]): Promise<void> => {
    client.sendCommands(command)
    commands++
    await poll(async () => {
      const calls = /cmdstat_get:calls=(\d+)|cmdstat_echo:calls=(\d+)/g
      const stats = String(await watcher.call('INFO', 'commandstats'))
      const counts = [...stats.matchAll(calls)].map(([, gets, echoes]) => Number(gets ?? echoes))
      return counts.reduce((sum, count) => sum + count, 0) === commands
    }, 'the command')
  }
  for (const key of keys) {
    await send('GET', key)
    for (let i = 0; i < 3; i++) await send('ECHO', key)
  }
  expect(client.pending).toBe(0)
  cluster.heal()
  expect(await client.take(commands)).toEqual(keys.flatMap((key) => [`value of ${key}`, key, key, key]))
})
