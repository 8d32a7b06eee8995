// The string commands' edges, on an executor without sockets.

import { describe, expect, test } from 'vitest'
import { Harness } from '../support/harness.ts'

describe('GET and SET', () => {
  test('a value comes back', async () => {
    const harness = new Harness()
    expect(await harness.raw('SET', 'a', '1')).toBe('+OK\r\n')
    expect(await harness.call('GET', 'a')).toBe('1')
    expect(await harness.call('GET', 'b')).toBeNull()
  })

  test('a miss loads once for all who wait', async () => {
    const asked: string[] = []
    const origin = (key: string): string => {
      asked.push(key)
      return `value of ${key}`
    }
    const harness = new Harness({ groups: { users: { origin } } })
    const replies = await Promise.all([harness.call('GET', 'a'), harness.connect().call('GET', 'a')])
    expect(replies).toEqual(['value of a', 'value of a'])
    expect(asked).toEqual(['a'])
  })
})
