// Nodes as processes, killed or paused while clients of the others read and write.

import { expect, test } from 'vitest'
import { poll } from '../../support/poll.ts'
import { agree, historyOf, someKeys, startMembers, TIMEOUT, work } from './members.ts'

test('the owner of some keys is killed and restarted', async () => {
  const nodes = await startMembers(3)
  const [first, second, killed] = nodes
  const history = historyOf()
  const workload = work({ history, nodes: [first, second], keys: someKeys(200), clients: 4 })
  await workload.progress(2000)
  const heal = history.fault()
  await killed.kill()
  await agree([first, second])
  await workload.progress(2000)
  await killed.start()
  await agree(nodes)
  heal()
  await workload.progress(2000)
  await workload.stop()
  expect(history.check()).toEqual([])
})

test('a node is killed and restarted, and its own clients reconnect', async () => {
  const nodes = await startMembers(3)
  const history = historyOf()
  const workload = work({ history, nodes, keys: someKeys(200), clients: 3 })
  await workload.progress(1000)
  const heal = history.fault()
  history.allowLostConnections(nodes[0].port)
  await nodes[0].kill()
  await nodes[0].start()
  await agree(nodes)
  heal()
  await workload.progress(1000)
  await workload.stop()
  expect(history.check()).toEqual([])
})

test('an owner is paused for longer than the timeout: what others wrote meanwhile is not lost', async () => {
  const nodes = await startMembers(3)
  const [first, second, stopped] = nodes
  const history = historyOf()
  const keys = someKeys(200)
  const workload = work({ history, nodes: [first, second], keys, clients: 3 })
  const own = work({ history, nodes: [stopped], keys, clients: 3, seed: 100 })
  await workload.progress(1000)
  const heal = history.fault()
  const endPause = history.pause(stopped.port)
  stopped.stop()
  await agree([first, second])
  await workload.progress(2000)
  endPause()
  stopped.resume()
  await own.progress(1000)
  await agree(nodes)
  heal()
  await workload.progress(1000)
  await workload.stop()
  await own.stop()
  expect(history.check()).toEqual([])
})

test('an owner is paused repeatedly for less than the timeout', async () => {
  const nodes = await startMembers(3)
  const stopped = nodes[2]
  const history = historyOf()
  const workload = work({ history, nodes, keys: someKeys(100), clients: 3 })
  await workload.progress(500)
  for (const share of [0.3, 0.5, 0.7, 0.9, 1]) {
    const heal = history.fault()
    const endPause = history.pause(stopped.port)
    stopped.stop()
    const until = performance.now() + share * TIMEOUT
    await poll(() => performance.now() > until, 'the pause')
    endPause()
    stopped.resume()
    await workload.progress(500)
    heal()
  }
  await agree(nodes)
  await workload.stop()
  expect(history.check()).toEqual([])
})
