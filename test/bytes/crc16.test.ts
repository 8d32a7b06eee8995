import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc16, keySlot, SLOT_COUNT } from '../../src/bytes/crc16.ts'
import { describeWithRedis } from '../support/redis-server.ts'

function slot(key: string): number {
  const bytes = Buffer.from(`{x}${key}}`, 'latin1')
  return keySlot(bytes, 3, 3 + key.length)
}

test.each([
  ['', 0],
  ['123456789', 0x31c3],
  ['a', 0x7c87],
  ['\xff\xff', 0x1d0f],
])('CRC16 of %j', (text, expected) => {
  expect(crc16(Buffer.from(`9${text}9`, 'latin1'), 1, 1 + text.length)).toBe(expected)
})

test.each([
  ['', 0],
  ['foo', 12_182],
  ['somekey', 11_058],
  ['foo{hash_tag}', 2515],
  ['bar{hash_tag}', 2515],
  ['hash_tag', 2515],
  ['{}', 15_257],
  ['foo{}{bar}', 8363],
])('slot of %j', (key, expected) => {
  expect(slot(key)).toBe(expected)
})

test('only the bytes in the first closed, non-empty braces count', () => {
  expect(slot('{user1000}.following')).toBe(slot('user1000'))
  expect(slot('foo{{bar}}zap')).toBe(slot('{bar'))
  expect(slot('foo{bar}{zap}')).toBe(slot('bar'))
  expect(slot('}{a}')).toBe(slot('a'))
  for (const whole of ['foo{}{bar}', '{}x', '{x', 'x}', '}x{', 'foo{}']) {
    const bytes = Buffer.from(whole)
    expect(slot(whole)).toBe(crc16(bytes, 0, bytes.length) % SLOT_COUNT)
  }
})

test('tagged keys share the slot of their tag', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), fc.string(), (tag, before, after) => {
      fc.pre(!/[{}]/.test(tag) && !before.includes('{'))
      const key = Buffer.from(`${before}{${tag}}${after}`)
      const alone = Buffer.from(tag)
      expect(keySlot(key, 0, key.length)).toBe(keySlot(alone, 0, alone.length))
    }),
  )
})

describeWithRedis(
  'CLUSTER KEYSLOT of redis-server',
  (redis) => {
    test('returns the same slots', async () => {
      const key = fc.oneof(
        fc.string({ unit: fc.constantFrom(...'{}ab'), maxLength: 10 }),
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      )
      const keys = fc.sample(key, { numRuns: 1000, seed: 5 })
      const replies = await redis().pipeline(keys.map((k) => ['CLUSTER', 'KEYSLOT', k]))
      expect(keys.map(slot)).toStrictEqual(replies)
    })
  },
  '--cluster-enabled',
  'yes',
)
