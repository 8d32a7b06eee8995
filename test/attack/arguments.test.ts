// Wrong numbers of arguments, and unknown commands: each gets its error, and no entry changes.

import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/commands/spec/ready-command.ts'
import { error, sharedServer } from './attacked-server.ts'
import { commands, nameOf, withCount } from './commands.ts'

const { attacker } = sharedServer()

describe('the wrong number of arguments', () => {
  for (const command of commands) {
    const { arity, fullName } = command
    const counts = arity < 0 ? [-arity - 1] : [arity - 1, arity + 1, arity + 1000]
    // A command that needs no more than its name cannot have too few arguments.
    const wrong = counts.filter((count) => count >= nameOf(command).length)
    if (wrong.length === 0) continue
    test(`for ${fullName}`, async () => {
      for (const count of wrong) {
        const replies = await attacker().pipeline(withCount(command, count, 'x'), ['PING'])
        expect(replies).toMatchObject([
          error(
            fullName === 'exec'
              ? "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
              : `ERR wrong number of arguments for '${fullName}' command`,
          ),
          'PONG',
        ])
      }
    })
  }

  test('that only the handler detects', async () => {
    const wrong = (name: string): object => error(`ERR wrong number of arguments for '${name}' command`)
    expect(await attacker().call('PING', 'a', 'b')).toMatchObject(wrong('ping'))
    expect(await attacker().call('MSET', 'a', '1', 'b')).toMatchObject(wrong('mset'))
    expect(await attacker().call('MSETNX', 'a', '1', 'b')).toMatchObject(wrong('msetnx'))
    expect(await attacker().call('EXISTS', 'a', 'b')).toBe(0)
  })
})

test('the error of an unknown command has its truncated name and arguments, on one line', async () => {
  expect(await attacker().call('\r\n\xff\0', 'a\nb', 'x'.repeat(300))).toMatchObject(
    error(/^ERR unknown command ' {2}.*\0', with args beginning with: 'a b' 'x{1,128}' $/s),
  )
  expect(await attacker().call('')).toMatchObject(error("ERR unknown command '', with args beginning with: "))
  expect(await attacker().call('CLIENT', 'BO\r\nGUS')).toMatchObject(
    error("ERR unknown subcommand 'BO  GUS'. Try CLIENT HELP."),
  )
})

describe('an error that quotes a request has its bytes', () => {
  const umlaut = Buffer.from('ö')

  test('for an unknown command and its arguments', async () => {
    expect(await attacker().call(umlaut, 'a', umlaut)).toMatchObject(
      error("ERR unknown command 'ö', with args beginning with: 'a' 'ö' "),
    )
  })

  for (const container of commands.filter(({ subcommands }) => subcommands.size !== 0)) {
    const name = container.fullName.toUpperCase()
    test(`for an unknown subcommand of ${name}`, async () => {
      expect(await attacker().call(name, umlaut)).toMatchObject(error(/unknown subcommand .*'ö'/))
    })
  }

  test('in every command that quotes one of its arguments', async () => {
    for (const command of commands) {
      if (isUnsuitable(command) || !command.accepts(nameOf(command).length + 2)) continue
      const requests = ['x', '1', '0'].flatMap((other) => [
        [...nameOf(command), umlaut, other],
        [...nameOf(command), other, umlaut],
      ])
      const replies = await attacker().pipeline(...requests)
      expect(replies.length, command.fullName).toBe(requests.length)
      for (const reply of replies) {
        if (reply instanceof Error) expect(reply.message, command.fullName).not.toMatch(/Ã/)
      }
    }
  })
})

/** Whether it waits, ends the connection or the server, or has not one reply. */
function isUnsuitable({ fullName, isForPeers, spec }: Command): boolean {
  return (
    isForPeers ||
    spec.flags.includes('blocking') ||
    /^(monitor|quit|shutdown|debug|client\|(kill|reply|pause))/.test(fullName)
  )
}
