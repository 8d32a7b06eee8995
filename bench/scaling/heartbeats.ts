// Heartbeats: their number and size, and the CPU time to process them.

import { setImmediate as turn } from 'node:timers/promises'
import { ManualClock } from '../../src/bytes/clock.ts'
import type { ScalingRow } from '../figures.ts'
import { SimulatedNode } from './simulated-node.ts'

/** The CPU time after which the simulation of a start is given up, ms. */
const START_LIMIT = 60_000

/** The time between the first contacts with two peers while all start, ms. */
const REACH_MS = 1

type HeartbeatFigures = Pick<
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

/** @param rounds how many rounds of heartbeats are timed; the quickest one counts */
export async function heartbeatFigures(count: number, rounds: number): Promise<HeartbeatFigures> {
  const start = await startFigures(count)
  const node = new SimulatedNode(count, new ManualClock(1_000_000))
  node.reachAll()
  const healthy = await quickest(node, rounds)
  const began = performance.now()
  for (const { name } of node.killTenth()) node.detector.linkBroken(name, 'refused')
  const breakMs = performance.now() - began
  const first = await heartbeatRound(node)
  const degraded = await quickest(node, rounds)
  return {
    // A heartbeat to each peer and an answer to each of theirs.
    messagesPerSecond: (2 * (count - 1) * 1000) / node.heartbeatInterval,
    messageBytes: healthy.bytes,
    messageBytesTenthDead: degraded.bytes,
    coreShare: healthy.ms / node.heartbeatInterval,
    coreShareTenthDead: degraded.ms / node.heartbeatInterval,
    deathSeconds: (breakMs + first.ms) / 1000,
    ...start,
  }
}

interface Round {
  /** CPU time of this node. */
  readonly ms: number
  /** The mean size of a message. */
  readonly bytes: number
}

/** The quickest of several rounds of heartbeats between all members. */
async function quickest(node: SimulatedNode, rounds: number): Promise<Round> {
  let best: Round = { ms: Number.POSITIVE_INFINITY, bytes: 0 }
  for (let i = 0; i < rounds; i++) {
    const round = await heartbeatRound(node)
    if (round.ms < best.ms) best = round
  }
  return best
}

async function heartbeatRound(node: SimulatedNode): Promise<Round> {
  const { alive } = node
  const heartbeats = alive.map((peer) => node.heartbeatOf(peer))
  node.prepareAnswers()
  const [messages, bytes] = [node.messages, node.bytes]
  const began = performance.now()
  node.clock.advance(node.heartbeatInterval)
  for (const text of heartbeats) node.receive(text)
  // The answers are processed in microtasks.
  await turn()
  const ms = performance.now() - began
  node.clearAnswers()
  return { ms, bytes: (node.bytes - bytes) / (node.messages - messages) }
}

/**
 * All members start at once. The node contacts one peer after another, and sends its changed report to all peers that
 * it has contacted, as they do. Of the messages received at each step one is processed, and its CPU time multiplied by
 * their number. Empty if this takes more than a minute.
 */
async function startFigures(count: number): Promise<Pick<ScalingRow, 'startSeconds' | 'startBytes'>> {
  const node = new SimulatedNode(count, new ManualClock(1_000_000))
  const { peers } = node
  let ms = 0
  while (node.reached < peers.length) {
    const { messages } = node
    const began = performance.now()
    node.reach()
    node.clock.advance(REACH_MS)
    ms += performance.now() - began
    const text = node.heartbeatOf(peers[(node.reached * 7) % node.reached])
    const heard = performance.now()
    node.receive(text)
    ms += (performance.now() - heard) * (node.messages - messages)
    if (ms > START_LIMIT) return {}
  }
  return { startSeconds: ms / 1000, startBytes: node.bytes }
}
