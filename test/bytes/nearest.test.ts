import { expect, test } from 'vitest'
import { nearest } from '../../src/bytes/nearest.ts'

const words = ['port', 'bind', 'maxmemory', 'requirepass', 'maxBytes', 'ttl']

test.each([
  ['prot', 'port'],
  ['ports', 'port'],
  ['maxmemroy', 'maxmemory'],
  ['max_bytes', 'maxBytes'],
  ['maxbytes', 'maxBytes'],
  ['MAXMEMORY', 'maxmemory'],
  ['requirePassword', undefined],
  ['tll', 'ttl'],
  ['banana', undefined],
  ['', undefined],
  ['__proto__', undefined],
])('%s means %s', (word, meant) => {
  expect(nearest(word, words)).toBe(meant)
})
