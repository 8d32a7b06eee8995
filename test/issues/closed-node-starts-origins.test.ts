// `start()` of a closed node connected its origins again, and nothing closed them; a second `start()` did so twice.

import { expect, test } from 'vitest'
import { createNode } from '../../src/index.ts'

async function nodeWith(counts: { started: number; closed: number }) {
  const origin = {
    load: () => null,
    start: () => void counts.started++,
    close: () => void counts.closed++,
  }
  return createNode({ groups: { users: { origin } } })
}

test('the origins of a node are started once', async () => {
  const counts = { started: 0, closed: 0 }
  const node = await nodeWith(counts)
  await Promise.all([node.start(), node.start()])
  expect(counts).toEqual({ started: 1, closed: 0 })
  await node.close()
  expect(counts).toEqual({ started: 1, closed: 1 })
})

test('those of a node that closes or is closed are not', async () => {
  const counts = { started: 0, closed: 0 }
  const node = await nodeWith(counts)
  const closing = node.close()
  await expect(node.start()).rejects.toThrow('the node is closed')
  await closing
  await expect(node.start()).rejects.toThrow('the node is closed')
  expect(counts).toEqual({ started: 1, closed: 1 })
})
