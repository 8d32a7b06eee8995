// The clock of a node was set back: a member that froze afterwards counted as heard of until the clock was where it had been.

import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { createNode } from '../../../src/index.ts'
import { compiledProgram } from '../../support/compiled.ts'
import { NodeProcess } from '../../support/node-process.ts'
import { poll } from '../../support/poll.ts'
import { freePorts } from '../../support/ports.ts'

test('a member that freezes after the clock was set back is noticed', async () => {
  const ports = await freePorts(3)
  const peers = ports.map((port) => `127.0.0.1:${port}`)
  const timing = ['--cluster-timeout', '4s', '--cluster-ping-interval', '200ms']
  const frozen = new NodeProcess(ports[2], ['--http-port', '0', '--peers', peers.join(), ...timing], {
    program: compiledProgram(),
    env: {},
  })
  onTestFinished(() => void (frozen.isRunning && frozen.kill()))
  let ahead = 3_600_000
  const clock = { now: () => Date.now() + ahead }
  const clients = await Promise.all(
    ports.slice(0, 2).map(async (port) => {
      const cluster = { peers, timeout: '4s', pingInterval: '200ms' }
      const node = await createNode(
        { port, bind: '127.0.0.1', shutdownTimeout: 0, groups: { cache: {} }, cluster },
        { clock },
      )
      onTestFinished(() => node.close())
      await node.listen()
      const client = new Redis(port)
      onTestFinished(() => client.disconnect())
      return client
    }),
  )
  await frozen.start()
  const field = async (client: Redis, name: string): Promise<string | undefined> =>
    new RegExp(`^${name}:(.*)\r$`, 'm').exec(await client.info('cluster'))?.[1]
  const have = (members: string) => async (): Promise<boolean> => {
    const found = await Promise.all(clients.map((client) => field(client, 'cluster_members')))
    return found.every((each) => each === members)
  }
  await poll(have('3'), 'three members')
  // Requests over all links.
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
  for (const client of clients) await client.mset(...keys.flatMap((key) => [key, key]))
  ahead = 0
  frozen.stop()
  await poll(have('2'), 'the frozen member to be noticed')
  expect(await clients[0].set('a key', 'value')).toBe('OK')
})
