// Heartbeats that repeat a known state are read as the whole state, and sent only to peers that have it.

import { expect, test } from 'vitest'
import { ManualClock } from '../../../../src/bytes/clock.ts'
import { Detector } from '../../../../src/cluster/liveness/detector.ts'
import type { Heartbeat } from '../../../../src/cluster/liveness/heartbeats/exchange.ts'
import { isStateMessage, type StateMessage } from '../../../../src/cluster/liveness/state.ts'
import { IGNORED_EVENTS } from '../../../support/detector-events.ts'

const NAMES = ['a:7000', 'b:7000', 'c:7000']
const [A, B] = NAMES

interface Node {
  readonly name: string
  readonly detector: Detector
}

const clock = new ManualClock(1_000_000)

function nodeOf(name: string, run = 1): Node {
  const members = NAMES.map((each) => ({ name: each, host: each.slice(0, 1), port: 7000, weight: 1 }))
  const detector = new Detector({
    self: members[NAMES.indexOf(name)],
    runId: `${name}/${run}`,
    clock,
    timeout: 1000,
    epochOf: (view) => view.length,
    tableVersion: 1,
    events: IGNORED_EVENTS,
  })
  detector.setMembers(members)
  return { name, detector }
}

interface Sent {
  readonly heartbeat: Heartbeat
  /** As the other node, or as this one, reads it. */
  readonly message: ReturnType<Detector['exchange']['read']>
  readonly answer: ReturnType<Detector['exchange']['read']>
  readonly bytes: number
}

/** A heartbeat, and its answer. */
function exchange(from: Node, to: Node): Sent {
  const heartbeat = from.detector.exchange.heartbeat(to.name)
  const message = to.detector.exchange.read(from.name, JSON.parse(heartbeat.text))
  if (message === undefined) throw new Error('not a heartbeat')
  if ('name' in message) to.detector.receive(from.name, message)
  const text = to.detector.exchange.answer(from.name, message)
  const answer = from.detector.exchange.read(to.name, JSON.parse(text))
  if (answer !== undefined && 'name' in answer) from.detector.receive(to.name, answer)
  return { heartbeat, message, answer, bytes: heartbeat.text.length + text.length }
}

/** Two nodes that have the state of each other. */
function acquainted(): [Node, Node] {
  const [a, b] = [nodeOf(A), nodeOf(B)]
  a.detector.linkReady(B, `${B}/1`)
  b.detector.linkReady(A, `${A}/1`)
  for (const { detector } of [a, b]) detector.linkBroken('c:7000', 'refused')
  for (let i = 0; i < 3; i++) {
    exchange(a, b)
    exchange(b, a)
  }
  return [a, b]
}

test('the whole state is sent until it is known, and after each change', () => {
  const [a, b] = acquainted()
  const { heartbeat, message, answer, bytes } = exchange(a, b)
  expect(heartbeat.repeats).toBe(a.detector.exchange.version)
  expect(bytes).toBeLessThan(300)
  expect([message, answer].every(isStateMessage)).toBe(true)
  expect((message as StateMessage).unknown).toEqual(['c:7000'])
  a.detector.linkReady('c:7000', 'c:7000/1')
  const changed = exchange(a, b)
  expect(changed.heartbeat.repeats).toBe(0)
  expect((changed.message as StateMessage).unknown).toEqual([])
  const repeated = exchange(a, b)
  expect(repeated.heartbeat.repeats).toBe(a.detector.exchange.version)
  expect((repeated.message as StateMessage).unknown).toEqual([])
  expect((repeated.message as StateMessage).serial).toBeGreaterThan((changed.message as StateMessage).serial)
})

test('a repeat says what differs from message to message: serial, answer, lease', () => {
  const [a, b] = acquainted()
  const { message, answer } = exchange(a, b) as { message: StateMessage; answer: StateMessage }
  expect(message.answers).toBeUndefined()
  expect(answer.answers).toBe(message.serial)
  expect([answer.answersAt, answer.lease]).toEqual([clock.now(), 1000])
  expect(answer.serial).toBe(b.detector.exchange.serial)
})

test('a node that has forgotten the sender says so, and gets the whole state next', () => {
  const [a, b] = acquainted()
  b.detector.setMembers([])
  b.detector.setMembers(NAMES.map((name) => ({ name, host: name.slice(0, 1), port: 7000, weight: 1 })))
  const { heartbeat, message, answer } = exchange(a, b)
  expect(isStateMessage(message)).toBe(false)
  expect(a.detector.exchange.hasMissed(B, heartbeat, answer!)).toBe(true)
  const next = exchange(a, b)
  expect(next.heartbeat.repeats).toBe(0)
  expect(isStateMessage(next.message)).toBe(true)
  expect(a.detector.exchange.hasMissed(B, next.heartbeat, next.answer!)).toBe(false)
})

test('a repeat of an earlier run is not taken for the state of the new one', () => {
  const [a, b] = acquainted()
  const late = a.detector.exchange.heartbeat(B)
  expect(late.repeats).toBeGreaterThan(0)
  const restarted = nodeOf(A, 2)
  b.detector.linkReady(A, `${A}/2`)
  restarted.detector.linkReady(B, `${B}/1`)
  for (let i = 0; i < 3; i++) exchange(restarted, b)
  expect(isStateMessage(b.detector.exchange.read(A, JSON.parse(late.text)))).toBe(false)
  expect(exchange(restarted, b).heartbeat.repeats).toBe(restarted.detector.exchange.version)
})

test('a repeat that was overtaken by a new state changes nothing', () => {
  const [a, b] = acquainted()
  const late = JSON.parse(a.detector.exchange.heartbeat(B).text) as unknown
  a.detector.leave()
  exchange(a, b)
  expect(b.detector.leavingPeers).toEqual([A])
  b.detector.receive(A, b.detector.exchange.read(A, late) as StateMessage)
  expect(b.detector.leavingPeers).toEqual([A])
})

test('a node of a release without repeats gets whole messages', () => {
  const [a, b] = acquainted()
  for (let i = 0; i < 3; i++) {
    const { version: _, seen: __, ...old } = b.detector.exchange.message()
    a.detector.receive(B, old)
    const { repeats, text } = a.detector.exchange.heartbeat(B)
    expect(repeats).toBe(0)
    expect(isStateMessage(JSON.parse(text))).toBe(true)
  }
})

test.each([
  null,
  [],
  'text',
  {},
  { runId: 'a', serial: 1, at: 1, repeats: 1 },
  { runId: 'a', serial: 1, at: 1, repeats: '1', seen: 0 },
  { runId: 7, serial: 1, at: 1, repeats: 1, seen: 0 },
  { runId: 'a', serial: 1, at: 1, repeats: 1, seen: 0, lease: 'x' },
])('not a heartbeat: %j', (value) => {
  expect(acquainted()[1].detector.exchange.read(A, value)).toBeUndefined()
})
