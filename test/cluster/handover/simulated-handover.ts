// Two nodes between which slots move, a model of their joint contents, and messages in random order.

import { expect } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { keySlot, SLOT_COUNT } from '../../../src/bytes/crc16.ts'
import { Hasher } from '../../../src/bytes/hash.ts'
import { Instant } from '../../../src/bytes/instant.ts'
import { Handover } from '../../../src/cluster/handover/handover.ts'
import { Takeover, type TransferredEntry } from '../../../src/cluster/handover/takeover.ts'
import { Group } from '../../../src/group/group.ts'
import { NULL_REF } from '../../../src/store/arena.ts'
import type { Random } from '../../support/random.ts'

/** Pending work, run in random order. */
export class Chance {
  readonly #random: Random
  readonly #waiting: (() => void)[] = []
  /** Messages under way: while there are any, no time passes, so that times arrive as they were sent. */
  underWay = 0

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

  /** A message on its way. */
  async travel(): Promise<void> {
    this.underWay++
    await this.turn()
    this.underWay--
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
  /** Of whom more was written than could be remembered. */
  readonly overflows: string[] = []

  constructor(name: string, now: number, chance: Chance, groups: number, maxKeys?: number) {
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
      pause: () => chance.turn(),
      maxKeys,
      overflowed: (from) => void this.overflows.push(from),
    })
  }

  handOverTo(other: MovingNode, chance: Chance, bytesPerSecond = 0): void {
    this.handover = new Handover({
      groups: this.groups,
      instant: this.instant,
      timers: this.clock,
      micros: ticking(),
      pause: () => chance.turn(),
      bytesPerSecond,
      send: async (_to, group, entries) => {
        const sent = copied(entries)
        await chance.travel()
        const answer = other.takeover.acceptAll(other.groups[this.groups.indexOf(group)], sent, this.name)
        await chance.travel()
        return answer
      },
      done: async (_to, slots) => {
        await chance.travel()
        const answer = other.takeover.done(this.name, slots)
        await chance.travel()
        return answer
      },
    })
  }

  advance(ms: number): void {
    this.clock.advance(ms)
    this.instant.refresh()
  }

  /** All live entries of a group: value, and remaining life. */
  contents(group: number): Map<string, string> {
    const { store } = this.groups[group]
    const found = new Map<string, string>()
    for (let cursor = 0; ; ) {
      cursor = store.keyspace.scan(cursor, 1000, (ref) => {
        const deadline = store.records.deadline(ref)
        const life = deadline === 0 ? '' : ` for ${deadline - this.clock.now()} ms`
        found.set(store.copyKey(ref).toString(), `${store.copyValue(ref)}${life}`)
      })
      if (cursor === 0) return found
    }
  }
}

/** Slices end at every second look. */
function ticking(): () => number {
  let micros = 0
  return () => (micros += 501)
}

export const ALL_SLOTS: readonly number[] = Array.from({ length: SLOT_COUNT }, (_, slot) => slot)

/** Runs commands as a node does whose slots are still coming, and checks each against one store that saw them all. */
export class Client {
  readonly #chance: Chance
  readonly #model: MovingNode
  readonly #tails = new Map<string, Promise<void>>()
  running = 0

  constructor(chance: Chance, model: MovingNode) {
    this.#chance = chance
    this.#model = model
  }

  /** Sends a random command to `node`; what it lacks it asks of `previous`. */
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
      await this.#chance.travel()
      const dump = previous.handover.peek(previous.groups[index], key)
      await this.#chance.travel()
      if (dump === undefined) takeover.noteAbsent(node.groups[index], key)
      else takeover.accept(node.groups[index], key, dump, from)
    }
    this.#both(node, index, key)
  }

  /** The same command on the node and on the model. */
  #both(node: MovingNode, index: number, key: Buffer): void {
    const dice = this.#chance.draw(100)
    const value = Buffer.from(`v${this.#chance.draw(1000)}`)
    const ms = 1 + this.#chance.draw(3000)
    const answers = [node, this.#model].map(({ groups, instant }) => {
      const group = groups[index]
      const { store } = group
      instant.refresh()
      const ref = store.peek(key, 0, key.length)
      const before = ref === NULL_REF ? undefined : store.copyValue(ref).toString()
      if (dice < 30) return before
      if (dice < 55) group.write(key, value, 0)
      else if (dice < 65) group.write(key, value, ms)
      else if (dice < 80) group.remove(key)
      else if (dice < 90) group.write(key, Buffer.from(`${before ?? ''}+`.slice(-40)), 0)
      else if (ref !== NULL_REF) {
        group.fence(key, 0, key.length)
        store.deadline[0] = dice < 95 ? instant.now + ms : 0
        store.expire(ref)
      }
      return before
    })
    expect(answers[0], `${key}`).toBe(answers[1])
  }
}
