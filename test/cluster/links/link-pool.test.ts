import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import type { Link } from '../../../src/cluster/links/link.ts'
import { LinkPool } from '../../../src/cluster/links/link-pool.ts'
import { SendBufferPool } from '../../../src/cluster/links/send-buffers.ts'
import { contextBytes, get, Recorder, ScriptedPeer, SELF, until } from '../peer.ts'

let peer: ScriptedPeer
let lanes: LinkPool
let clock: ManualClock
let told: string[]
/** What the next random numbers are. */
let chance = 0
let connects = 0

beforeEach(async () => {
  peer = await ScriptedPeer.start()
  clock = new ManualClock()
  told = []
  connects = 0
  chance = 0
  const { port } = peer
  lanes = new LinkPool(
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
      onDirty: () => told.push('dirty'),
      onReady: (_, hello) => told.push(`ready ${hello.name}`),
      onPush: (_, frame) => told.push(`push ${frame}`),
      onDrain: () => told.push('drain'),
      onClose: (_, reason) => told.push(`closed ${reason}`),
    },
  )
})

afterEach(async () => {
  lanes.close()
  await peer.close()
})

/** Asks over the link and waits for what becomes of it. */
async function exchange(link: Link, key: string): Promise<string> {
  const recorder = new Recorder()
  const bytes = get(key)
  if (link.send(recorder, 0, bytes, 0, bytes.length)) link.flush()
  await until(() => recorder.events.length === 1)
  return recorder.events[0]
}

test('data links are opened when they are used, one for every so many clients', async () => {
  expect([connects, lanes.links.length]).toEqual([0, 0])
  const first = lanes.data(1)
  expect([lanes.data(1), lanes.data(3), lanes.data(7)]).toEqual([first, first, first])
  expect([connects, lanes.links]).toEqual([1, [first]])
  expect(lanes.data(2)).not.toBe(first)
  expect(lanes.data(4)).toBe(lanes.data(2))
  expect(await exchange(first, 'a')).toBe('1 $1\r\na\r\n')
  expect([connects, lanes.links.length, lanes.isControl(first)]).toEqual([2, 2, false])
})

test('a data link that broke is opened again at its next use, not before', async () => {
  const first = lanes.data(0)
  await until(() => first.isReady)
  peer.sockets[0].destroy()
  await until(() => first.isClosed)
  clock.advance(60_000)
  expect([connects, lanes.links.length]).toEqual([1, 0])
  const second = lanes.data(0)
  expect(second).not.toBe(first)
  expect(await exchange(second, 'b')).toBe('1 $1\r\nb\r\n')
  expect(peer.requests.map(([, what]) => what)).toEqual(['CONTEXT', 'b'])
})

test('the control link is kept: it is opened again by itself, ever later while it fails', async () => {
  const first = lanes.control()
  expect([lanes.control() === first, lanes.isControl(first)]).toEqual([true, true])
  await until(() => first.isReady)
  await peer.close()
  await until(() => first.isClosed)
  expect(await exchange(lanes.control(), 'lost')).toMatch(/^lost unsent .* the peer closed the connection$/s)
  // The first wait was drawn with 0: half of 50 ms.
  const failed = async () => {
    const link = lanes.control()
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

test('a control link that was ready is tried again soon', async () => {
  for (let i = 1; i <= 4; i++) {
    const link = lanes.control()
    await until(() => link.isReady)
    peer.sockets.at(-1)?.destroy()
    await until(() => link.isClosed)
    clock.advance(25)
    expect(connects).toBe(i + 1)
  }
})

test('closed lanes open nothing', async () => {
  const control = lanes.control()
  const data = lanes.data(0)
  await until(() => control.isReady && data.isReady)
  lanes.close()
  expect([control.isClosed, data.isClosed, lanes.links.length, clock.pending]).toEqual([true, true, 0, 0])
  clock.advance(60_000)
  expect([lanes.control(), lanes.data(0)]).toEqual([control, data])
  expect(await exchange(lanes.data(1), 'x')).toMatch(/the link was closed$/)
  expect(told.filter((event) => event === 'closed the link was closed').length).toBe(3)
})

test('closing while the control link waits ends the wait', async () => {
  const control = lanes.control()
  await until(() => control.isReady)
  peer.sockets[0].destroy()
  await until(() => control.isClosed)
  expect(clock.pending).toBe(1)
  lanes.close()
  expect(clock.pending).toBe(0)
})

test('the wait for the control link can be cut short', async () => {
  const control = lanes.control()
  lanes.reconnectNow()
  expect(lanes.control()).toBe(control)
  await until(() => control.isReady)
  peer.sockets[0].destroy()
  await until(() => control.isClosed)
  lanes.reconnectNow()
  lanes.reconnectNow()
  expect([connects, lanes.control() === control]).toEqual([2, false])
  await until(() => lanes.control().isReady)
  clock.advance(100)
  expect(connects).toBe(2)
})
