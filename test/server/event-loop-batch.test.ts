// Who is served when, and for how long: with connections whose requests take as long as the test says.

import { expect, test } from 'vitest'
import type { Executor } from '../../src/execution/executor.ts'
import type { BatchWait } from '../../src/group/flights/batcher.ts'
import type { Args } from '../../src/resp/args.ts'
import {
  EventLoopBatch,
  IDLE,
  MORE,
  type Served,
  type ServeResult,
} from '../../src/server/event-loop-batch.ts'
import { Turn } from '../../src/server/turn.ts'

/** An event loop whose clock only requests move, µs. */
class Loop {
  now = 0
  readonly served: string[] = []
  turns = 0
  readonly executor = { lastTimedAt: 0, prefetch: { begin() {}, use() {}, end() {} } }
  readonly turn = new Turn()
  readonly batch = new EventLoopBatch(
    this.executor as unknown as Executor,
    this.turn,
    () => this.now,
    () => undefined,
    () => {
      this.turns++
    },
  )

  /** Runs turns until a condition holds; the other sockets are read after each. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  }
}

class FakeConnection implements Served {
  isDue = false
  readonly isPeer: boolean
  readonly store = undefined
  readonly #loop: Loop
  readonly #name: string
  /** Duration of each outstanding request, µs. */
  readonly #requests: number[] = []
  #decoded = 0

  constructor(loop: Loop, name: string, isPeer = false) {
    this.#loop = loop
    this.#name = name
    this.isPeer = isPeer
  }

  get left(): number {
    return this.#requests.length
  }

  /** Whether its commands look at the clock. */
  isTimed = true
  /** Called after each command. */
  onServed = (): void => undefined

  send(): void {}

  postpone(): void {}

  receive(...micros: readonly number[]): this {
    for (const each of micros) this.#requests.push(each)
    this.#loop.batch.add(this)
    return this
  }

  decode(batch: readonly Args[], from: number): number {
    this.#decoded = Math.min(this.left, batch.length - from)
    return from + this.#decoded
  }

  serve(): ServeResult {
    const { batch, executor, served } = this.#loop
    for (let i = 0; i < this.#decoded; i++) {
      this.#loop.now += this.#requests.shift() as number
      served.push(this.#name)
      this.onServed()
      if (!this.isTimed) continue
      executor.lastTimedAt = this.#loop.now
      if (executor.lastTimedAt > batch.shareEnds) break
    }
    return this.left === 0 ? IDLE : MORE
  }
}

test('a pipeline without an end holds a single request up for no more than two turns', async () => {
  const loop = new Loop()
  const floods = Array.from({ length: 100 }, (_, i) => {
    return new FakeConnection(loop, `flood ${i}`).receive(...Array<number>(10_000).fill(1))
  })
  // Each has had its first share.
  await loop.until(() => loop.turns === 30)
  const quiet = new FakeConnection(loop, 'quiet').receive(1)
  const [sentAt, turn] = [loop.now, loop.turns]
  await loop.until(() => quiet.left === 0)
  expect(loop.turns - turn).toBeLessThanOrEqual(2)
  expect(loop.now - sentAt).toBeLessThan(25_000)
  await loop.until(() => floods.every(({ left }) => left === 0))
})

test('long pipelines progress at the same rate', async () => {
  const loop = new Loop()
  const floods = Array.from({ length: 20 }, (_, i) => {
    return new FakeConnection(loop, `flood ${i}`).receive(...Array<number>(20_000).fill(1))
  })
  await loop.until(() => loop.turns === 20)
  const left = floods.map((flood) => flood.left)
  expect(Math.max(...left) - Math.min(...left)).toBeLessThan(1500)
  expect(Math.max(...left)).toBeLessThan(20_000)
})

test('slow commands of many clients: the node is served after each of them', async () => {
  const loop = new Loop()
  for (let i = 0; i < 300; i++) new FakeConnection(loop, `slow ${i}`).receive(1_000_000, 1_000_000)
  await loop.until(() => loop.turns === 5)
  const [sentAt] = [loop.now]
  const peer = new FakeConnection(loop, 'peer', true).receive(1)
  await loop.until(() => peer.left === 0)
  expect(loop.now - sentAt).toBeLessThanOrEqual(2_000_001)
  // One that has just sent its first request, and one of those that have had their share.
  expect(loop.served.filter((name) => name.startsWith('slow')).length).toBeLessThanOrEqual(2 * loop.turns)
})

test('other nodes are served before clients, and clients not only after all that they send', async () => {
  const loop = new Loop()
  const clients = Array.from({ length: 10 }, (_, i) => new FakeConnection(loop, `client ${i}`))
  for (const client of clients) client.receive(...Array<number>(1000).fill(1))
  const peer = new FakeConnection(loop, 'peer', true).receive(...Array<number>(50_000).fill(1))
  await loop.until(() => loop.turns === 1)
  expect(loop.served[0]).toBe('peer')
  await loop.until(() => clients.every(({ left }) => left === 0))
  expect(peer.left).toBeGreaterThan(0)
})

test('a client that always has something new does not keep the long pipelines from being served', async () => {
  const loop = new Loop()
  const flood = new FakeConnection(loop, 'flood').receive(...Array<number>(5000).fill(1))
  const eager = Array.from({ length: 50 }, (_, i) => new FakeConnection(loop, `eager ${i}`))
  await loop.until(() => {
    for (const client of eager) if (client.left === 0) client.receive(400)
    return flood.left === 0
  })
})

test('after a slow command the turn ends, and the queues that were left out come first', async () => {
  const loop = new Loop()
  const slow = 1_000_000
  const waiting = new FakeConnection(loop, 'waiting').receive(...Array(4).fill(slow))
  await loop.until(() => loop.served.length === 1)
  const other = new FakeConnection(loop, 'other')
  const member = new FakeConnection(loop, 'member', true)
  const longest: number[] = []
  let began = loop.now
  for (let turns = loop.turns; waiting.left > 0 || other.left > 0 || member.left > 0; turns = loop.turns) {
    if (longest.length < 4) {
      other.receive(slow)
      member.receive(slow)
    }
    await loop.until(() => loop.turns > turns)
    longest.push(loop.now - began)
    began = loop.now
  }
  expect(Math.max(...longest)).toBe(slow)
  expect(loop.served.slice(0, 6)).toEqual(['waiting', 'member', 'other', 'member', 'waiting', 'member'])
})

/** A batch of loads that the next request of a connection begins. */
class FakeBatch {
  /** The number of turns when it was dispatched. */
  dispatchedIn: number | undefined
  wait: BatchWait | undefined
  readonly #loop: Loop

  constructor(loop: Loop) {
    this.#loop = loop
  }

  /** The next request of a connection joins it. */
  await(connection: FakeConnection): this {
    connection.onServed = () => {
      connection.onServed = () => undefined
      if (this.wait !== undefined) this.wait.joined()
      else
        this.wait = this.#loop.turn.gather(() => {
          this.dispatchedIn = this.#loop.turns
        })
    }
    return this
  }

  async dispatched(): Promise<number> {
    await this.#loop.until(() => this.dispatchedIn !== undefined)
    return this.dispatchedIn as number
  }
}

const requests = (count: number, micros = 1): number[] => Array<number>(count).fill(micros)

test('the misses of a long pipeline are loaded at the end of it, however long the pipelines of others are', async () => {
  const loop = new Loop()
  const flood = new FakeConnection(loop, 'flood').receive(...requests(50_000))
  const client = new FakeConnection(loop, 'client').receive(...requests(3000))
  await new FakeBatch(loop).await(client).dispatched()
  expect(client.left).toBe(0)
  expect(flood.left).toBeGreaterThan(40_000)
})

test('nor does a slow machine divide them', async () => {
  const loop = new Loop()
  // A cheap request does not look at the clock: 64 of them are a share.
  const client = new FakeConnection(loop, 'client').receive(...requests(640, 5000))
  client.isTimed = false
  await new FakeBatch(loop).await(client).dispatched()
  expect(client.left).toBe(0)
  expect(loop.turns).toBe(10)
})

test('a client that has sent one request does not wait for the pipeline of another', async () => {
  const loop = new Loop()
  const client = new FakeConnection(loop, 'client').receive(...requests(50_000))
  const batch = new FakeBatch(loop).await(client)
  await loop.until(() => loop.turns === 3)
  expect(batch.dispatchedIn).toBeUndefined()
  batch.await(new FakeConnection(loop, 'single').receive(1))
  expect(await batch.dispatched()).toBe(4)
  expect(client.left).toBeGreaterThan(0)
})

test('two long pipelines are loaded together until one of them ends', async () => {
  const loop = new Loop()
  const short = new FakeConnection(loop, 'short').receive(...requests(2000))
  const long = new FakeConnection(loop, 'long').receive(...requests(4000))
  await new FakeBatch(loop).await(short).await(long).dispatched()
  expect(short.left).toBe(0)
  expect(long.left).toBeGreaterThan(0)
})

test('a load that no connection has asked for does not wait for pipelines', async () => {
  const loop = new Loop()
  const client = new FakeConnection(loop, 'client').receive(...requests(50_000))
  const batch = new FakeBatch(loop).await(client)
  await loop.until(() => batch.wait !== undefined)
  batch.wait?.joined()
  const turn = loop.turns
  expect(await batch.dispatched()).toBeLessThanOrEqual(turn + 1)
})

test('a pipeline without an end is loaded after a bounded number of turns', async () => {
  const loop = new Loop()
  const client = new FakeConnection(loop, 'client').receive(...requests(100_000))
  expect(await new FakeBatch(loop).await(client).dispatched()).toBe(16)
  expect(client.left).toBeGreaterThan(0)
})

test('misses do not wait for slow commands of the same pipeline', async () => {
  const loop = new Loop()
  const client = new FakeConnection(loop, 'client').receive(1, ...requests(100, 20_000))
  await new FakeBatch(loop).await(client).dispatched()
  expect(loop.now).toBeLessThan(45_000)
})

test('a wait that has been cancelled does not end', async () => {
  const loop = new Loop()
  const client = new FakeConnection(loop, 'client').receive(...requests(3000))
  const batch = new FakeBatch(loop).await(client)
  await loop.until(() => loop.turns === 2)
  batch.wait?.cancel()
  await loop.until(() => client.left === 0)
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  expect(batch.dispatchedIn).toBeUndefined()
})
