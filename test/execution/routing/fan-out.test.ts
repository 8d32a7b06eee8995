// What is to be done on all nodes: who is asked when members come and go meanwhile, and what an answer that fails means.

import { describe, expect, test } from 'vitest'
import type { FanOut } from '../../../src/commands/spec/command.ts'
import { fanOut } from '../../../src/execution/routing/fan-out.ts'
import type { Ask } from '../../../src/execution/routing/scatter.ts'
import { ReplyWriter } from '../../../src/resp/reply.ts'

/** Asks nodes whose answers the test gives. */
function spanOver(merge: FanOut, owners: readonly number[]) {
  const state = { owners, isCutOff: false, reply: '', asked: [] as number[] }
  const answers = new Map<number, (reply: string) => void>()
  const ask: Ask = (owner, _request, complete) => {
    state.asked.push(owner)
    answers.set(owner, (reply) => complete(Buffer.from(reply)))
  }
  fanOut(
    {
      protocol: 2,
      reply: new ReplyWriter(),
      complete: (reply) => {
        state.reply = reply.toString()
      },
      merge,
      request: Buffer.from('request'),
      owners: () => state.owners,
      isCutOff: () => state.isCutOff,
      random: () => 0,
    },
    ask,
  )
  return { state, answer: (owner: number, reply: string) => answers.get(owner)?.(reply) }
}

const GONE = '-PEERDOWN it is silent\r\n'

describe('what is done on all nodes', () => {
  test('is done on those too that have come meanwhile', () => {
    const { state, answer } = spanOver('ok', [0, 1])
    answer(0, '+OK\r\n')
    state.owners = [0, 1, 2]
    answer(1, '+OK\r\n')
    expect([state.asked, state.reply]).toEqual([[0, 1, 2], ''])
    state.owners = [0, 1, 2, 3]
    answer(2, '+OK\r\n')
    answer(3, '+OK\r\n')
    expect([state.asked, state.reply]).toEqual([[0, 1, 2, 3], '+OK\r\n'])
  })

  test('is not done while one that lives has not answered', () => {
    const { state, answer } = spanOver('ok', [0, 1])
    answer(0, '+OK\r\n')
    answer(1, GONE)
    expect(state.reply).toBe(GONE)
  })

  test('need not be done on one that is gone: it comes back with nothing', () => {
    const { state, answer } = spanOver('ok', [0, 1])
    answer(0, '+OK\r\n')
    state.owners = [0]
    answer(1, GONE)
    expect(state.reply).toBe('+OK\r\n')
  })

  test('may not be done where others are that cannot be asked', () => {
    const { state, answer } = spanOver('ok', [0, 1])
    answer(0, '+OK\r\n')
    state.owners = [0]
    state.isCutOff = true
    answer(1, GONE)
    expect(state.reply).toMatch(/^-PEERDOWN most of the other nodes cannot be reached/)
  })

  test('and is only read is asked of those that there were', () => {
    const { state, answer } = spanOver('sum', [0, 1, 2])
    answer(0, ':3\r\n')
    answer(1, GONE)
    state.owners = [0, 1, 2, 3]
    answer(2, ':4\r\n')
    expect([state.asked, state.reply]).toEqual([[0, 1, 2], ':7\r\n'])
  })
})
