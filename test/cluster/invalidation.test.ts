// Entries on their way between two nodes while the source changes, tags are invalidated, and word of changes is lost.

import { beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { keySlot } from '../../src/bytes/crc16.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { Handover } from '../../src/cluster/handover/handover.ts'
import { Takeover, type TransferredEntry } from '../../src/cluster/handover/takeover.ts'
import { Group } from '../../src/group/group.ts'
import { type ChangeListener, type LoadedFacts, loaded } from '../../src/group/origin.ts'

const KEY = Buffer.from('user:1')
const SLOT = keySlot(KEY, 0, KEY.length)
const TAG = Buffer.from('red')

const turn = (): Promise<void> => new Promise(setImmediate)

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn()
}

/** A node whose one group hears of changes at the source. */
class Side {
  readonly clock: ManualClock
  readonly instant: Instant
  readonly group: Group
  readonly takeover: Takeover
  /** What the source tells this node. */
  word!: ChangeListener
  expecting = false
  /** What it is to load next, and what is said of it. */
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
          listen: (listener) => {
            this.word = listener
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
    this.word.gap()
    this.pass(1)
    return this
  }

  async get(): Promise<string> {
    return String(await this.group.fetch(KEY))
  }

  get loads(): number {
    return this.group.flights?.loads ?? 0
  }

  pass(ms: number): void {
    this.clock.advance(ms)
    this.instant.refresh()
  }
}

interface Call {
  readonly entries: readonly TransferredEntry[]
  readonly answer: (answer: 'taken' | 'later' | 'refused') => void
}

/** What the old owner sends, as it was when it was sent. */
function handoverOf(side: Side): { handover: Handover; calls: Call[] } {
  const calls: Call[] = []
  const handover = new Handover({
    groups: [side.group],
    instant: side.instant,
    timers: side.clock,
    micros: () => 0,
    pause: turn,
    bytesPerSecond: 0,
    send: (_to, _group, entries) => {
      const sent = entries.map(({ key, dump }) => ({ key: Buffer.from(key), dump: Buffer.from(dump) }))
      return new Promise((answer) => calls.push({ entries: sent, answer }))
    },
    done: async () => 'taken',
  })
  return { handover, calls }
}

let old: Side
let next: Side
beforeEach(async () => {
  old = await new Side(1_700_000_000_000).start()
  next = await new Side(1_700_000_400_000).start()
  expect(await old.get()).toBe('v1')
  old.pass(60_000)
  next.pass(60_000)
})

/** The source has another version from now on. */
function change(): void {
  old.version = 2
  next.version = 2
}

describe('an entry that is handed over', () => {
  test('stays what it is where nothing has changed', async () => {
    const { handover, calls } = handoverOf(old)
    handover.lost([SLOT], 'next')
    await turns()
    next.takeover.gained([SLOT], 'old')
    expect(next.takeover.acceptAll(next.group, calls[0].entries, 'old')).toBe('taken')
    expect([await next.get(), next.loads]).toEqual(['v1', 0])
  })

  test('is not taken by who has heard before that it has changed, whenever its giver hears of that', async () => {
    change()
    next.word.key(KEY)
    next.pass(5000)
    const { handover, calls } = handoverOf(old)
    handover.lost([SLOT], 'next')
    await turns()
    next.takeover.gained([SLOT], 'old')
    next.takeover.acceptAll(next.group, calls[0].entries, 'old')
    old.word.key(KEY)
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })

  test('is taken where it was loaded after the change', async () => {
    change()
    next.word.key(KEY)
    old.word.key(KEY)
    old.pass(11_000)
    next.pass(11_000)
    expect(await old.get()).toBe('v2')
    next.takeover.gained([SLOT], 'old')
    const dump = handoverOf(old).handover.peek(old.group, KEY)
    expect(next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')).toBe('stored')
    old.version = 3
    expect([await next.get(), next.loads]).toEqual(['v2', 0])
  })

  test('that changed while its giver was asked to send it again is not sent again', async () => {
    const { handover, calls } = handoverOf(old)
    next.expecting = true
    handover.lost([SLOT], 'next')
    await turns()
    expect(next.takeover.acceptAll(next.group, calls[0].entries, 'old')).toBe('later')
    old.group.invalidate(KEY)
    calls[0].answer('later')
    await turns()
    old.pass(50)
    await turns()
    expect(calls).toHaveLength(1)
    await handover.drained
  })

  test('whose tag was invalidated while it was under way is invalid', async () => {
    const { handover, calls } = handoverOf(old)
    handover.lost([SLOT], 'next')
    await turns()
    change()
    old.group.invalidateTag(TAG)
    next.group.invalidateTag(TAG)
    next.pass(9000)
    next.takeover.gained([SLOT], 'old')
    next.takeover.acceptAll(next.group, calls[0].entries, 'old')
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })

  test('whose tag was invalidated does not leave', async () => {
    old.group.invalidateTag(TAG)
    const { handover, calls } = handoverOf(old)
    expect(handover.peek(old.group, KEY)).toBe(undefined)
    handover.lost([SLOT], 'next')
    await turns()
    expect(calls).toEqual([])
    await handover.drained
  })

  test('and is asked for while its tag is invalidated at both is invalid', async () => {
    next.takeover.gained([SLOT], 'old')
    const dump = handoverOf(old).handover.peek(old.group, KEY)
    change()
    next.group.invalidateTag(TAG)
    old.group.invalidateTag(TAG)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })
})

describe('what may be served stale', () => {
  beforeEach(async () => {
    old.facts = { ttl: 600_000, staleWhileRevalidate: 5000 }
    old.group.invalidate(KEY)
    await old.get()
    old.pass(1000)
    next.pass(1000)
    change()
    next.takeover.gained([SLOT], 'old')
  })

  function give(): void {
    const dump = handoverOf(old).handover.peek(old.group, KEY)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
  }

  test.each([
    ['after a gap, does so elsewhere too', () => old.word.gap()],
    ['and comes from who does not hear, is so at once', () => old.word.lost(new Error('cut'))],
  ])('%s', async (_name, happen) => {
    happen()
    give()
    expect(await next.get()).toBe('v1')
    await turns()
    expect([await next.get(), next.loads, next.group.staleHits]).toEqual(['v2', 1, 1])
  })

  test('while everything changes is not taken', async () => {
    const dump = handoverOf(old).handover.peek(old.group, KEY)
    next.word.all()
    old.word.all()
    next.pass(500)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })
})

describe('a giver that does not hear of changes', () => {
  test.each(['handed over', 'asked for'])('gives nothing to who hears of them: %s', async (how) => {
    change()
    old.word.lost(new Error('cut'))
    next.takeover.gained([SLOT], 'old')
    const { handover, calls } = handoverOf(old)
    if (how === 'asked for') {
      const dump = handover.peek(old.group, KEY)
      expect(next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')).toBe('stored')
    } else {
      handover.lost([SLOT], 'next')
      await turns()
      expect(next.takeover.acceptAll(next.group, calls[0].entries, 'old')).toBe('taken')
    }
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })

  test('gives it to who does not hear either, and will doubt it', async () => {
    old.word.lost(new Error('cut'))
    next.word.lost(new Error('cut'))
    next.takeover.gained([SLOT], 'old')
    const dump = handoverOf(old).handover.peek(old.group, KEY)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
    expect([await next.get(), next.loads]).toEqual(['v1', 0])
    change()
    next.word.gap()
    expect([await next.get(), next.loads]).toEqual(['v2', 1])
  })

  test('gives again what it loads once it hears', async () => {
    old.word.lost(new Error('cut'))
    old.word.gap()
    old.pass(1)
    change()
    expect(await old.get()).toBe('v2')
    next.takeover.gained([SLOT], 'old')
    const dump = handoverOf(old).handover.peek(old.group, KEY)
    next.takeover.accept(next.group, KEY, dump ?? KEY, 'old')
    expect([await next.get(), next.loads]).toEqual(['v2', 0])
  })
})
