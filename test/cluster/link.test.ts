import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LinkOptions } from '../../src/cluster/link.ts'
import { get, Recorder, ScriptedPeer, TestLink, until } from './peer.ts'

let peer: ScriptedPeer
const links: TestLink[] = []

beforeEach(async () => {
  peer = await ScriptedPeer.start()
})

afterEach(async () => {
  for (const { link } of links.splice(0)) link.close()
  await peer.close()
})

function begin(options: Partial<LinkOptions> = {}): TestLink {
  const test = new TestLink(peer.port, options)
  links.push(test)
  return test
}

async function ready(options: Partial<LinkOptions> = {}): Promise<TestLink> {
  const test = begin(options)
  await until(() => test.link.isReady)
  return test
}

test('requests sent before the peer has proven itself leave when it has', async () => {
  const test = begin()
  const recorder = new Recorder()
  for (const key of ['a', 'b', 'c']) test.get(recorder, key)
  test.link.flush()
  expect([test.link.isDirty, test.link.writes, test.link.unanswered]).toEqual([true, 0, 3])
  await until(() => test.link.unanswered === 0)
  expect(test.told).toEqual(['dirty', 'ready peer:2'])
  expect(recorder.events.join('')).toBe('3 $1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n')
  expect(peer.requests).toEqual([
    ['PEER', 'CONTEXT', 'group0', '2', '0', 'epoch'],
    ['GET', 'a'],
    ['GET', 'b'],
    ['GET', 'c'],
  ])
  const { requests, replies, writes, lost } = test.link
  expect({ requests, replies, writes, lost }).toEqual({ requests: 3, replies: 3, writes: 1, lost: 0 })
})

test('runs of several senders are answered in order', async () => {
  const test = await ready()
  const events: string[] = []
  const [a, b] = [new Recorder('a', events), new Recorder('b', events)]
  for (const [who, key] of [
    [a, '1'],
    [a, '2'],
    [b, '3'],
    [a, '4'],
    [b, '5'],
    [b, '6'],
  ] as const) {
    test.get(who, key)
  }
  test.link.flush()
  await until(() => test.link.unanswered === 0)
  expect(events).toEqual([
    'a2 $1\r\n1\r\n$1\r\n2\r\n',
    'b1 $1\r\n3\r\n',
    'a1 $1\r\n4\r\n',
    'b2 $1\r\n5\r\n$1\r\n6\r\n',
  ])
  expect([test.link.writes, test.pages.idle]).toEqual([1, 1])
})

test('requests that lie one behind the other are copied together', async () => {
  const test = await ready()
  const recorder = new Recorder()
  const chunk = Buffer.concat(['x', 'yy', 'zzz'].map(get))
  const ends = [0, get('x').length, get('x').length + get('yy').length, chunk.length]
  for (let i = 0; i < 3; i++) test.link.send(recorder, 0, chunk, ends[i], ends[i + 1])
  test.link.flush()
  chunk.fill(0)
  await until(() => test.link.unanswered === 0)
  expect(recorder.events).toEqual(['3 $1\r\nx\r\n$2\r\nyy\r\n$3\r\nzzz\r\n'])
})
