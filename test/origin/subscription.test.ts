// A subscription: when its connection is checked, dropped and replaced, with an injected clock.

import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { CHECK_INTERVAL, type ListenerConnection, Subscription } from '../../src/origin/subscription.ts'
import { RecordingListener } from '../support/recording-listener.ts'

/** Connections whose checks the test answers. */
class Connections {
  readonly clock = new ManualClock()
  readonly listener = new RecordingListener()
  readonly asked: string[] = []
  readonly listening: Subscription
  /** By check: its pending answers, oldest first. */
  readonly #answers: { resolve: () => void; reject: (error: Error) => void }[] = []
  lose: (error: unknown) => void = () => undefined

  constructor() {
    const ask = (what: string): Promise<void> => {
      this.asked.push(what)
      return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }))
    }
    this.listening = new Subscription({
      connect: (lose): ListenerConnection => {
        this.lose = lose
        return { open: () => ask('open'), check: () => ask('check'), close: () => this.asked.push('close') }
      },
      connectTimeout: 1000,
      timers: this.clock,
      listener: this.listener,
    })
  }

  /** Answers the oldest check, and runs the callbacks. */
  async answer(error?: Error): Promise<void> {
    const { resolve, reject } = this.#answers.shift() ?? expect.fail('nothing was asked')
    if (error === undefined) resolve()
    else reject(error)
    await new Promise(setImmediate)
  }

  /** Checks and events since the last call. */
  seen(): string[] {
    return [...this.asked.splice(0), ...this.listener.events.splice(0)]
  }
}

/** Connections of which the first is open. */
async function opened(): Promise<Connections> {
  const connections = new Connections()
  const started = connections.listening.start()
  await connections.answer()
  await started
  expect(connections.seen()).toEqual(['open', 'gap'])
  return connections
}

test('a connection that answers is checked at each interval', async () => {
  const connections = await opened()
  for (let i = 0; i < 3; i++) {
    connections.clock.advance(CHECK_INTERVAL - 1)
    expect(connections.seen()).toEqual([])
    connections.clock.advance(1)
    expect(connections.seen()).toEqual(['check'])
    await connections.answer()
  }
  connections.listening.close()
  expect([connections.seen(), connections.clock.pending]).toEqual([['close'], 0])
})

test('a connection that stops answering without an error is dropped', async () => {
  const connections = await opened()
  connections.clock.advance(CHECK_INTERVAL)
  connections.clock.advance(CHECK_INTERVAL - 1)
  expect(connections.seen()).toEqual(['check'])
  connections.clock.advance(1)
  expect(connections.seen()).toEqual(['close', 'lost'])
  expect(connections.listener.losses).toEqual(['no answer within 5000 ms'])
  // A late answer on the dropped connection is ignored.
  await connections.answer()
  connections.clock.advance(100)
  expect(connections.seen()).toEqual(['open'])
  await connections.answer()
  expect(connections.seen()).toEqual(['gap'])
  connections.listening.close()
})

test('an outage is reported once; reconnection attempts back off', async () => {
  const connections = await opened()
  connections.lose(new Error('broken'))
  connections.lose(new Error('broken still'))
  expect(connections.seen()).toEqual(['close', 'lost'])
  for (const pause of [100, 200, 400, 800, 1600, 3200, 5000, 5000]) {
    connections.clock.advance(pause - 1)
    expect(connections.seen()).toEqual([])
    connections.clock.advance(1)
    await connections.answer(new Error('refused'))
    expect(connections.seen()).toEqual(['open', 'close'])
  }
  connections.clock.advance(5000)
  await connections.answer()
  expect(connections.seen()).toEqual(['open', 'gap'])
  connections.lose(new Error('broken again'))
  connections.clock.advance(100)
  expect(connections.seen()).toEqual(['close', 'open', 'lost'])
  expect(connections.listener.losses).toEqual(['broken', 'broken again'])
  connections.listening.close()
})

test('a failed check, and a connection that breaks while it opens, are outages', async () => {
  const connections = await opened()
  connections.clock.advance(CHECK_INTERVAL)
  await connections.answer(new Error('changed'))
  expect(connections.seen()).toEqual(['check', 'close', 'lost'])
  connections.clock.advance(100)
  connections.lose(new Error('broken'))
  await connections.answer()
  // It opens after it was dropped.
  expect(connections.seen()).toEqual(['open', 'close'])
  connections.clock.advance(200)
  await connections.answer()
  expect(connections.seen()).toEqual(['open', 'gap'])
  connections.listening.close()
})

test('a connection that does not open in time is dropped, and start resolves', async () => {
  const connections = new Connections()
  const started = connections.listening.start()
  connections.clock.advance(1000 + CHECK_INTERVAL)
  expect(connections.seen()).toEqual(['open', 'close', 'lost'])
  // Closing makes opening fail.
  await connections.answer(new Error('closed'))
  await started
  connections.listening.close()
  expect(connections.clock.pending).toBe(0)
})

test('after close nothing is reported or tried', async () => {
  const connections = await opened()
  connections.lose(new Error('broken'))
  connections.listening.close()
  connections.clock.advance(60_000)
  connections.lose(new Error('broken'))
  await connections.listening.start()
  expect(connections.seen()).toEqual(['close', 'lost'])
})
