// Nodes as processes, restarted one after another while clients of all of them read and write.

import { expect, test } from 'vitest'
import { agree, historyOf, PATIENT_ARGS, someKeys, startMembers, work } from './members.ts'

test.each([3, 5])('%i nodes: no write is lost', async (count) => {
  const nodes = await startMembers(count, { args: PATIENT_ARGS })
  const history = historyOf({ keeps: 'always' })
  const workload = work({ history, nodes, keys: someKeys(200), clients: 2, pause: 10 })
  await workload.progress(500)
  const heal = history.fault()
  for (const node of nodes) {
    history.allowLostConnections(node.port)
    expect(await node.terminate()).toMatchObject({ code: 0, stderr: '' })
    await node.start()
    await agree(nodes)
  }
  heal()
  await workload.progress(500)
  await workload.stop()
  expect(history.check()).toEqual([])
})
