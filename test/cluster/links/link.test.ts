import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LinkOptions } from '../../../src/cluster/links/link.ts'
import { get, Recorder, ScriptedPeer, TestLink, until } from './scripted-peer.ts'

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

test('requests sent before the handshake is complete are written after it', async () => {
  const test = begin()
  const recorder = new Recorder()
  for (const key of ['a', 'b', 'c']) test.get(recorder, key)
  test.link.flush()
  expect([test.link.isDirty, test.link.writes, test.link.inFlight]).toEqual([true, 0, 3])
  await until(() => test.link.inFlight === 0)
  expect(test.ownerEvents).toEqual(['dirty', 'ready peer:2'])
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

test('senders may change their bytes after each flush, also while the link is not ready', async () => {
  const test = begin()
  const recorder = new Recorder()
  const bytes = get('a')
  const keys = ['a', 'b', 'c']
  for (const key of keys) {
    bytes.set(get(key))
    test.link.send(recorder, 0, bytes, 0, bytes.length)
    test.link.send(recorder, 0, bytes, 0, bytes.length)
    test.link.flush()
  }
  bytes.fill('?')
  // Before each of these flushes the owner of the link was told that one is due.
  expect(test.ownerEvents).toEqual(['dirty', 'dirty', 'dirty'])
  await until(() => test.link.inFlight === 0)
  expect(peer.requests.slice(1).map(([, key]) => key)).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
})

test('replies to several senders arrive in order', async () => {
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
  await until(() => test.link.inFlight === 0)
  expect(events).toEqual([
    'a2 $1\r\n1\r\n$1\r\n2\r\n',
    'b1 $1\r\n3\r\n',
    'a1 $1\r\n4\r\n',
    'b2 $1\r\n5\r\n$1\r\n6\r\n',
  ])
  expect([test.link.writes, test.buffers.idle]).toEqual([1, 1])
})

test.each(['ready', 'not ready'])(
  'senders may reuse their buffers after a flush of a link that is %s',
  async (state) => {
    const test = state === 'ready' ? await ready() : begin()
    const recorder = new Recorder()
    const chunk = Buffer.concat(['x', 'yy', 'zzz'].map(get))
    const ends = [0, get('x').length, get('x').length + get('yy').length, chunk.length]
    // Adjacent requests, and separate ones.
    for (const i of [0, 1, 2, 1, 0, 2, 0]) test.link.send(recorder, 0, chunk, ends[i], ends[i + 1])
    test.link.flush()
    chunk.fill(0)
    await until(() => test.link.inFlight === 0)
    expect(peer.requests.slice(1).map(([, key]) => key)).toEqual(['x', 'yy', 'zzz', 'yy', 'x', 'zzz', 'x'])
    expect(recorder.events.length).toBe(1)
  },
)

test('a request larger than a send buffer gets one of its own, in order', async () => {
  const test = await ready()
  const recorder = new Recorder()
  const large = 'L'.repeat(200_000)
  for (const key of ['a', large, 'b', 'c']) test.get(recorder, key)
  test.link.flush()
  await until(() => test.link.inFlight === 0)
  expect(peer.requests.map(([, key]) => key)).toEqual(['CONTEXT', 'a', large, 'b', 'c'])
  const events = ['1 $1\r\na\r\n', `1 $200000\r\n${large}\r\n`, '2 $1\r\nb\r\n$1\r\nc\r\n']
  expect(recorder.events).toEqual(events)
  expect([test.link.writes, test.buffers.idle]).toEqual([1, 2])
})

test('a context is set when it changes, and anew on each link', async () => {
  const recorder = new Recorder()
  for (let round = 0; round < 2; round++) {
    const test = await ready()
    peer.requests.length = 0
    for (const [key, context] of [
      ['a', 7],
      ['b', 7],
      ['c', 8],
      ['d', 8],
      ['e', 7],
    ] as const) {
      test.get(recorder, key, context)
    }
    test.link.flush()
    await until(() => test.link.inFlight === 0)
    test.get(recorder, 'f', 7)
    test.link.flush()
    await until(() => test.link.inFlight === 0)
    const seen = peer.requests.map((request) => request.at(request.length === 2 ? 1 : 2))
    expect(seen).toEqual(['group7', 'a', 'b', 'group8', 'c', 'd', 'group7', 'e', 'f'])
  }
})

test('a deferred reply arrives after those of later requests', async () => {
  const answers = ['@1', '$1\r\nb', '@20', '$1\r\nd', '^20\r\n$1\r\nc', '^1\r\n*2\r\n$1\r\na\r\n:1']
  const test = await ready()
  let answerLate = (): void => undefined
  peer.answer = ([, key], socket) => {
    if (key === 'd') answerLate = () => void socket.write(`${answers.slice(4).join('\r\n')}\r\n`)
    return `${answers['abcd'.indexOf(key)]}\r\n`
  }
  const recorder = new Recorder()
  for (const key of 'abcd') test.get(recorder, key)
  test.link.flush()
  await until(() => recorder.events.length >= 4)
  expect([test.link.inFlight, test.link.deferred]).toEqual([2, 2])
  answerLate()
  await until(() => test.link.inFlight === 0)
  expect(recorder.events).toEqual([
    'later1',
    '1 $1\r\nb\r\n',
    'later2',
    '1 $1\r\nd\r\n',
    'later2 1 $1\r\nc\r\n',
    'later1 1 *2\r\n$1\r\na\r\n:1\r\n',
  ])
  expect([test.link.replies, test.link.deferred]).toEqual([4, 0])
})

test('a request that was not run is returned with the member to ask', async () => {
  peer.answer = ([, key]) => (key === 'b' ? '?other:3\r\n' : `$1\r\n${key}\r\n`)
  const test = await ready()
  const recorder = new Recorder()
  for (const key of ['a', 'b', 'c']) test.get(recorder, key)
  test.link.flush()
  await until(() => test.link.inFlight === 0)
  expect(recorder.events).toEqual(['1 $1\r\na\r\n', `moved other:3 ${get('b')}`, '1 $1\r\nc\r\n'])
  expect([test.buffers.idle, test.link.replies]).toEqual([1, 2])
})

test('a push between replies is passed to the owner', async () => {
  const push = '>3\r\n$10\r\ninvalidate\r\n$5\r\ncache\r\n$1\r\nk\r\n'
  peer.answer = ([, key]) => `${push}$1\r\n${key}\r\n${push}`
  const test = await ready()
  const recorder = new Recorder()
  for (const key of ['a', 'b']) test.get(recorder, key)
  test.link.flush()
  await until(() => test.ownerEvents.length === 6)
  expect(test.ownerEvents).toEqual(['ready peer:2', 'dirty', ...Array(4).fill(`push ${push}`)])
  expect(recorder.events).toEqual(['1 $1\r\na\r\n', '1 $1\r\nb\r\n'])
})

test('a receiver may send further requests', async () => {
  const test = await ready()
  const events: string[] = []
  const recorder = new Recorder('', events)
  const eager = {
    ...recorder,
    replies(bytes: Buffer, count: number): void {
      events.push(`eager ${count} ${bytes}`)
      test.get(recorder, 'more')
    },
    deferred: () => recorder,
    moved() {},
    lost() {},
  }
  test.get(eager, 'a')
  test.get(recorder, 'b')
  test.link.flush()
  await until(() => events.length === 2)
  expect(test.link.isDirty).toBe(true)
  test.link.flush()
  await until(() => test.link.inFlight === 0)
  expect(events).toEqual(['eager 1 $1\r\na\r\n', '1 $1\r\nb\r\n', '1 $4\r\nmore\r\n'])
})

test('a large reply is passed on whole, whatever the chunks', async () => {
  const value = Buffer.alloc(5_000_001, 'v\r\n$1\r\n')
  const head = Buffer.from(`*2\r\n$${value.length}\r\n`)
  peer.answer = ([, key], socket) => {
    if (key === 'small') return '+OK\r\n'
    const bytes = Buffer.concat([head, value, Buffer.from('\r\n:1\r\n')])
    for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 60_013) {
      socket.write(bytes.subarray(at, at + size))
    }
    return undefined
  }
  const test = await ready()
  const recorder = new Recorder()
  for (const key of ['small', 'large', 'small']) {
    test.get(recorder, key)
    test.link.flush()
    const before = test.link.bytesIn
    await until(() => test.link.bytesIn !== before)
  }
  await until(() => test.link.inFlight === 0)
  const [first, large, last] = recorder.kept
  expect([recorder.kept.length, String(first), String(last)]).toEqual([3, '+OK\r\n', '+OK\r\n'])
  expect(large.length).toBe(head.length + value.length + 6)
  expect(large.subarray(head.length, head.length + value.length).equals(value)).toBe(true)
})

test('a send buffer is not reused before its bytes are written', async () => {
  const test = await ready()
  const recorder = new Recorder()
  const [socket] = peer.sockets
  // The peer answers requests that it has not read, as no real one would, so that only writes keep the buffers in use.
  socket.pause()
  const keys = Array.from({ length: 300 }, (_, i) => String(i).repeat(60_000).slice(0, 60_000))
  let answered = 0
  for (const key of keys) {
    test.get(recorder, key)
    test.link.flush()
    socket.write('+OK\r\n')
    answered++
    if (answered % 50 === 0) await until(() => test.link.replies === answered)
  }
  peer.answer = () => undefined
  socket.resume()
  await until(() => peer.requests.length === keys.length + 1)
  expect(peer.requests.slice(1).every(([, key], i) => key === keys[i])).toBe(true)
})

test('the queue limit: isFull, then refused requests, then onDrain', async () => {
  const held: (() => void)[] = []
  peer.answer = ([, key], socket) => {
    held.push(() => socket.write(`$${key.length}\r\n${key}\r\n`))
    return undefined
  }
  const test = await ready({ full: { requests: 4, bytes: 1_000_000 } })
  const recorder = new Recorder()
  const fullAt: boolean[] = []
  const taken = Array.from({ length: 20 }, (_, i) => {
    const isTaken = test.get(recorder, `k${i}`)
    fullAt.push(test.link.isFull)
    return isTaken
  })
  expect(fullAt.indexOf(true)).toBe(4)
  expect(taken.indexOf(false)).toBe(17)
  expect(recorder.events).toEqual(
    [17, 18, 19].map((i) => `lost unsent ${get(`k${i}`)} the queue to peer:2 is full`),
  )
  test.link.flush()
  await until(() => held.length === 17)
  for (const answer of held.splice(0, 14)) answer()
  await until(() => test.link.inFlight === 3)
  expect([test.link.isFull, test.ownerEvents.includes('drain')]).toEqual([false, false])
  held.shift()?.()
  await until(() => test.link.inFlight === 2)
  expect(test.ownerEvents.filter((event) => event === 'drain')).toEqual(['drain'])
  expect(test.get(recorder, 'again')).toBe(true)
})

test('the queue limit also counts bytes', async () => {
  peer.answer = () => undefined
  const test = await ready({ full: { requests: 1000, bytes: 1000 } })
  const recorder = new Recorder()
  expect([test.get(recorder, 'x'.repeat(900)), test.link.isFull]).toEqual([true, false])
  // Below the limit one request is accepted, however large.
  expect([test.get(recorder, 'x'.repeat(9000)), test.link.isFull]).toEqual([true, true])
  expect(test.get(recorder, 'x')).toBe(false)
})
