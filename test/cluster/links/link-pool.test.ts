import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import type { Link } from '../../../src/cluster/links/link.ts'
import { LinkPool } from '../../../src/cluster/links/link-pool.ts'
import { SendBufferPool } from '../../../src/cluster/links/send-buffers.ts'
import { contextBytes, get, Recorder, ScriptedPeer, SELF, until } from './scripted-peer.ts'

let peer: ScriptedPeer
let pool: LinkPool
let clock: ManualClock
let events: string[]
/** The next random numbers. */
let chance = 0
let connects = 0

beforeEach(async () => {
  peer = await ScriptedPeer.start()
  clock = new ManualClock()
  events = []
  connects = 0
  chance = 0
  const { port } = peer
  pool = new LinkPool(
    {
      peer: 'peer:2',
      connect: () => {
        connects++
        return connect(port, '127.0.0.1')
      },
      identity: SELF,
      contextBytes,
      buffers: new SendBufferPool(),
      clock,
      timers: clock,
      connectTimeout: 60_000,
      handshakeTimeout: 60_000,
      responseTimeout: 60_000,
      size: 2,
      random: () => chance,
    },
    {
      onDirty: () => events.push('dirty'),
      onReady: (_, hello) => events.push(`ready ${hello.name}`),
      onPush: (_, frame) => events.push(`push ${frame}`),
      onDrain: () => events.push('drain'),
      onClose: (_, reason) => events.push(`closed ${reason}`),
    },
  )
})

afterEach(async () => {
  pool.close()
  await peer.close()
})

/** Sends a request over the link and returns its outcome. */
async function exchange(link: Link, key: string): Promise<string> {
  const recorder = new Recorder()
  const bytes = get(key)
  if (link.send(recorder, 0, bytes, 0, bytes.length)) link.flush()
  await until(() => recorder.events.length === 1)
  return recorder.events[0]
}

test('data links are opened on first use, and clients are distributed over them', async () => {
  expect([connects, pool.links.length]).toEqual([0, 0])
  const first = pool.data(1)
  expect([pool.data(1), pool.data(3), pool.data(7)]).toEqual([first, first, first])
  expect([connects, pool.links]).toEqual([1, [first]])
  expect(pool.data(2)).not.toBe(first)
  expect(pool.data(4)).toBe(pool.data(2))
  expect(await exchange(first, 'a')).toBe('1 $1\r\na\r\n')
  expect([connects, pool.links.length, pool.isControl(first)]).toEqual([2, 2, false])
})

test('a broken data link is reopened at its next use, not before', async () => {
  const first = pool.data(0)
  await until(() => first.isReady)
  peer.sockets[0].destroy()
  await until(() => first.isClosed)
  clock.advance(60_000)
  expect([connects, pool.links.length]).toEqual([1, 0])
  const second = pool.data(0)
  expect(second).not.toBe(first)
  expect(await exchange(second, 'b')).toBe('1 $1\r\nb\r\n')
  expect(peer.requests.map(([, what]) => what)).toEqual(['CONTEXT', 'b'])
})

test('the control link is reopened by itself, with exponential backoff', async () => {
  const first = pool.control()
  expect([pool.control() === first, pool.isControl(first)]).toEqual([true, true])
  await until(() => first.isReady)
  await peer.close()
  await until(() => first.isClosed)
  expect(await exchange(pool.control(), 'lost')).toMatch(/^lost unsent .* the peer closed the connection$/s)
  // The first backoff was drawn with 0: half of 50 ms.
  const failed = async () => {
    const link = pool.control()
    await until(() => link.isClosed)
  }
  chance = 0.5
  clock.advance(24)
  expect(connects).toBe(1)
  clock.advance(1)
  expect(connects).toBe(2)
  for (const [attempt, wait] of [75, 150, 300, 600, 1200, 1500, 1500].entries()) {
    await failed()
    clock.advance(wait - 1)
    expect(connects).toBe(attempt + 2)
    clock.advance(1)
    expect(connects).toBe(attempt + 3)
  }
})

test('the backoff starts anew after the control link was ready', async () => {
  for (let i = 1; i <= 4; i++) {
    const link = pool.control()
    await until(() => link.isReady)
    peer.sockets.at(-1)?.destroy()
    await until(() => link.isClosed)
    clock.advance(25)
    expect(connects).toBe(i + 1)
  }
})

test('a closed pool opens no links', async () => {
  const control = pool.control()
  const data = pool.data(0)
  await until(() => control.isReady && data.isReady)
  pool.close()
  expect([control.isClosed, data.isClosed, pool.links.length, clock.pending]).toEqual([true, true, 0, 0])
  clock.advance(60_000)
  expect([pool.control(), pool.data(0)]).toEqual([control, data])
  expect(await exchange(pool.data(1), 'x')).toMatch(/the link was closed$/)
  expect(events.filter((event) => event === 'closed the link was closed').length).toBe(3)
})

test('closing the pool cancels the backoff', async () => {
  const control = pool.control()
  await until(() => control.isReady)
  peer.sockets[0].destroy()
  await until(() => control.isClosed)
  expect(clock.pending).toBe(1)
  pool.close()
  expect(clock.pending).toBe(0)
})

test('reconnectNow ends the backoff', async () => {
  const control = pool.control()
  pool.reconnectNow()
  expect(pool.control()).toBe(control)
  await until(() => control.isReady)
  peer.sockets[0].destroy()
  await until(() => control.isClosed)
  pool.reconnectNow()
  pool.reconnectNow()
  expect([connects, pool.control() === control]).toEqual([2, false])
  await until(() => pool.control().isReady)
  clock.advance(100)
  expect(connects).toBe(2)
})
