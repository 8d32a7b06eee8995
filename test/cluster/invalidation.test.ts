// Entries in flight between two nodes while the source changes, tags are invalidated, or change listeners disconnect.

import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { keySlot } from '../../src/bytes/crc16.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { Handover } from '../../src/cluster/handover/handover.ts'
import { Takeover, type TransferredEntry } from '../../src/cluster/handover/takeover.ts'
import { fetchValue } from '../../src/group/calls.ts'
import { Group } from '../../src/group/group.ts'
import { type ChangeListener, type LoadedFacts, loaded } from '../../src/group/origin.ts'

const KEY = Buffer.from('user:1')
const SLOT = keySlot(KEY, 0, KEY.length)
const TAG = Buffer.from('red')

const turn = (): Promise<void> => new Promise(setImmediate)

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn()
}

/** A node with one group that listens to changes at the source. */
class TestNode {
  readonly clock: ManualClock
  readonly instant: Instant
  readonly group: Group
  readonly takeover: Takeover
  /** Receives the source's change notifications. */
  listener!: ChangeListener
  expecting = false
  /** The version that the next load returns, and its facts. */
  version = 1
  facts: LoadedFacts = { tags: ['red'] }

  constructor(now: number) {
    this.clock = new ManualClock(now)
    this.instant = new Instant(this.clock)
    this.group = new Group(
      {
        name: 'users',
        maxBytes: 1_000_000,
        ttlMs: 0,
        jitter: 0,
        negativeTtlMs: 0,
        originTimeoutMs: 0,
        origin: {
          kind: 'test',
          load: () => loaded(`v${this.version}`, this.facts),
          listen: (changes) => {
            this.listener = changes
          },
        },
      },
      {
        instant: this.instant,
        hasher: new Hasher({ low: now | 0, high: 7 }),
        timers: this.clock,
        random: () => 0,
      },
    )
    this.takeover = new Takeover({
      groups: [this.group],
      expectsEntries: () => this.expecting,
      micros: () => 0,
      pause: turn,
    })
  }

  async start(): Promise<this> {
    await this.group.start({ info: () => undefined, warn: () => undefined })
    this.listener.gap()
    this.advance(1)
    return this
  }

  async get(): Promise<string> {
    return String(await fetchValue(this.group, KEY))
  }

  get loads(): number {
    return this.group.flights?.loads ?? 0
  }

  advance(ms: number): void {
    this.clock.advance(ms)
    this.instant.refresh()
  }
}

interface Call {
  readonly entries: readonly TransferredEntry[]
  readonly answer: (answer: 'taken' | 'later' | 'refused') => void
}

/** The handover of the old owner, and copies of the batches that it sends. */
function handoverOf(node: TestNode): { handover: Handover; calls: Call[] } {
  const calls: Call[] = []
  const handover = new Handover({
    groups: [node.group],
    instant: node.instant,
    timers: node.clock,
    micros: () => 0,
    pause: turn,
    bytesPerSecond: 0,
    send: (_to, _group, entries) => {
      const sent = entries.map(({ key, dump }) => ({ key: Buffer.from(key), dump: Buffer.from(dump) }))
      return new Promise((answer) => calls.push({ entries: sent, answer }))
    },
    tally: () => undefined,
    done: async () => 'taken',
  })
  return { handover, calls }
}

/** What the old owner answers to PEEK. */
function dumpOf(handover: Handover, { group }: TestNode): Buffer | undefined {
  const entry = handover.peek(group, KEY)
  return entry === 'large' ? expect.fail('it is not large') : entry
}

let old: TestNode
let next: TestNode
beforeEach(async () => {
  old = await new TestNode(1_700_000_000_000).start()
  next = await new TestNode(1_700_000_400_000).start()
  expect(await old.get()).toBe('v1')
  old.advance(60_000)
  next.advance(60_000)
})

/** Changes the value at the source. */
function change(): void {
  old.version = 2
  next.version = 2
}

describe('an entry that is handed over', () => {
  test('is stored unchanged if the source has not changed', async () => {
    const { handover, calls } = handoverOf(old)
    handover.lost([SLOT], 'next')
    await turns()
    next.takeover.gained([SLOT], 'old')
    expect(next.takeover.acceptAll(next.group, calls[0].entries, 'old')).toBe('taken')
    expect([await next.get(), next.loads]).toEqual(['v1', 0])
  })

  test('is not used if the new owner was notified of a change before, even if the old owner is notified later', async () => {
    change()
    next.listener.key(KEY)
    next.advance(5000)
    const { handover, calls } = handoverOf(old)
    handover.lost([SLOT], 'next')
    await turns()
    next.takeover.gained([SLOT], 'old')
    next.takeover.acceptAll(next.group, calls[0].entries, 'old')
    old.listener.key(KEY)
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })

  test('is stored if it was loaded after the change', async () => {
    change()
    next.listener.key(KEY)
    old.listener.key(KEY)
    old.advance(11_000)
    next.advance(11_000)
    expect(await old.get()).toBe('v2')
    next.takeover.gained([SLOT], 'old')
    const dump = dumpOf(handoverOf(old).handover, old)
    expect(next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')).toBe('stored')
    old.version = 3
    expect([await next.get(), next.loads]).toEqual(['v2', 0])
  })

  test('is not resent if it was invalidated before the retry', async () => {
    const { handover, calls } = handoverOf(old)
    next.expecting = true
    handover.lost([SLOT], 'next')
    await turns()
    expect(next.takeover.acceptAll(next.group, calls[0].entries, 'old')).toBe('later')
    old.group.invalidate(KEY)
    calls[0].answer('later')
    await turns()
    old.advance(50)
    await turns()
    expect(calls).toHaveLength(1)
    await handover.drained
  })

  test('is invalid if its tag was invalidated while it was in flight', async () => {
    const { handover, calls } = handoverOf(old)
    handover.lost([SLOT], 'next')
    await turns()
    change()
    old.group.invalidateTag(TAG)
    next.group.invalidateTag(TAG)
    next.advance(9000)
    next.takeover.gained([SLOT], 'old')
    next.takeover.acceptAll(next.group, calls[0].entries, 'old')
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })

  test('is not sent if its tag was invalidated', async () => {
    old.group.invalidateTag(TAG)
    const { handover, calls } = handoverOf(old)
    expect(handover.peek(old.group, KEY)).toBe(undefined)
    handover.lost([SLOT], 'next')
    await turns()
    expect(calls).toEqual([])
    await handover.drained
  })

  test('is invalid if its tag was invalidated on both nodes between request and reply', async () => {
    next.takeover.gained([SLOT], 'old')
    const dump = dumpOf(handoverOf(old).handover, old)
    change()
    next.group.invalidateTag(TAG)
    old.group.invalidateTag(TAG)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })
})

describe('an entry that may be served stale', () => {
  beforeEach(async () => {
    old.facts = { ttl: 600_000, staleWhileRevalidate: 5000 }
    old.group.invalidate(KEY)
    await old.get()
    old.advance(1000)
    next.advance(1000)
    change()
    next.takeover.gained([SLOT], 'old')
  })

  function transfer(): void {
    const dump = dumpOf(handoverOf(old).handover, old)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
  }

  test.each([
    ['is stale on the new owner too after a gap in the notifications', () => old.listener.gap()],
    [
      'is stale at once if the old owner was disconnected from the source',
      () => old.listener.lost(new Error('cut')),
    ],
  ])('%s', async (_name, happen) => {
    happen()
    transfer()
    expect(await next.get()).toBe('v1')
    await turns()
    expect([await next.get(), next.loads, next.group.staleHits]).toEqual(['v2', 1, 1])
  })

  test('is not used if everything was invalidated while it was in flight', async () => {
    const dump = dumpOf(handoverOf(old).handover, old)
    next.listener.all()
    old.listener.all()
    next.advance(500)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })
})

describe('an old owner that is disconnected from the source', () => {
  test.each(['pushed', 'requested'])('hands over nothing valid to a connected new owner: %s', async (how) => {
    change()
    old.listener.lost(new Error('cut'))
    next.takeover.gained([SLOT], 'old')
    const { handover, calls } = handoverOf(old)
    if (how === 'requested') {
      const dump = dumpOf(handover, old)
      expect(next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')).toBe('stored')
    } else {
      handover.lost([SLOT], 'next')
      await turns()
      expect(next.takeover.acceptAll(next.group, calls[0].entries, 'old')).toBe('taken')
    }
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })

  test('hands over entries to a disconnected new owner, which invalidates them when it reconnects', async () => {
    old.listener.lost(new Error('cut'))
    next.listener.lost(new Error('cut'))
    next.takeover.gained([SLOT], 'old')
    const dump = dumpOf(handoverOf(old).handover, old)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
    expect([await next.get(), next.loads]).toEqual(['v1', 0])
    change()
    next.listener.gap()
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })

  test('hands over what it has loaded since it reconnected', async () => {
    old.listener.lost(new Error('cut'))
    old.listener.gap()
    old.advance(1)
    change()
    expect(await old.get()).toBe('v2')
    next.takeover.gained([SLOT], 'old')
    const dump = dumpOf(handoverOf(old).handover, old)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
    expect([await next.get(), next.loads]).toEqual(['v2', 0])
  })
})
