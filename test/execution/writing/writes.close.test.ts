// A node that closes while its origin hangs: it closes at its timeout and logs the number of lost writes.

import { expect, test } from 'vitest'
import { createNode } from '../../../src/index.ts'
import { PausableSource } from '../../support/pausable-source.ts'

test('closing waits for pending writes until shutdownTimeout', async () => {
  for (const hangs of [false, true]) {
    const source = new PausableSource()
    const errors: object[] = []
    const log = {
      info: () => undefined,
      warn: () => undefined,
      error: (fields: object) => void errors.push(fields),
    }
    const groups = { users: { origin: source, write: 'behind', originTimeout: 0 } } as const
    const node = await createNode({ port: 0, groups, shutdownTimeout: hangs ? 20 : '10m' }, { log })
    source.pause()
    for (let i = 0; i < 20; i++) await node.set('users', `key ${i}`, 'value')
    const closing = node.close()
    if (!hangs) source.resume()
    await closing
    expect(errors).toEqual(hangs ? [{ group: 'users', lost: 20 }] : [])
    expect(source.values.size).toBe(hangs ? 0 : 20)
  }
})
