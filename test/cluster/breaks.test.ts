// Links that break: every request gets exactly one outcome, in order, whatever had arrived before.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Receiver } from '../../src/cluster/links/receiver.ts'
import { ReplyFramer } from '../../src/resp/framer.ts'
import { FakeSocket } from './links/fake-socket.ts'
import { get, Recorder, TestLink } from './links/scripted-peer.ts'

/** The outcome of each request by its key. */
type Outcomes = Map<string, string>

function record(outcomes: Outcomes, key: string | undefined, outcome: string): void {
  if (key === undefined || outcomes.has(key)) throw new Error(`a second outcome for ${key}: ${outcome}`)
  outcomes.set(key, outcome)
}

/** Expects the outcomes of its requests in the order in which it sent them. */
class Sender implements Receiver {
  readonly keys: string[] = []
  readonly #outcomes: Outcomes

  constructor(outcomes: Outcomes, ...keys: string[]) {
    this.#outcomes = outcomes
    this.keys.push(...keys)
  }

  replies(bytes: Buffer, count: number): void {
    const framer = new ReplyFramer()
    let at = 0
    for (let i = 0; i < count; i++) {
      const end = framer.scan(bytes, at, bytes.length, 1)
      record(this.#outcomes, this.keys.shift(), bytes.toString('latin1', at, end))
      at = end
    }
    if (at !== bytes.length) throw new Error('more bytes than replies')
  }

  deferred(): Receiver {
    return new Sender(this.#outcomes, this.keys.shift() as string)
  }

  moved(request: Buffer, to: string): void {
    const key = this.keys.shift() as string
    record(this.#outcomes, key, `moved to ${to}`)
    expect(request).toEqual(get(key))
  }

  lost(request: Buffer, sent: boolean, reason: string): void {
    const key = this.keys.shift() as string
    record(this.#outcomes, key, `lost${sent ? '' : ' unsent'}: ${reason}`)
    expect(request).toEqual(get(key))
  }
}

interface Planned {
  readonly sender: number
  readonly context: number
  /** A number: the reply is deferred by at most that many requests. */
  readonly how: 'plain' | 'moved' | number
  readonly reply: string
  readonly pushed: boolean
}

const planned: fc.Arbitrary<Planned> = fc.record({
  sender: fc.nat({ max: 2 }),
  context: fc.nat({ max: 1 }),
  how: fc.oneof(fc.constant('plain' as const), fc.constant('moved' as const), fc.nat({ max: 3 })),
  reply: fc.oneof(
    fc.constantFrom('+OK\r\n', '$-1\r\n', ':12\r\n', '*2\r\n$1\r\na\r\n*1\r\n:1\r\n', '-ERR no\r\n', '_\r\n'),
    fc.nat({ max: 300 }).map((length) => `$${length}\r\n${'v'.repeat(length)}\r\n`),
  ),
  pushed: fc.boolean(),
})

/** The bytes that the peer sends, and the offset at which each request's outcome is known. */
function script(plan: readonly Planned[]): {
  stream: string
  ends: { key: string; end: number; outcome: string }[]
} {
  let stream = ''
  const ends: { key: string; end: number; outcome: string }[] = []
  let late: { id: number; key: string; reply: string; due: number }[] = []
  plan.forEach(({ how, reply, pushed }, i) => {
    const key = `key${i}`
    if (pushed) stream += '>2\r\n+invalidate\r\n+group\r\n'
    if (how === 'plain' || how === 'moved') {
      stream += how === 'plain' ? reply : '?other:9\r\n'
      ends.push({ key, end: stream.length, outcome: how === 'plain' ? reply : 'moved to other:9' })
    } else {
      stream += `@${i * 1000}\r\n`
      late.push({ id: i * 1000, key, reply, due: i + how })
    }
    for (const { id, key, reply } of late.filter(({ due }) => due <= i)) {
      stream += `^${id}\r\n${reply}`
      ends.push({ key, end: stream.length, outcome: reply })
    }
    late = late.filter(({ due }) => due > i)
  })
  return { stream, ends }
}

/** Feeds the stream to a link up to `cut`, in chunks, breaks the link, and returns the outcomes. */
function play(
  plan: readonly Planned[],
  unsent: number,
  stream: string,
  cut: number,
  chunk: number,
): Outcomes {
  const fake = new FakeSocket()
  const link = new TestLink(0, { connect: () => fake.socket })
  fake.completeHandshake()
  const outcomes: Outcomes = new Map()
  const senders = Array.from({ length: 3 }, () => new Sender(outcomes))
  const request = ({ sender, context }: Planned, key: string) => {
    senders[sender].keys.push(key)
    link.get(senders[sender], key, context)
  }
  plan.forEach((each, i) => {
    request(each, `key${i}`)
    if (i % 3 === 0) link.link.flush()
  })
  link.link.flush()
  for (let i = 0; i < unsent; i++) request(plan[i % plan.length], `unsent${i}`)
  for (let at = 0; at < cut; at += chunk) fake.receive(stream.slice(at, Math.min(cut, at + chunk)))
  fake.emit('close')
  expect(link.ownerEvents.filter((event) => event.startsWith('closed'))).toEqual([
    'closed the connection is closed',
  ])
  expect([link.link.inFlight, link.link.deferred, fake.destroyed]).toEqual([0, 0, true])
  fake.release()
  expect(link.buffers.idle).toBe(1)
  expect(link.clock.pending).toBe(0)
  return outcomes
}

test('a link that breaks at any byte of the replies loses exactly the requests without a reply', () => {
  fc.assert(
    fc.property(
      fc.array(planned, { minLength: 1, maxLength: 12 }),
      fc.nat({ max: 3 }),
      fc.integer({ min: 1, max: 400 }),
      (plan, unsent, chunk) => {
        const { stream, ends } = script(plan)
        const step = Math.max(1, Math.floor(stream.length / 40))
        for (let cut = 0; cut <= stream.length; cut += step) {
          const outcomes = play(plan, unsent, stream, cut, chunk)
          const expected: Outcomes = new Map()
          for (const { key, end, outcome } of ends) if (end <= cut) expected.set(key, outcome)
          for (let i = 0; i < plan.length; i++) {
            if (!expected.has(`key${i}`)) expected.set(`key${i}`, 'lost: the connection is closed')
          }
          for (let i = 0; i < unsent; i++) expected.set(`unsent${i}`, 'lost unsent: the connection is closed')
          expect(Object.fromEntries(outcomes)).toEqual(Object.fromEntries(expected))
        }
      },
    ),
    { numRuns: 15 },
  )
})

test.each([
  ['x', 'unexpected byte 0x78'],
  ['+OK\r\n+OK\r\n', 'a reply to no request'],
  ['@1\r\n@1\r\n', 'a reply to no request'],
  ['@x\r\n', 'a deferral without a number of its own'],
  ['^1\r\n+OK\r\n', 'a reply that was not deferred'],
  ['?a:1\r\n?a:1\r\n', 'a reply to no request'],
  ['@1\r\n^1\r\n^1\r\n', 'a frame out of place'],
  ['*1\r\n>0\r\n', 'unexpected byte 0x3e'],
])('a link to a peer that sends %j is closed', (bytes, what) => {
  const fake = new FakeSocket()
  const link = new TestLink(0, { connect: () => fake.socket })
  fake.completeHandshake()
  link.get(new Recorder(), 'a')
  link.link.flush()
  fake.receive(bytes)
  expect(link.link.reason).toBe(`the peer broke the protocol: ${what}`)
  expect(fake.destroyed).toBe(true)
  fake.receive('+OK\r\n')
})

test('a reply before its request is written is a protocol error', () => {
  const fake = new FakeSocket()
  const link = new TestLink(0, { connect: () => fake.socket })
  fake.completeHandshake()
  const recorder = new Recorder()
  link.get(recorder, 'a')
  fake.receive('+OK\r\n')
  const reason = 'the peer broke the protocol: a reply to no request'
  expect(recorder.events).toEqual([`lost unsent ${get('a')} ${reason}`])
})

test('a request on a closed link is lost at once', () => {
  const fake = new FakeSocket()
  const link = new TestLink(0, { connect: () => fake.socket })
  const recorder = new Recorder()
  link.get(recorder, 'before')
  link.link.close()
  expect(link.get(recorder, 'after')).toBe(false)
  expect(recorder.events).toEqual(
    ['before', 'after'].map((key) => `lost unsent ${get(key)} the link was closed`),
  )
  link.link.flush()
  link.link.close()
  expect(link.ownerEvents).toEqual(['dirty', 'closed the link was closed'])
  expect([fake.destroyed, link.link.lost, fake.written.length]).toEqual([true, 2, 0])
})

test('a send buffer stays in use until its write completes, even when all requests are answered', () => {
  const fake = new FakeSocket()
  const link = new TestLink(0, { connect: () => fake.socket })
  fake.completeHandshake()
  const recorder = new Recorder()
  const sent: string[] = []
  for (let i = 0; i < 3000; i++) {
    link.get(recorder, `key${i}`)
    sent.push(get(`key${i}`).toString())
    link.link.flush()
    fake.receive('+OK\r\n')
  }
  expect([link.link.inFlight, link.buffers.idle]).toEqual([0, 0])
  expect(Buffer.concat(fake.written).toString().endsWith(sent.join(''))).toBe(true)
  fake.release()
  // One small buffer, as there was little to send at first, and two large ones.
  expect(link.buffers.idle).toBe(3)
})
