// Commands that run on all nodes: which nodes are asked when members join and leave meanwhile, and what a failed reply means.

import { describe, expect, test } from 'vitest'
import { FLUSH_LATER, PASSING_FLUSH } from '../../../src/commands/spec/errors.ts'
import { fanOut, type MergedFanOut } from '../../../src/execution/routing/fan-out.ts'
import type { Ask } from '../../../src/execution/routing/scatter.ts'
import { ReplyWriter } from '../../../src/resp/reply.ts'

/** A fan-out to nodes whose replies the test gives. */
function fanOutTo(merge: MergedFanOut, owners: readonly number[], isRepeatable = false) {
  const state = { owners, isCutOff: false, reply: '', asked: [] as number[] }
  const waiting: (() => void)[] = []
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
      isCutOff: () => state.isCutOff,
      isRepeatable,
      timeout: 10,
      random: () => 0,
    },
    { ask, owners: () => state.owners, after: (_ms, run) => void waiting.push(run) },
  )
  const wait = (): void => waiting.splice(0).forEach((run) => run())
  return { state, wait, answer: (owner: number, reply: string) => answers.get(owner)?.(reply) }
}

const GONE = '-PEERDOWN it is silent\r\n'
const PASSING = `-${PASSING_FLUSH}\r\n`

describe('a command on all nodes', () => {
  test('that writes also runs on nodes that joined meanwhile', () => {
    const { state, answer } = fanOutTo('ok', [0, 1])
    answer(0, '+OK\r\n')
    state.owners = [0, 1, 2]
    answer(1, '+OK\r\n')
    expect([state.asked, state.reply]).toEqual([[0, 1, 2], ''])
    state.owners = [0, 1, 2, 3]
    answer(2, '+OK\r\n')
    answer(3, '+OK\r\n')
    expect([state.asked, state.reply]).toEqual([[0, 1, 2, 3], '+OK\r\n'])
  })

  test('that may be repeated runs again when a node left before it ran it: others may have taken its entries over', () => {
    const { state, answer } = fanOutTo('ok', [0, 1, 2], true)
    answer(0, '+OK\r\n')
    state.owners = [0, 1]
    answer(1, '+OK\r\n')
    answer(2, GONE)
    expect([state.asked, state.reply]).toEqual([[0, 1, 2, 0, 1], ''])
    answer(0, '+OK\r\n')
    answer(1, '+OK\r\n')
    expect(state.reply).toBe('+OK\r\n')
  })

  test('waits for a node that passes it on, but not for ever', () => {
    const passed = fanOutTo('ok', [0])
    passed.answer(0, PASSING)
    passed.wait()
    expect(passed.state.asked).toEqual([0, 0])
    passed.answer(0, '+OK\r\n')
    expect(passed.state.reply).toBe('+OK\r\n')
    const stuck = fanOutTo('ok', [0])
    for (let i = 0; i < 3; i++) {
      stuck.answer(0, PASSING)
      stuck.wait()
    }
    expect(stuck.state.reply).toBe(PASSING)
  })

  test('waits for a node that cannot run it yet, and asks it alone again', () => {
    const { state, answer, wait } = fanOutTo('ok', [0, 1])
    answer(0, '+OK\r\n')
    for (let i = 0; i < 10; i++) {
      answer(1, `-${FLUSH_LATER}\r\n`)
      wait()
    }
    expect([state.asked, state.reply]).toEqual([[0, 1, ...Array(10).fill(1)], ''])
    answer(1, '+OK\r\n')
    expect(state.reply).toBe('+OK\r\n')
  })

  test('fails if a live node has not answered', () => {
    const { state, answer } = fanOutTo('ok', [0, 1])
    answer(0, '+OK\r\n')
    answer(1, GONE)
    expect(state.reply).toBe(GONE)
  })

  test('need not run on a node that has left the view: it returns empty', () => {
    const { state, answer } = fanOutTo('ok', [0, 1])
    answer(0, '+OK\r\n')
    state.owners = [0]
    answer(1, GONE)
    expect(state.reply).toBe('+OK\r\n')
  })

  test('fails if this node is isolated, as others may serve the keys', () => {
    const { state, answer } = fanOutTo('ok', [0, 1])
    answer(0, '+OK\r\n')
    state.owners = [0]
    state.isCutOff = true
    answer(1, GONE)
    expect(state.reply).toMatch(/^-PEERDOWN most of the other nodes cannot be reached/)
  })

  test('that only reads asks the nodes that were there at its start', () => {
    const { state, answer } = fanOutTo('sum', [0, 1, 2])
    answer(0, ':3\r\n')
    answer(1, GONE)
    state.owners = [0, 1, 2, 3]
    answer(2, ':4\r\n')
    expect([state.asked, state.reply]).toEqual([[0, 1, 2], ':7\r\n'])
  })
})
