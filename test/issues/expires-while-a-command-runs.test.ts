// A key that expired between the moment at which a command looked whether it has to load it and the moment at which it ran
// counted as absent: INCR began at 1, and the origin got that.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNode, type Node } from '../../src/index.ts'
import { RespClient } from '../support/resp-client.ts'

/** Each reading of the clock, while it is armed, is one millisecond after the one before. */
class SteppingClock {
  isArmed = false
  #ms = 1_704_067_200_000

  now(): number {
    if (this.isArmed) this.#ms++
    return this.#ms
  }
}

const clock = new SteppingClock()
const values = new Map<string, string>()
const origin = {
  load: (key: string) => values.get(key) ?? null,
  store: async (key: string, value: Uint8Array) => void values.set(key, String(value)),
  remove: async (key: string) => void values.delete(key),
}
const MODES = ['around', 'through', 'behind'] as const

let node: Node
let client: RespClient
beforeAll(async () => {
  const groups = Object.fromEntries(MODES.map((write) => [write, { maxBytes: '1mb', origin, write }]))
  node = await createNode({ port: 0, bind: '127.0.0.1', groups }, { clock })
  const [{ port }] = await node.listen()
  client = await RespClient.connect(port)
})
afterAll(async () => {
  client.socket.destroy()
  await node.close()
})

/** More readings than a command makes. */
const READINGS = 40

const ask = (line: string) => client.call(...line.split(' '))

/** Commands that need the value of `a`, which is 41 at the origin, and their replies. */
const COMMANDS: readonly (readonly [lines: readonly string[], reply: unknown])[] = [
  [['INCR a'], 42],
  [['APPEND a 0'], 3],
  [['SET a 7 NX'], null],
  [['SET a 7 XX'], 'OK'],
  [['GETSET a 7'], '41'],
  [['SETRANGE a 1 0'], 2],
  [['RENAME a b'], 'OK'],
  [['MULTI', 'INCR a', 'EXEC'], [42]],
  [
    ['MULTI', 'SET c 1', 'DEL c', 'INCR a', 'EXEC'],
    ['OK', 1, 42],
  ],
]

describe.each(MODES)('write: %s', (mode) => {
  test.each(COMMANDS)('%j', async (lines, reply) => {
    await ask(`SELECT ${mode}`)
    for (let ttl = 1; ttl < READINGS; ttl++) {
      values.clear()
      await ask('FLUSHDB')
      values.set('a', '41')
      expect(await ask('GET a')).toBe('41')
      // In a pipeline with the command: the clock is read from here on.
      const setTtl = client.call('PEXPIRE', 'a', String(ttl))
      clock.isArmed = true
      const replies = lines.map(ask)
      await setTtl
      const last = await replies.at(-1)
      clock.isArmed = false
      expect(last, `after ${ttl} readings`).toEqual(reply)
    }
  })
})
