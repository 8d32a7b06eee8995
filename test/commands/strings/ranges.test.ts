// APPEND, SETRANGE and counters beyond their replies: encodings, limits, TTLs, loads.

import { expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

const TOO_LONG = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n'

test('encodings are those of Redis', async () => {
  const harness = new Harness()
  const steps: readonly (readonly [string, string])[] = [
    ['APPEND a 12', 'int'],
    ['APPEND a ', 'raw'],
    ['INCR a', 'int'],
    ['APPEND a 3', 'raw'],
    ['APPEND a x', 'raw'],
    ['SET a 5', 'int'],
    ['SETRANGE a 0 6', 'raw'],
    ['INCRBY a 9223372036854775000', 'int'],
    ['APPEND b text', 'embstr'],
    ['SETRANGE b 0 ', 'embstr'],
    ['SETRANGE b 0 T', 'raw'],
    ['SETRANGE c 0 7', 'raw'],
    ['DECR c', 'int'],
  ]
  for (const [command, encoding] of steps) {
    const words = command.split(' ')
    await harness.call(...words)
    expect(await harness.call('OBJECT', 'ENCODING', words[1]), command).toBe(encoding)
  }
})

test('the limit on the length of strings changes while the node runs', async () => {
  const harness = new Harness()
  harness.host.protoMaxBulkLen = 10
  expect(await harness.call('APPEND', 'a', '12345')).toBe(5)
  expect(await harness.call('APPEND', 'a', '67890')).toBe(10)
  expect(await harness.raw('APPEND', 'a', 'x')).toBe(TOO_LONG)
  expect(await harness.raw('SETRANGE', 'a', '10', 'x')).toBe(TOO_LONG)
  expect(await harness.raw('SETRANGE', 'none', '10', 'x')).toBe(TOO_LONG)
  expect(await harness.call('SETRANGE', 'a', '9', 'x')).toBe(10)
  expect(await harness.raw('LCS', 'a', 'none')).toBe(
    '-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n',
  )
  harness.host.protoMaxBulkLen = 11
  expect(await harness.call('APPEND', 'a', 'x')).toBe(11)
  expect(await harness.call('GET', 'a')).toBe('123456789xx')
})

test('a change of the value keeps its deadline; a new key gets the TTL of its group', async () => {
  const harness = new Harness({ groups: { cache: { ttlMs: 60_000 } } })
  const commands = ['APPEND a 1', 'SETRANGE a 0 1', 'INCR a', 'DECRBY a 5', 'INCRBYFLOAT a 1.5']
  for (const [i, command] of commands.entries()) {
    const [name, , ...rest] = command.split(' ')
    const key = `new:${i}`
    await harness.call(name, key, ...rest)
    expect(await harness.call('PTTL', key), command).toBe(60_000)
    await harness.call('SET', 'a', '1', 'PX', '5000')
    await harness.call(name, 'a', ...rest)
    expect(await harness.call('PTTL', 'a'), command).toBe(5000)
    await harness.call('PERSIST', 'a')
    await harness.call(name, 'a', ...rest)
    expect(await harness.call('PTTL', 'a'), command).toBe(-1)
  }
})

test('a missing key is loaded before it is changed, in the order of commands', async () => {
  const origin = (key: string): string | null => (key.startsWith('no') ? null : '10')
  const harness = new Harness({ groups: { numbers: { origin } } })
  expect(
    await Promise.all([
      harness.call('INCR', 'a'),
      harness.call('INCRBY', 'a', '5'),
      harness.call('GET', 'a'),
      harness.call('APPEND', 'b', 'x'),
      harness.call('SETRANGE', 'c', '1', 'y'),
      harness.call('INCRBYFLOAT', 'd', '0.5'),
      harness.call('DECR', 'none'),
      harness.call('STRLEN', 'e'),
      harness.call('GETRANGE', 'f', '1', '1'),
      harness.call('LCS', 'g', 'none2'),
      harness.call('LCS', 'g', 'h'),
    ]),
  ).toEqual([11, 16, '16', 3, 2, '10.5', -1, 2, '0', '', '10'])
  expect(await harness.call('MGET', 'a', 'b', 'c', 'd', 'none')).toEqual(['16', '10x', '1y', '10.5', '-1'])
})

test('counters change their length, in place or with a new record', async () => {
  const harness = new Harness()
  await harness.call('SET', 'n', '9')
  for (let n = 10; n < 1e18; n = n * 10) {
    expect(await harness.call('INCRBY', 'n', n - (n === 10 ? 9 : n / 10))).toBe(n)
    expect(await harness.call('STRLEN', 'n')).toBe(String(n).length)
  }
  expect(await harness.call('SET', 'n', '-1')).toBe('OK')
  expect(await harness.call('INCR', 'n')).toBe(0)
  expect(await harness.call('GET', 'n')).toBe('0')
  harness.group('cache').store.verify()
})
