import { expect, test } from 'vitest'
import { type PendingCommand, PendingCommands } from '../../../src/commands/spec/pending-commands.ts'

function command(write: boolean, ...keys: string[]): PendingCommand {
  return { write, keys, bytes: 10 }
}

test('reads pass a held read, writes do not', () => {
  const held = new PendingCommands()
  held.add(command(false, 'a', 'b'))
  expect(held.size).toBe(1)
  expect([held.blocks('a', false), held.blocks('a', true), held.blocks('b', true)]).toEqual([
    false,
    true,
    true,
  ])
  expect([held.blocks('c', false), held.blocks('c', true)]).toEqual([false, false])
})

test('nothing passes a held write on its key', () => {
  const held = new PendingCommands()
  held.add(command(true, 'a'))
  expect([held.blocks('a', false), held.blocks('a', true), held.blocks('b', true)]).toEqual([
    true,
    true,
    false,
  ])
})

test('a key is free when the last command that has it is', () => {
  const held = new PendingCommands()
  const commands = [command(false, 'a'), command(true, 'a', 'a', 'b'), command(false, 'a', '__proto__')]
  for (const each of commands) held.add(each)
  const seen = commands.map((each) => {
    held.delete(each)
    return [held.size, held.blocks('a', false), held.blocks('a', true), held.blocks('b', true)]
  })
  expect(seen).toEqual([
    [2, true, true, true],
    [1, false, true, false],
    [0, false, false, false],
  ])
  expect(held.blocks('__proto__', true)).toBe(false)
})
