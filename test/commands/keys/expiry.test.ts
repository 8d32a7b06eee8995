// Deadlines to the millisecond, on a manual clock. Error texts and options are compared with redis-server elsewhere.

import { expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

test('a key expires after the millisecond of its deadline', async () => {
  const harness = new Harness()
  await harness.call('SET', 'a', '1')
  await harness.call('PEXPIRE', 'a', '1000')
  harness.clock.advance(1000)
  expect(await harness.call('PTTL', 'a')).toBe(0)
  expect(await harness.call('GET', 'a')).toBe('1')
  harness.clock.advance(1)
  expect(await harness.call('PTTL', 'a')).toBe(-2)
  expect(await harness.call('DEL', 'a')).toBe(0)
  expect(harness.groups[0].store.expired).toBe(1)
})

test('seconds are rounded to the nearest', async () => {
  const harness = new Harness({ now: 1_000_000_000_000 })
  await harness.call('SET', 'a', '1')
  await harness.call('PEXPIREAT', 'a', '1000000001499')
  expect(await harness.call('TTL', 'a')).toBe(1)
  expect(await harness.call('EXPIRETIME', 'a')).toBe(1_000_000_001)
  await harness.call('PEXPIREAT', 'a', '1000000001500')
  expect(await harness.call('TTL', 'a')).toBe(2)
  expect(await harness.call('EXPIRETIME', 'a')).toBe(1_000_000_002)
})

test('GT and LT compare with the current deadline, to the millisecond', async () => {
  const harness = new Harness()
  await harness.call('SET', 'a', '1')
  expect(await harness.call('PEXPIRE', 'a', '1000', 'GT')).toBe(0)
  expect(await harness.call('PEXPIRE', 'a', '1000', 'LT')).toBe(1)
  expect(await harness.call('PEXPIRE', 'a', '1000', 'GT')).toBe(0)
  expect(await harness.call('PEXPIRE', 'a', '1000', 'LT')).toBe(0)
  expect(await harness.call('PEXPIRE', 'a', '1001', 'GT', 'XX')).toBe(1)
  expect(await harness.call('PEXPIRE', 'a', '1000', 'LT', 'XX')).toBe(1)
  expect(await harness.call('PTTL', 'a')).toBe(1000)
})

test.each(['9007199254740991', '9007199254740993', '9223372036854775806', '9223372036854775807'])(
  'a deadline of %s is kept exactly',
  async (moment) => {
    const harness = new Harness({ now: 1000 })
    await harness.call('SET', 'a', '1')
    await harness.call('PEXPIREAT', 'a', moment)
    await harness.call('RENAME', 'a', 'b')
    await harness.call('MOVE', 'b', '1')
    await harness.call('SELECT', '1')
    expect(await harness.raw('PEXPIRETIME', 'b')).toBe(`:${moment}\r\n`)
    expect(await harness.raw('PTTL', 'b')).toBe(`:${BigInt(moment) - 1000n}\r\n`)
    expect(await harness.call('GET', 'b')).toBe('1')
  },
)

test('EXPIRE and PERSIST keep the value, and the key is counted once', async () => {
  const harness = new Harness()
  const { store } = harness.groups[0]
  await harness.call('SET', 'a', 'value')
  for (let i = 0; i < 3; i++) {
    await harness.call('EXPIRE', 'a', '10')
    expect(store.expiring).toBe(1)
    await harness.call('PERSIST', 'a')
    expect(store.expiring).toBe(0)
  }
  expect(await harness.call('GET', 'a')).toBe('value')
  await harness.call('EXPIRE', 'a', '10')
  await harness.call('EXPIRE', 'a', '-1')
  expect(store.expiring).toBe(0)
  store.verify()
})

test('the error names an unknown option byte for byte', async () => {
  const harness = new Harness()
  const option = Buffer.from('n\xc3\xa4h\r\n', 'latin1')
  expect(await harness.raw('EXPIRE', 'a', '10', option)).toBe('-ERR Unsupported option n\xc3\xa4h  \r\n')
})
