// Freshness against a model: any sequence of reads, writes, failures and pauses, to the millisecond.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { Group } from '../../src/group/group.ts'

const KEY = Buffer.from('Tom')

type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'read'; readonly fails: boolean }
  | { readonly do: 'write' }

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 60 }) }),
  fc.record({ do: fc.constant('read' as const), fails: fc.boolean() }),
  fc.record({ do: fc.constant('read' as const), fails: fc.boolean() }),
  fc.record({ do: fc.constant('write' as const) }),
)

interface Policy {
  readonly ttl: number
  readonly revalidate: number
  readonly ifError: number
}

/** What a group should hold, and do. */
class Model {
  loads = 0
  #held: { readonly value: string; readonly at: number; readonly isLoaded: boolean } | undefined
  readonly #policy: Policy

  constructor(policy: Policy) {
    this.#policy = policy
  }

  write(value: string, at: number): void {
    this.#held = { value, at, isLoaded: false }
  }

  /** What a read gives, when a load that begins now gives `loaded`, undefined: fails. */
  read(loaded: string | undefined, now: number): string | undefined {
    const { ttl, revalidate, ifError } = this.#policy
    const had = this.#held
    const past = had === undefined ? Infinity : now - had.at - ttl
    if (past <= 0) return had?.value
    this.loads++
    if (loaded !== undefined) this.#held = { value: loaded, at: now, isLoaded: true }
    if (had === undefined || !had.isLoaded) return loaded
    if (past <= revalidate) return had.value
    return loaded ?? (past <= ifError ? had.value : undefined)
  }
}

test('a group does what its policy says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        ttl: fc.integer({ min: 1, max: 50 }),
        revalidate: fc.nat({ max: 50 }),
        ifError: fc.nat({ max: 100 }),
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
            group.write(KEY, Buffer.from(`written ${version}`), 0)
            model.write(`written ${version}`, clock.now())
          } else {
            fails = step.fails
            const expected = model.read(fails ? undefined : `loaded ${version}`, clock.now())
            const given = await group.fetch(KEY).then(String, () => undefined)
            await new Promise((resolve) => setImmediate(resolve))
            expect([given, group.flights?.loads]).toEqual([expected, model.loads])
          }
        }
        group.store.verify()
      },
    ),
    { numRuns: 100 },
  )
})
