// WAIT and WAITAOF on a node that has neither replicas nor an append-only file.

import { expect, test } from 'vitest'
import { Harness } from '../../support/harness.ts'

const NO_AOF = '-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n'

test.each([
  ['WAIT 0 0', ':0\r\n'],
  ['WAIT -1 5', ':0\r\n'],
  ['WAIT x 5', '-ERR value is not an integer or out of range\r\n'],
  ['WAIT 1 x', '-ERR timeout is not an integer or out of range\r\n'],
  ['WAIT 1 1.5', '-ERR timeout is not an integer or out of range\r\n'],
  ['WAIT 1 -1', '-ERR timeout is negative\r\n'],
  ['WAIT 1 9223372036854775807', '-ERR timeout is out of range\r\n'],
  ['WAITAOF 0 0 0', '*2\r\n:0\r\n:0\r\n'],
  ['WAITAOF 1 0 0', NO_AOF],
  ['WAITAOF 2 0 0', '-ERR value is out of range, value must between 0 and 1\r\n'],
  ['WAITAOF 0 -1 0', '-ERR value is out of range, must be positive\r\n'],
  ['WAITAOF 0 1 -1', '-ERR timeout is negative\r\n'],
])('%s is answered at once', async (command, reply) => {
  expect(await new Harness().raw(...command.split(' '))).toBe(reply)
})

test('a wait for a replica ends with its time, and with CLIENT UNBLOCK', async () => {
  const harness = new Harness()
  const [a, b] = [harness.connect(), harness.connect()]
  const replies = [a.raw('WAIT', '1', '100'), b.raw('WAITAOF', '0', '1', '0')]
  await harness.settle()
  harness.clock.advance(100)
  expect(await replies[0]).toBe(':0\r\n')
  expect(await harness.call('CLIENT', 'UNBLOCK', b.id)).toBe(1)
  expect(await replies[1]).toBe('*2\r\n:0\r\n:0\r\n')
})
