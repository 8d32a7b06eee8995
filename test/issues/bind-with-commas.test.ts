// `--bind 127.0.0.1,::1` was refused, while `--peers a,b` is two members and ERINYS_BIND takes commas.

import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/config.ts'

const TWO = [
  { host: '127.0.0.1', optional: false },
  { host: '::1', optional: true },
]

test.each<[string | readonly string[]]>([
  ['127.0.0.1,-::1'],
  ['127.0.0.1 -::1'],
  [['127.0.0.1,-::1']],
  [['127.0.0.1', '-::1']],
  [['127.0.0.1, -::1']],
])('%j', (bind) => {
  expect(resolveConfig({ bind }).bind).toEqual(TWO)
})

test.each([[[]], [['']], [','], [[' ', ',']]])('%j is no address', (bind) => {
  expect(() => resolveConfig({ bind })).toThrow('bind: got')
})
