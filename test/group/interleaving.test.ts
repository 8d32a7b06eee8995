// Loads, writes, deletes and reads in random orders of fast-check's scheduler.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/bytes/clock.ts'
import { Hasher } from '../../src/bytes/hash.ts'
import { Instant } from '../../src/bytes/instant.ts'
import { fetchValue, writeValue } from '../../src/group/calls.ts'
import { Group } from '../../src/group/group.ts'
import { NULL_REF } from '../../src/store/arena.ts'

interface Operation {
  readonly kind: 'read' | 'write' | 'remove' | 'clear' | 'evict'
  readonly key: string
}

interface Load {
  readonly key: string
  readonly startedAt: number
  ended: boolean
}

/** The result of a load. */
type Ending = 'value' | 'absent' | 'error'

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom('read', 'read', 'read', 'write', 'remove', 'clear', 'evict'),
  key: fc.constantFrom('a', 'b'),
})

test('no load overwrites a later write, and at most one unfenced load runs per key', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.constantFrom<Ending>('value', 'value', 'value', 'absent', 'error')),
      async (scheduler, clients, endings) => {
        const clock = new ManualClock()
        const instant = new Instant(clock)
        /** Logical time: the number of events so far. */
        let moment = 0
        const loads: Load[] = []
        const failures: unknown[] = []
        /** By key: the time and value of its last write or removal. */
        const changes = new Map<string, { readonly at: number; readonly value: string | undefined }>()
        const changedAt = (key: string): number => changes.get(key)?.at ?? -1

        const group = new Group(
          {
            name: 'g',
            maxBytes: 65_536,
            ttlMs: 0,
            jitter: 0,
            negativeTtlMs: 1000,
            originTimeoutMs: 0,
            origin: {
              kind: 'test',
              async load(key) {
                const load: Load = { key, startedAt: moment++, ended: false }
                const rivals = loads.filter((other) => other.key === key && !other.ended)
                // A second load is allowed only if a write has fenced the first.
                if (rivals.some(({ startedAt }) => startedAt > changedAt(key)))
                  failures.push(new Error(`a second load of ${key} without a fence`))
                loads.push(load)
                const ending = endings.next().value
                await scheduler.schedule(Promise.resolve(), `load of ${key} ends: ${ending}`)
                load.ended = true
                if (ending === 'error') throw new Error(`load ${load.startedAt}`)
                return ending === 'absent' ? null : `loaded ${load.startedAt}`
              },
            },
          },
          { instant, hasher: new Hasher({ low: 5, high: 6 }), timers: clock, random: () => 0 },
        )

        const checkCached = (): void => {
          for (const key of ['a', 'b']) {
            const bytes = Buffer.from(key)
            const ref = group.store.peek(bytes, 0, 1)
            if (ref === NULL_REF) continue
            const text = group.store.copyValue(ref).toString()
            if (text.startsWith('loaded ')) expect(Number(text.slice(7))).toBeGreaterThan(changedAt(key))
            else if (text !== '') expect(text).toBe(changes.get(key)?.value)
          }
        }

        const change = (key: string, value?: string): void => {
          changes.set(key, { at: moment++, value })
        }

        let answers = 0
        let reads = 0
        const read = (key: string): void => {
          reads++
          const since = changedAt(key)
          const take = (text: string | null): void => {
            answers++
            // Never a value that was loaded before the last change at the start of this read.
            if (text?.startsWith('load') === true && Number(text.replace(/\D/g, '')) < since)
              failures.push(new Error(`a read of ${key} after time ${since} got ${text}`))
          }
          fetchValue(group, Buffer.from(key)).then(
            (value) => take(value === null ? null : value.toString()),
            (error: Error) => take(error.message.slice('g: '.length)),
          )
        }

        const run = ({ kind, key }: Operation): void => {
          const bytes = Buffer.from(key)
          if (kind === 'read') read(key)
          else if (kind === 'evict') group.store.evict()
          else if (kind === 'write') {
            const value = `written ${moment}`
            writeValue(group, bytes, Buffer.from(value), 0)
            change(key, value)
          } else if (kind === 'remove') {
            group.remove(bytes)
            change(key)
          } else {
            group.clear()
            for (const each of ['a', 'b']) change(each)
          }
          checkCached()
        }

        for (const [i, operations] of clients.entries()) {
          scheduler.scheduleSequence(
            operations.map((each) => ({
              label: `client ${i}: ${each.kind} ${each.key}`,
              builder: async () => {
                try {
                  run(each)
                } catch (error) {
                  failures.push(error)
                }
              },
            })),
          )
        }
        await scheduler.waitIdle()
        await new Promise((resolve) => setImmediate(resolve))
        if (failures.length > 0) throw failures[0]
        checkCached()
        group.store.verify()
        expect(answers).toBe(reads)
        expect(group.flights?.size).toBe(0)
      },
    ),
    { numRuns: 300 },
  )
})
