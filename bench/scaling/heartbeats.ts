// Heartbeats: their number and size, and the CPU time to process them.

import { setImmediate as turn } from 'node:timers/promises'
import { ManualClock } from '../../src/bytes/clock.ts'
import type { ScalingRow } from '../figures.ts'
import { cpuMs } from './cpu.ts'
import { SimulatedNode } from './simulated-node.ts'

/** The simulated time after which the simulation of a start is given up, ms. */
const START_LIMIT = 60_000

/** The time after which one more peer can be contacted while all start, ms. */
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
  | 'startCpuSeconds'
  | 'startBytes'
>

/** @param rounds how many rounds of heartbeats are timed; the quickest one counts */
export async function heartbeatFigures(count: number, rounds: number): Promise<HeartbeatFigures> {
  const start = await startFigures(count)
  const node = new SimulatedNode(count, new ManualClock(1_000_000))
  node.reachAll()
  await heartbeatRound(node)
  const healthy = await quickest(node, rounds)
  const began = cpuMs()
  for (const { name } of node.killTenth()) node.detector.linkBroken(name, 'refused')
  const breakMs = cpuMs() - began
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

/** Several rounds of heartbeats between all members: the CPU time of the quickest one, and the sizes of the last one. */
async function quickest(node: SimulatedNode, rounds: number): Promise<Round> {
  let ms = Number.POSITIVE_INFINITY
  let bytes = 0
  for (let i = 0; i < rounds; i++) {
    const round = await heartbeatRound(node)
    ms = Math.min(ms, round.ms)
    bytes = round.bytes
  }
  return { ms, bytes }
}

async function heartbeatRound(node: SimulatedNode): Promise<Round> {
  const heartbeats = node.linked.map((name): [string, string] => [name, node.heartbeatOf(name)])
  node.prepareAnswers()
  const [messages, bytes] = [node.messages, node.bytes]
  const began = cpuMs()
  node.clock.advance(node.heartbeatInterval)
  let answered = 0
  for (const [name, text] of heartbeats) answered += node.receive(name, text).length
  // The answers are processed in microtasks.
  await turn()
  const ms = cpuMs() - began
  node.clearAnswers()
  const sent = node.messages - messages
  return { ms, bytes: (node.bytes - bytes + answered) / (sent + heartbeats.length) }
}

/**
 * All members start at once. The node contacts one peer after another, several if it was busy meanwhile, and sends its
 * changed report to all peers that it has contacted, as they do: for each heartbeat that it sends it receives one, and an answer. Simulated time passes
 * while the node computes. It ends when the node and all its peers have a view with all members. Empty if this takes
 * more than a minute.
 */
async function startFigures(
  count: number,
): Promise<Pick<ScalingRow, 'startSeconds' | 'startCpuSeconds' | 'startBytes'>> {
  const clock = new ManualClock(1_000_000)
  const node = new SimulatedNode(count, clock)
  const started = clock.now()
  let cpu = 0
  /** CPU time that was spent and has not passed on the clock. */
  let debt = 0
  const measure = (step: () => void): void => {
    const began = cpuMs()
    step()
    const ms = cpuMs() - began
    cpu += ms
    debt += ms
  }
  const run = (step: () => void, least = 0): void => {
    measure(step)
    const ms = Math.max(least, debt)
    debt = 0
    measure(() => clock.advance(ms))
  }
  while (!node.isAgreed) {
    if (clock.now() - started > START_LIMIT) return {}
    const { messages } = node
    const due = Math.min(node.peers.length, (clock.now() - started) / REACH_MS + 1)
    run(() => {
      while (node.reached < due) node.reach()
    }, REACH_MS)
    const { linked } = node
    const sent = node.messages - messages
    // Those that it contacted last have sent their first heartbeat.
    for (const name of linked.slice(Math.max(0, linked.length - sent))) {
      const [text, answer] = [node.heartbeatOf(name), node.answerOf(name)]
      run(() => {
        node.receive(name, text)
        node.receiveAnswer(name, answer)
      })
    }
  }
  return {
    startSeconds: (clock.now() - started) / 1000,
    startCpuSeconds: cpu / 1000,
    startBytes: node.bytes,
  }
}
