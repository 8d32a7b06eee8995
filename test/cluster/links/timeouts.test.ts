import { expect, test } from 'vitest'
import { FakeSocket } from '../fake.ts'
import { get, Recorder, TestLink } from '../peer.ts'

function begin(): { fake: FakeSocket; link: TestLink; recorder: Recorder } {
  const fake = new FakeSocket()
  return { fake, link: new TestLink(0, { connect: () => fake.socket }), recorder: new Recorder() }
}

test('a connection that does not come about is given up', () => {
  const { fake, link, recorder } = begin()
  link.get(recorder, 'a')
  link.clock.advance(999)
  expect(link.link.isClosed).toBe(false)
  link.clock.advance(1)
  expect(link.told).toEqual(['dirty', 'closed no connection within 1000 ms'])
  expect(recorder.events).toEqual([`lost unsent ${get('a')} no connection within 1000 ms`])
  expect([fake.destroyed, link.clock.pending]).toEqual([true, 0])
})

test('a peer that does not greet is given up', () => {
  const { fake, link } = begin()
  link.clock.advance(900)
  fake.emit('connect')
  link.clock.advance(999)
  expect(link.link.isClosed).toBe(false)
  link.clock.advance(1)
  expect(link.told).toEqual(['closed no handshake within 1000 ms'])
})

test('a peer that does not answer is given up once not one byte has come for so long', () => {
  const { fake, link, recorder } = begin()
  fake.greet()
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

test('a link on which nothing is awaited is never silent for too long', () => {
  const { fake, link, recorder } = begin()
  fake.greet()
  for (let i = 0; i < 5; i++) {
    link.get(recorder, 'a')
    link.link.flush()
    link.clock.advance(990)
    fake.receive('+OK\r\n')
    link.clock.advance(5000)
  }
  expect([link.link.isClosed, link.clock.pending]).toEqual([false, 0])
})

test('deferred replies may take long', () => {
  const { fake, link, recorder } = begin()
  fake.greet()
  link.get(recorder, 'a')
  link.link.flush()
  fake.receive('@1\r\n')
  link.clock.advance(60_000)
  fake.receive('^1\r\n+OK\r\n')
  expect(recorder.events).toEqual(['later1', 'later1 1 +OK\r\n'])
})

test('after a stall, what has arrived meanwhile is read before the peer is given up', () => {
  const { fake, link, recorder } = begin()
  fake.greet()
  link.get(recorder, 'a')
  link.link.flush()
  // The process stood still for a minute: the timer runs late, before anything is read.
  link.clock.set(link.clock.now() + 60_000)
  link.clock.advance(0)
  expect(link.link.isClosed).toBe(false)
  fake.receive('+OK\r\n')
  link.clock.advance(60_000)
  expect([link.link.isClosed, recorder.events]).toEqual([false, ['1 +OK\r\n']])
})
