import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressName, nodeId, parseAddress } from '../../src/cluster/member.ts'

test('a node id is the SHA-1 of the name', () => {
  expect(nodeId('abc')).toBe('a9993e364706816aba3e25717850c26c9cd0d89d')
})

test.each([
  ['localhost:7000', 'localhost', 7000],
  ['10.0.0.1:1', '10.0.0.1', 1],
  ['cache-0.cache.svc:65535', 'cache-0.cache.svc', 65_535],
  ['[::1]:7000', '::1', 7000],
  ['[fe80::1%eth0]:7000', 'fe80::1%eth0', 7000],
])('%s is an address', (text, host, port) => {
  expect(parseAddress(text)).toEqual({ host, port })
  expect(addressName(host, port)).toBe(text)
})

test.each([
  '',
  'host',
  'host:',
  ':7000',
  'host:0',
  'host:65536',
  'host:7e3',
  'host:-1',
  'host: 7000',
  'ho st:7000',
  'host:7000\n',
  '::1:7000',
  '[::1]',
  '[]:7000',
  '[host]:7000',
  '[::1:7000',
  'redis://host:7000',
  'user@host:7000',
])('%j is not an address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test('a formatted address parses to the same host and port', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
      fc.integer({ min: 1, max: 65_535 }),
      (host, port) => {
        expect(parseAddress(addressName(host, port))).toEqual({ host, port })
      },
    ),
  )
})
