// Two nodes of which one joins or leaves, two keys, two clients: run by a given schedule, so that all can be tried.

/*
 * Messages arrive in the order in which they were sent, whoever sends them, with exceptions: at a given step the channel
 * whose turn it is is held (a channel is one direction of a connection; it stays in order). It goes on when no other
 * channel has anything, or only some time later, so that what was held meets retries. The schedule says also at which
 * step the clients send. So with n exceptions every order is tried in which n channels are late by as much as matters.
 */

import { type Answer, SimConnection } from './connection.ts'
import { SimMember } from './members.ts'
import { Network, type SimSocket } from './network.ts'

/** A channel is held from this step on, until nothing else happens, or until so many ms have passed. */
export interface Hold {
  readonly step: number
  readonly ms: number
}

export interface Schedule {
  readonly joins: boolean
  /** The step at which the clients send their commands. */
  readonly sendAt: number
  /** By step, ascending. */
  readonly holds: readonly Hold[]
}

export interface Outcome {
  readonly wrong: readonly string[]
  /** The steps from the change to its end. */
  readonly steps: number
}

const NAMES = ['n0:1', 'n1:1']
const MAX_STEPS = 20_000

/** Of each client. */
const KEYS: readonly (readonly [string, string])[] = [
  ['x:1', 'x:2'],
  ['y:1', 'y:2'],
]

const PIPELINES = KEYS.map(([a, b]) => {
  return [
    ['APPEND', a, '1.'],
    ['MSET', a, '2.', b, '2.'],
    ['APPEND', b, '3.'],
    ['EXISTS', a, b],
    ['GET', a],
    ['DEL', a, b],
    ['GET', b],
    ['APPEND', a, '4.'],
    ['MGET', a, b],
    ['SET', b, '5.'],
    ['GET', b],
  ]
})
/** What a single node answers if both keys hold `0.` before. */
const WANTED: readonly Answer[] = [4, 'OK', 4, 2, '2.', 2, null, 2, ['4.', null], 'OK', '5.']

export async function run({ joins, sendAt, holds }: Schedule): Promise<Outcome> {
  const network = new Network(1)
  /** Until when: a time, or 0 for as long as anything else happens. */
  const held = new Map<SimSocket, number>()
  let begun = Number.POSITIVE_INFINITY
  let next = 0
  network.schedule = (ready) => {
    const now = network.clock.now()
    for (;;) {
      let oldest: SimSocket | undefined
      for (const socket of ready)
        if (!held.has(socket) && (oldest === undefined || socket.sentAt[0] < oldest.sentAt[0]))
          oldest = socket
      if (oldest === undefined) {
        let isReleased = false
        for (const [socket, until] of held) if (until <= now) isReleased = held.delete(socket)
        if (isReleased) continue
        return undefined
      }
      const hold = holds[next]
      if (hold === undefined || network.step - begun < hold.step) return oldest
      next++
      held.set(oldest, hold.ms === 0 ? 0 : now + hold.ms)
    }
  }
  const members = NAMES.map((name, i) => new SimMember(name, i + 1, NAMES, network))
  const [stays, moves] = members
  stays.start()
  if (!joins) moves.start()
  const until = async (isOver: () => boolean): Promise<boolean> => {
    const limit = network.step + MAX_STEPS
    while (!isOver()) {
      if (network.step > limit) return false
      await network.next()
    }
    return true
  }
  const isSettled = (...some: SimMember[]): boolean => some.every((each) => each.isSettled(some.length))
  const isStarted = await until(() => (joins ? isSettled(stays) : isSettled(stays, moves)))
  if (!isStarted) return { wrong: ['no start'], steps: 0 }
  const keys = KEYS.flat()
  const setUp = new SimConnection(network, 'setup', NAMES[0])
  setUp.send(keys.map((key) => ['SET', key, '0.']))
  await until(() => setUp.replies.length === keys.length)
  const clients = PIPELINES.map((_, i) => new SimConnection(network, `c${i}`, NAMES[0]))
  begun = network.step
  let hasLeft = joins
  if (joins) moves.start()
  else
    void moves.leave().then(() => {
      hasLeft = true
    })
  let isSent = false
  const areAnswered = (): boolean => clients.every(({ replies }) => replies.length === WANTED.length)
  const isOver = await until(() => {
    if (!isSent && network.step - begun >= sendAt) {
      isSent = true
      for (const [i, client] of clients.entries()) client.send(PIPELINES[i])
    }
    return isSent && areAnswered() && hasLeft && (joins ? isSettled(stays, moves) : isSettled(stays))
  })
  const steps = network.step - begun
  const wrong = clients.flatMap(({ replies }, i) => differences(`client ${i}`, PIPELINES[i], replies, WANTED))
  if (!isOver) wrong.push(`no end: ${clients.map(({ replies }) => replies.length)} replies`)
  const last = new SimConnection(network, 'last', NAMES[0])
  const reads = keys.map((key) => ['GET', key])
  last.send(reads)
  await until(() => last.replies.length === reads.length)
  wrong.push(...differences('afterwards', reads, last.replies, ['4.', '5.', '4.', '5.']))
  return { wrong, steps }
}

function differences(
  who: string,
  commands: readonly (readonly string[])[],
  replies: readonly Answer[],
  wanted: readonly Answer[],
): string[] {
  return commands.flatMap((command, i) => {
    const got = JSON.stringify(replies[i])
    return got === JSON.stringify(wanted[i]) ? [] : [`${who}: ${command.join(' ')}: ${got}`]
  })
}
