// Freshness against a model: random sequences of reads, writes, failures, notification gaps and pauses, to the millisecond.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { fetchValue, writeValue } from '../../src/group/calls.ts'
import { BACKOFF_MS } from '../../src/group/flights/refresh-backoff.ts'
import { Group } from '../../src/group/group.ts'

const KEY = Buffer.from('Tom')

type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'read'; readonly fails: boolean }
  | { readonly do: 'write' }
  | { readonly do: 'gap' }

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 900 }) }),
  fc.record({ do: fc.constant('read' as const), fails: fc.boolean() }),
  fc.record({ do: fc.constant('read' as const), fails: fc.boolean() }),
  fc.record({ do: fc.constant('write' as const) }),
  fc.record({ do: fc.constant('gap' as const) }),
)

interface Policy {
  readonly ttl: number
  readonly revalidate: number
  readonly ifError: number
}

interface Entry {
  readonly value: string
  /** The last millisecond of its TTL. */
  end: number
  readonly isLoaded: boolean
}

/** The expected state and behavior of a group. */
class Model {
  loads = 0
  #entry: Entry | undefined
  /** When the change notifications were interrupted, unless the key was read since. */
  #gap: number | undefined
  #pausedUntil = 0
  readonly #policy: Policy

  constructor(policy: Policy) {
    this.#policy = policy
  }

  write(value: string, now: number): void {
    this.#store(value, now, false)
  }

  gap(now: number): void {
    if (this.#entry?.isLoaded === true) this.#gap = now
  }

  /** The result of a read if a load that starts now returns `loaded`; undefined: the load fails. */
  read(loaded: string | undefined, now: number): string | undefined {
    const { revalidate, ifError } = this.#policy
    this.#see()
    const had = this.#entry
    const past = had === undefined ? Infinity : now - had.end
    if (had !== undefined && past <= 0) return had.value
    const isServed = had?.isLoaded === true && past <= revalidate
    if (isServed && now < this.#pausedUntil) return had.value
    this.loads++
    this.#pausedUntil = isServed && loaded === undefined ? now + BACKOFF_MS : 0
    if (loaded !== undefined) this.#store(loaded, now, true)
    if (isServed) return had.value
    if (had?.isLoaded !== true) return loaded
    return loaded ?? (past <= ifError ? had.value : undefined)
  }

  #store(value: string, now: number, isLoaded: boolean): void {
    this.#entry = { value, end: now + this.#policy.ttl, isLoaded }
    this.#gap = undefined
  }

  /** The gap ends the TTL of the cached value. */
  #see(): void {
    if (this.#gap === undefined || this.#entry === undefined) return
    this.#entry.end = Math.min(this.#entry.end, this.#gap - 1)
    this.#gap = undefined
  }
}

test('a group serves, refreshes and loads as the model predicts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        ttl: fc.integer({ min: 1, max: 1000 }),
        revalidate: fc.nat({ max: 2000 }),
        ifError: fc.nat({ max: 2000 }),
      }),
      fc.array(steps, { maxLength: 60 }),
      async (policy, todo) => {
        const clock = new ManualClock()
        const model = new Model(policy)
        let fails = false
        let version = 0
        const load = (): string => {
          if (fails) throw new Error('down')
          return `loaded ${version}`
        }
        const group = new Group(
          {
            name: 'scores',
            maxBytes: 65_536,
            origin: { kind: 'test', load },
            ttlMs: policy.ttl,
            jitter: 0,
            negativeTtlMs: 0,
            originTimeoutMs: 0,
            freshness: {
              staleWhileRevalidateMs: policy.revalidate,
              staleIfErrorMs: policy.ifError,
              refreshAhead: 0,
            },
          },
          {
            instant: new Instant(clock),
            hasher: new Hasher({ low: 1, high: 2 }),
            timers: clock,
            random: () => 0,
          },
        )
        for (const step of todo) {
          version++
          if (step.do === 'wait') clock.advance(step.ms)
          else if (step.do === 'write') {
            writeValue(group, KEY, Buffer.from(`written ${version}`), 0)
            model.write(`written ${version}`, clock.now())
          } else if (step.do === 'gap') {
            group.invalidateLoaded()
            model.gap(clock.now())
          } else {
            fails = step.fails
            const expected = model.read(fails ? undefined : `loaded ${version}`, clock.now())
            const given = await fetchValue(group, KEY).then(String, () => undefined)
            await new Promise((resolve) => setImmediate(resolve))
            expect([given, group.flights?.loads]).toEqual([expected, model.loads])
          }
        }
        group.store.verify()
      },
    ),
    { numRuns: 500 },
  )
})
