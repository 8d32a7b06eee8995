import { expect, test } from 'vitest'
import { type PendingCommand, PendingCommands } from '../../../src/commands/spec/session/pending-commands.ts'

function command(write: boolean, ...keys: string[]): PendingCommand {
  return { write, keys, bytes: 10 }
}

test('a pending read blocks writes of its key, not reads', () => {
  const pending = new PendingCommands()
  pending.add(command(false, 'a', 'b'))
  expect(pending.size).toBe(1)
  expect([pending.blocks('a', false), pending.blocks('a', true), pending.blocks('b', true)]).toEqual([
    false,
    true,
    true,
  ])
  expect([pending.blocks('c', false), pending.blocks('c', true)]).toEqual([false, false])
})

test('a pending write blocks all commands on its key', () => {
  const pending = new PendingCommands()
  pending.add(command(true, 'a'))
  expect([pending.blocks('a', false), pending.blocks('a', true), pending.blocks('b', true)]).toEqual([
    true,
    true,
    false,
  ])
})

test('a key is free when the last pending command on it ends', () => {
  const pending = new PendingCommands()
  const commands = [command(false, 'a'), command(true, 'a', 'a', 'b'), command(false, 'a', '__proto__')]
  for (const each of commands) pending.add(each)
  const seen = commands.map((each) => {
    pending.delete(each)
    return [pending.size, pending.blocks('a', false), pending.blocks('a', true), pending.blocks('b', true)]
  })
  expect(seen).toEqual([
    [2, true, true, true],
    [1, false, true, false],
    [0, false, false, false],
  ])
  expect(pending.blocks('__proto__', true)).toBe(false)
})
