import { expect, test } from 'vitest'
import { FakeSocket } from './fake-socket.ts'
import { get, Recorder, TestLink } from './scripted-peer.ts'

function begin(): { fake: FakeSocket; link: TestLink; recorder: Recorder } {
  const fake = new FakeSocket()
  return { fake, link: new TestLink(0, { connect: () => fake.socket }), recorder: new Recorder() }
}

test('connect timeout', () => {
  const { fake, link, recorder } = begin()
  link.get(recorder, 'a')
  link.clock.advance(999)
  expect(link.link.isClosed).toBe(false)
  link.clock.advance(1)
  expect(link.ownerEvents).toEqual(['dirty', 'closed no connection within 1000 ms'])
  expect(recorder.events).toEqual([`lost unsent ${get('a')} no connection within 1000 ms`])
  expect([fake.destroyed, link.clock.pending]).toEqual([true, 0])
})

test('handshake timeout', () => {
  const { fake, link } = begin()
  link.clock.advance(900)
  fake.emit('connect')
  link.clock.advance(999)
  expect(link.link.isClosed).toBe(false)
  link.clock.advance(1)
  expect(link.ownerEvents).toEqual(['closed no handshake within 1000 ms'])
})

test('response timeout: requests wait and no byte arrives', () => {
  const { fake, link, recorder } = begin()
  fake.completeHandshake()
  link.clock.advance(10_000)
  for (const key of ['a', 'b']) link.get(recorder, key)
  link.link.flush()
  link.clock.advance(999)
  fake.receive('$10\r\n01')
  link.clock.advance(999)
  fake.receive('234')
  link.clock.advance(999)
  expect(link.link.isClosed).toBe(false)
  link.clock.advance(1)
  expect(link.link.reason).toBe('no answer for 1000 ms')
  expect(recorder.events.map((event) => event.slice(0, 9))).toEqual(['lost sent', 'lost sent'])
})

test('an idle link has no timeout', () => {
  const { fake, link, recorder } = begin()
  fake.completeHandshake()
  for (let i = 0; i < 5; i++) {
    link.get(recorder, 'a')
    link.link.flush()
    link.clock.advance(990)
    fake.receive('+OK\r\n')
    link.clock.advance(5000)
  }
  expect([link.link.isClosed, link.clock.pending]).toEqual([false, 0])
})

test('a deferred reply has no timeout', () => {
  const { fake, link, recorder } = begin()
  fake.completeHandshake()
  link.get(recorder, 'a')
  link.link.flush()
  fake.receive('@1\r\n')
  link.clock.advance(60_000)
  fake.receive('^1\r\n+OK\r\n')
  expect(recorder.events).toEqual(['later1', 'later1 1 +OK\r\n'])
})

test('after a pause of the process, received bytes are read before the timeout expires', () => {
  const { fake, link, recorder } = begin()
  fake.completeHandshake()
  link.get(recorder, 'a')
  link.link.flush()
  // The process was paused for a minute: the timer runs late, before anything is read.
  link.clock.set(link.clock.now() + 60_000)
  link.clock.advance(0)
  expect(link.link.isClosed).toBe(false)
  fake.receive('+OK\r\n')
  link.clock.advance(60_000)
  expect([link.link.isClosed, recorder.events]).toEqual([false, ['1 +OK\r\n']])
})
