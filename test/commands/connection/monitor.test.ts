import { expect, test } from 'vitest'
import { monitorLine } from '../../../src/commands/connection/monitor.ts'
import { argsOf } from '../../support/harness.ts'

test('the format of a MONITOR line', () => {
  const args = argsOf(['set', 'k"\r\n', Buffer.from([0, 0xff])])
  expect(monitorLine(1_700_000_000_007.5, 3, '127.0.0.1:5000', args, []).toString('latin1')).toBe(
    '+1700000000.007500 [3 127.0.0.1:5000] "set" "k\\"\\r\\n" "\\x00\\xff"\r\n',
  )
  expect(monitorLine(1000, 0, '[::1]:5000', args, [2]).toString()).toBe(
    '+1.000000 [0 [::1]:5000] "set" "k\\"\\r\\n" "(redacted)"\r\n',
  )
})

test('a large command is truncated', () => {
  const line = (command: readonly Uint8Array[]): string =>
    monitorLine(1000, 0, 'me', argsOf(command), []).toString('latin1')
  const excess = 300 * 2 ** 20
  expect(line([Buffer.from('set'), Buffer.alloc(2 ** 20 - 4 + excess)])).toBe(
    `+1.000000 [0 me] "set" "${'\\x00'.repeat(2 ** 20 - 4)}... (${excess} more bytes)"\r\n`,
  )
  const many = new Array(600_000).fill(Buffer.from('k'))
  const shown = 2 ** 19
  expect(line(many)).toBe(
    `+1.000000 [0 me]${' "k"'.repeat(shown)} "... (${many.length - shown} more arguments)"\r\n`,
  )
})
