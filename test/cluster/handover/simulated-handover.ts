// Two nodes between which slots move, a model of their joint contents, and messages in random order.

import { expect } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { keySlot, SLOT_COUNT } from '../../../src/bytes/crc16.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { Handover } from '../../../src/cluster/handover/handover.ts'
import { Takeover, type TransferredEntry } from '../../../src/cluster/handover/takeover.ts'
import { writeValue } from '../../../src/group/calls.ts'
import { Group } from '../../../src/group/group.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import type { Random } from '../../support/random.ts'

/** Pending work, run in random order. */
export class RandomScheduler {
  readonly #random: Random
  readonly #waiting: (() => void)[] = []
  /** Messages in flight: while there are any, time stands still, so that TTLs arrive as they were sent. */
  inFlight = 0

  constructor(random: Random) {
    this.#random = random
  }

  get waiting(): number {
    return this.#waiting.length
  }

  draw(below: number): number {
    return this.#random() % below
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when a message has arrived. */
  async deliver(): Promise<void> {
    this.inFlight++
    await this.turn()
    this.inFlight--
  }

  async next(): Promise<void> {
    const { length } = this.#waiting
    if (length > 0) this.#waiting.splice(this.draw(length), 1)[0]()
    await new Promise(setImmediate)
  }
}

/** A copy of the batch: what arrives shares no memory with what was sent. */
function copied(entries: readonly TransferredEntry[]): TransferredEntry[] {
  return entries.map(({ key, dump }) => ({ key: Buffer.from(key), dump: Buffer.from(dump) }))
}

export class MovingNode {
  readonly name: string
  readonly clock: ManualClock
  readonly instant: Instant
  readonly groups: Group[]
  readonly takeover: Takeover
  handover!: Handover
  expecting = false
  /** The previous owners for which more keys were written than could be remembered. */
  readonly overflows: string[] = []

  constructor(name: string, now: number, scheduler: RandomScheduler, groups: number, maxKeys?: number) {
    this.name = name
    this.clock = new ManualClock(now)
    this.instant = new Instant(this.clock)
    const hasher = new Hasher({ low: now | 0, high: 7 })
    const policy = { maxBytes: 50_000_000, ttlMs: 0, jitter: 0, negativeTtlMs: 0, originTimeoutMs: 0 }
    const environment = { instant: this.instant, hasher, timers: this.clock, random: () => 0 }
    this.groups = Array.from(
      { length: groups },
      (_, i) => new Group({ ...policy, name: `g${i}` }, environment),
    )
    this.takeover = new Takeover({
      groups: this.groups,
      expectsEntries: () => this.expecting,
      micros: ticking(),
      pause: () => scheduler.turn(),
      maxKeys,
      overflowed: (from) => void this.overflows.push(from),
    })
  }

  handOverTo(other: MovingNode, scheduler: RandomScheduler, bytesPerSecond = 0): void {
    this.handover = new Handover({
      groups: this.groups,
      instant: this.instant,
      timers: this.clock,
      micros: ticking(),
      pause: () => scheduler.turn(),
      bytesPerSecond,
      send: async (_to, group, entries) => {
        const sent = copied(entries)
        await scheduler.deliver()
        const answer = other.takeover.acceptAll(other.groups[this.groups.indexOf(group)], sent, this.name)
        await scheduler.deliver()
        return answer
      },
      tally: () => undefined,
      done: async (_to, slots) => {
        await scheduler.deliver()
        const answer = other.takeover.done(this.name, slots)
        await scheduler.deliver()
        return answer
      },
    })
  }

  advance(ms: number): void {
    this.clock.advance(ms)
    this.instant.refresh()
  }

  /** All live entries of a group: value and remaining TTL. */
  contents(group: number): Map<string, string> {
    const { store } = this.groups[group]
    const found = new Map<string, string>()
    for (let cursor = 0; ; ) {
      cursor = store.keyspace.scan(cursor, 1000, (ref) => {
        const deadline = store.records.deadline(ref)
        const ttl = deadline === 0 ? '' : ` for ${deadline - this.clock.now()} ms`
        found.set(store.copyKey(ref).toString(), `${store.copyValue(ref)}${ttl}`)
      })
      if (cursor === 0) return found
    }
  }
}

/** A clock at which every slice ends with its second reading. */
function ticking(): () => number {
  let micros = 0
  return () => (micros += 501)
}

export const ALL_SLOTS: readonly number[] = Array.from({ length: SLOT_COUNT }, (_, slot) => slot)

/** Runs commands on a node whose slots are still arriving, and checks each against a model that has run all of them. */
export class Client {
  readonly #scheduler: RandomScheduler
  readonly #model: MovingNode
  readonly #tails = new Map<string, Promise<void>>()
  running = 0

  constructor(scheduler: RandomScheduler, model: MovingNode) {
    this.#scheduler = scheduler
    this.#model = model
  }

  /** Sends a random command to `node`, which requests missing entries from `previous`. */
  send(node: MovingNode, previous: MovingNode | undefined, group: number, key: string): void {
    const name = `${group} ${key}`
    const before = this.#tails.get(name) ?? Promise.resolve()
    this.running++
    const after = before.then(() => this.#run(node, previous, group, Buffer.from(key)))
    this.#tails.set(
      name,
      after.finally(() => this.running--),
    )
  }

  async settled(): Promise<void> {
    await Promise.all(this.#tails.values())
  }

  async #run(node: MovingNode, previous: MovingNode | undefined, index: number, key: Buffer): Promise<void> {
    const slot = keySlot(key, 0, key.length)
    const { takeover } = node
    for (let asked = 0; takeover.active; asked++) {
      const group = node.groups[index]
      const from = takeover.peerToAsk(group, slot, key, 0, key.length)
      if (from === undefined || previous === undefined) break
      expect(asked).toBeLessThan(3)
      await this.#scheduler.deliver()
      const dump = previous.handover.peek(previous.groups[index], key)
      await this.#scheduler.deliver()
      expect(dump).not.toBe('large')
      if (dump === undefined || dump === 'large') takeover.noteAbsent(node.groups[index], key, from)
      else takeover.accept(node.groups[index], key, dump, from)
    }
    this.#both(node, index, key)
  }

  /** The same command on the node and on the model. */
  #both(node: MovingNode, index: number, key: Buffer): void {
    const draw = this.#scheduler.draw(100)
    const value = Buffer.from(`v${this.#scheduler.draw(1000)}`)
    const ms = 1 + this.#scheduler.draw(3000)
    const answers = [node, this.#model].map(({ groups, instant }) => {
      const group = groups[index]
      const { store } = group
      instant.refresh()
      const ref = store.peek(key, 0, key.length)
      const before = ref === NULL_REF ? undefined : store.copyValue(ref).toString()
      if (draw < 30) return before
      if (draw < 55) writeValue(group, key, value, 0)
      else if (draw < 65) writeValue(group, key, value, ms)
      else if (draw < 80) group.remove(key)
      else if (draw < 90) writeValue(group, key, Buffer.from(`${before ?? ''}+`.slice(-40)), 0)
      else if (ref !== NULL_REF) {
        group.fence(key, 0, key.length)
        store.deadline[0] = draw < 95 ? instant.now + ms : 0
        store.expire(ref)
      }
      return before
    })
    expect(answers[0], `${key}`).toBe(answers[1])
  }
}
