// A subscription: when its connection is checked, dropped and replaced, with an injected clock.

import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { CHECK_INTERVAL, type ListenerConnection, Subscription } from '../../src/origin/subscription.ts'
import { RecordingListener } from '../support/recording-listener.ts'

/** What is asked of lines, and how it is answered. */
class Lines {
  readonly clock = new ManualClock()
  readonly listener = new RecordingListener()
  readonly asked: string[] = []
  readonly listening: Subscription
  /** The answers, by what was asked, the oldest first. */
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

  /** Answers what was asked first, and lets that be heard. */
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

/** Lines of which the first one hears. */
async function opened(): Promise<Lines> {
  const lines = new Lines()
  const started = lines.listening.start()
  await lines.answer()
  await started
  expect(lines.seen()).toEqual(['open', 'gap'])
  return lines
}

test('a connection that answers is checked at each interval', async () => {
  const lines = await opened()
  for (let i = 0; i < 3; i++) {
    lines.clock.advance(CHECK_INTERVAL - 1)
    expect(lines.seen()).toEqual([])
    lines.clock.advance(1)
    expect(lines.seen()).toEqual(['check'])
    await lines.answer()
  }
  lines.listening.close()
  expect([lines.seen(), lines.clock.pending]).toEqual([['close'], 0])
})

test('a connection that stops answering without an error is dropped', async () => {
  const lines = await opened()
  lines.clock.advance(CHECK_INTERVAL)
  lines.clock.advance(CHECK_INTERVAL - 1)
  expect(lines.seen()).toEqual(['check'])
  lines.clock.advance(1)
  expect(lines.seen()).toEqual(['close', 'lost'])
  expect(lines.listener.losses).toEqual(['no answer within 5000 ms'])
  // A late answer on the dropped connection is ignored.
  await lines.answer()
  lines.clock.advance(100)
  expect(lines.seen()).toEqual(['open'])
  await lines.answer()
  expect(lines.seen()).toEqual(['gap'])
  lines.listening.close()
})

test('an outage is reported once; reconnection attempts back off', async () => {
  const lines = await opened()
  lines.lose(new Error('broken'))
  lines.lose(new Error('broken still'))
  expect(lines.seen()).toEqual(['close', 'lost'])
  for (const pause of [100, 200, 400, 800, 1600, 3200, 5000, 5000]) {
    lines.clock.advance(pause - 1)
    expect(lines.seen()).toEqual([])
    lines.clock.advance(1)
    await lines.answer(new Error('refused'))
    expect(lines.seen()).toEqual(['open', 'close'])
  }
  lines.clock.advance(5000)
  await lines.answer()
  expect(lines.seen()).toEqual(['open', 'gap'])
  lines.lose(new Error('broken again'))
  lines.clock.advance(100)
  expect(lines.seen()).toEqual(['close', 'open', 'lost'])
  expect(lines.listener.losses).toEqual(['broken', 'broken again'])
  lines.listening.close()
})

test('a failed check, and a connection that breaks while it opens, are outages', async () => {
  const lines = await opened()
  lines.clock.advance(CHECK_INTERVAL)
  await lines.answer(new Error('changed'))
  expect(lines.seen()).toEqual(['check', 'close', 'lost'])
  lines.clock.advance(100)
  lines.lose(new Error('broken'))
  await lines.answer()
  // It has opened, and was given up before.
  expect(lines.seen()).toEqual(['open', 'close'])
  lines.clock.advance(200)
  await lines.answer()
  expect(lines.seen()).toEqual(['open', 'gap'])
  lines.listening.close()
})

test('a connection that does not open in time is dropped, and start resolves', async () => {
  const lines = new Lines()
  const started = lines.listening.start()
  lines.clock.advance(1000 + CHECK_INTERVAL)
  expect(lines.seen()).toEqual(['open', 'close', 'lost'])
  // To be closed makes opening fail.
  await lines.answer(new Error('closed'))
  await started
  lines.listening.close()
  expect(lines.clock.pending).toBe(0)
})

test('after close nothing is reported or tried', async () => {
  const lines = await opened()
  lines.lose(new Error('broken'))
  lines.listening.close()
  lines.clock.advance(60_000)
  lines.lose(new Error('broken'))
  await lines.listening.start()
  expect(lines.seen()).toEqual(['close', 'lost'])
})
