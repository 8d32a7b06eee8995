// A node inside a program leaves the program's signals alone.

import { expect, test } from 'vitest'
import { createNode } from '../../src/index.ts'

const count = (): number =>
  process.eventNames().filter((name) => typeof name === 'string' && name.startsWith('SIG')).length

test('no signal handler is installed', async () => {
  const before = count()
  const node = await createNode({ port: 0, groups: { a: {} } })
  await node.listen()
  expect(count()).toBe(before)
  await node.close()
  expect(count()).toBe(before)
})
