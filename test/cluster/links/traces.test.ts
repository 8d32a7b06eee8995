// Requests with a trace: it goes ahead of them to a peer that takes traces, and ends with them.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { get, Recorder, ScriptedPeer, TestLink, until } from './scripted-peer.ts'

let peer: ScriptedPeer
const links: TestLink[] = []

beforeEach(async () => {
  peer = await ScriptedPeer.start()
  peer.takes = ['traces', 'what this version does not know']
})

afterEach(async () => {
  for (const { link } of links.splice(0)) link.close()
  await peer.close()
})

function begin(takesTraces = false): TestLink {
  const test = new TestLink(peer.port, {}, takesTraces)
  links.push(test)
  return test
}

async function ready(): Promise<TestLink> {
  const test = begin()
  await until(() => test.link.isReady)
  return test
}

async function answered({ link }: TestLink): Promise<void> {
  link.flush()
  await until(() => link.inFlight === 0)
}

const context = (group = 0): string[] => ['PEER', 'CONTEXT', `group${group}`, '2', '0', 'epoch']

test('each trace goes ahead of its request, and ends with it', async () => {
  const test = await ready()
  const recorder = new Recorder()
  test.get(recorder, 'a')
  test.getTraced(recorder, 'b', 'one')
  test.getTraced(recorder, 'c', 'two')
  test.get(recorder, 'd')
  test.get(recorder, 'e')
  test.getTraced(recorder, 'f', 'three', 7)
  await answered(test)
  expect(peer.requests).toEqual([
    context(),
    ['GET', 'a'],
    [...context(), 'one'],
    ['GET', 'b'],
    [...context(), 'two'],
    ['GET', 'c'],
    context(),
    ['GET', 'd'],
    ['GET', 'e'],
    [...context(7), 'three'],
    ['GET', 'f'],
  ])
  expect(recorder.events.join('').replaceAll(/\d (?=\$)/g, '')).toBe(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => `$1\r\n${key}\r\n`).join(''),
  )
})

test('a peer that takes no traces gets what it would get without', async () => {
  peer.takes = []
  const test = await ready()
  const recorder = new Recorder()
  test.getTraced(recorder, 'a', 'one')
  test.getTraced(recorder, 'b', 'two')
  await answered(test)
  expect(peer.requests).toEqual([context(), ['GET', 'a'], ['GET', 'b']])
  expect(recorder.events).toEqual(['2 $1\r\na\r\n$1\r\nb\r\n'])
})

test('before the handshake it is as on an earlier link', async () => {
  const test = begin(true)
  const recorder = new Recorder()
  test.getTraced(recorder, 'a', 'one')
  await answered(test)
  expect(peer.requests).toEqual([
    [...context(), 'one'],
    ['GET', 'a'],
  ])
})

test('a process that takes no traces any more is not confused by one', async () => {
  peer.takes = []
  const test = begin(true)
  const recorder = new Recorder()
  test.getTraced(recorder, 'a', 'one')
  test.link.flush()
  await until(() => test.link.isClosed)
  expect(recorder.events).toEqual([`lost unsent ${get('a')} another process answers, which takes no traces`])
  expect(peer.requests).toEqual([])
})

test('a request that fills more than a send buffer follows its trace', async () => {
  const test = await ready()
  const recorder = new Recorder()
  const keys = [60_000, 5000, 70_000, 3].map((length) => 'k'.repeat(length))
  for (const [i, key] of keys.entries()) test.getTraced(recorder, key, `trace ${i}`)
  await answered(test)
  expect(peer.requests.map((request) => request.at(-1))).toEqual(
    keys.flatMap((key, i) => [`trace ${i}`, key]),
  )
})

test('a request that is lost has its own bytes only', async () => {
  const test = await ready()
  const recorder = new Recorder()
  peer.answer = () => undefined
  test.getTraced(recorder, 'a', 'one')
  test.link.flush()
  await until(() => peer.requests.length === 2)
  test.getTraced(recorder, 'b', 'two')
  test.link.close()
  expect(recorder.events).toEqual([
    `lost sent ${get('a')} the link was closed`,
    `lost unsent ${get('b')} the link was closed`,
  ])
  // On a closed link as without a trace.
  expect(test.getTraced(recorder, 'c', 'three')).toBe(false)
  expect(recorder.events.at(-1)).toBe(`lost unsent ${get('c')} the link was closed`)
})
