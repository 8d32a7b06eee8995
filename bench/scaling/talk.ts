// What members tell each other to know who is alive: how much that is, and what it takes to understand it.

import { setImmediate as turn } from 'node:timers/promises'
import { ManualClock } from '../../src/bytes/clock.ts'
import type { ScalingRow } from '../figures.ts'
import { Talker } from './talker.ts'

/** Beyond so much a start is not followed, ms. */
const START_LIMIT = 60_000

/** Between one other node and the next that is reached while all start, ms. */
const REACH_MS = 1

type TalkFigures = Pick<
  ScalingRow,
  | 'messagesPerSecond'
  | 'messageBytes'
  | 'messageBytesTenthDead'
  | 'coreShare'
  | 'coreShareTenthDead'
  | 'deathSeconds'
  | 'startSeconds'
  | 'startBytes'
>

/** @param rounds how many rounds of pings are timed: the quickest counts */
export async function talkFigures(count: number, rounds: number): Promise<TalkFigures> {
  const start = await startFigures(count)
  const talker = new Talker(count, new ManualClock(1_000_000))
  talker.reachAll()
  const well = await quickest(talker, rounds)
  const began = performance.now()
  for (const { name } of talker.killTenth()) talker.detector.linkBroken(name, 'refused')
  const breaking = performance.now() - began
  const first = await pingRound(talker)
  const worse = await quickest(talker, rounds)
  return {
    // Of this node and of the others, a ping each, and as many answers.
    messagesPerSecond: (2 * (count - 1) * 1000) / talker.pingInterval,
    messageBytes: well.bytes,
    messageBytesTenthDead: worse.bytes,
    coreShare: well.ms / talker.pingInterval,
    coreShareTenthDead: worse.ms / talker.pingInterval,
    deathSeconds: (breaking + first.ms) / 1000,
    ...start,
  }
}

interface Round {
  /** Of the processor, for this node. */
  readonly ms: number
  /** Of one message. */
  readonly bytes: number
}

/** Everybody pings everybody, several times. */
async function quickest(talker: Talker, rounds: number): Promise<Round> {
  let best: Round = { ms: Number.POSITIVE_INFINITY, bytes: 0 }
  for (let i = 0; i < rounds; i++) {
    const round = await pingRound(talker)
    if (round.ms < best.ms) best = round
  }
  return best
}

async function pingRound(talker: Talker): Promise<Round> {
  const { alive } = talker
  const pings = alive.map((peer) => talker.textFrom(peer))
  talker.prepareAnswers()
  const [messages, bytes] = [talker.messages, talker.bytes]
  const began = performance.now()
  talker.clock.advance(talker.pingInterval)
  for (const text of pings) talker.hear(text)
  // What was answered is taken in.
  await turn()
  const ms = performance.now() - began
  talker.forgetAnswers()
  return { ms, bytes: (talker.bytes - bytes) / (talker.messages - messages) }
}

/**
 * All start at once: a node reaches one other after another, and whenever it has something new to say of the others
 * it tells all those that it has reached, as they do. One of the messages that come in is taken in, for all of them.
 * Undefined when it takes more than a minute.
 */
async function startFigures(count: number): Promise<Pick<ScalingRow, 'startSeconds' | 'startBytes'>> {
  const talker = new Talker(count, new ManualClock(1_000_000))
  const { peers } = talker
  let ms = 0
  while (talker.reached < peers.length) {
    const { messages } = talker
    const began = performance.now()
    talker.reach()
    talker.clock.advance(REACH_MS)
    ms += performance.now() - began
    const text = talker.textFrom(peers[(talker.reached * 7) % talker.reached])
    const heard = performance.now()
    talker.hear(text)
    ms += (performance.now() - heard) * (talker.messages - messages)
    if (ms > START_LIMIT) return {}
  }
  return { startSeconds: ms / 1000, startBytes: talker.bytes }
}
