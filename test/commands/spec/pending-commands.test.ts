import { expect, test } from 'vitest'
import { type PendingCommand, PendingCommands } from '../../../src/commands/spec/pending-commands.ts'

function command(write: boolean, ...keys: string[]): PendingCommand {
  return { write, keys, bytes: 10 }
}

test('reads pass a held read, writes do not', () => {
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

test('nothing passes a held write on its key', () => {
  const pending = new PendingCommands()
  pending.add(command(true, 'a'))
  expect([pending.blocks('a', false), pending.blocks('a', true), pending.blocks('b', true)]).toEqual([
    true,
    true,
    false,
  ])
})

test('a key is free when the last command that has it is', () => {
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
