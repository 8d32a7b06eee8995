// A node that was closed while it began to listen went on listening, and answered.

import { afterEach, expect, test } from 'vitest'
import { createNode, type Node } from '../../src/index.ts'
import { poll } from '../support/poll.ts'

let node: Node
afterEach(() => node?.close())

const groups = { users: { maxBytes: '4mb', origin: (key: string) => `value of ${key}` } } as const

test('closed while it begins to listen: listen() rejects and no socket listens', async () => {
  const before = listeningSockets()
  node = await createNode({ port: 0, groups })
  const listening = node.listen()
  const closing = node.close()
  await expect(listening).rejects.toThrow('the node is closed')
  await closing
  // Node.js forgets a closed handle a moment later.
  await poll(() => listeningSockets() === before, 'no listening socket')
})

test('closed before it listens: listen() rejects', async () => {
  node = await createNode({ port: 0, groups })
  await node.close()
  await expect(node.listen()).rejects.toThrow('the node is closed')
})

test('closed while a key loads: the call is rejected, and closing waits for no origin', async () => {
  let asked = (): void => {}
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve
  })
  const origin = (): Promise<string> => {
    asked()
    return new Promise(() => {})
  }
  node = await createNode({ port: 0, groups: { users: { maxBytes: '4mb', origin } } })
  const pending = expect(node.get('users', 'Tom')).rejects.toThrow('the node is closing')
  await isAsked
  await node.close()
  await pending
})

function listeningSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length
}
