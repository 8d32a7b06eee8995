// Batching in random orders of misses, writes, calls and results.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../../../src/bytes/clock.ts'
import { Flights } from '../../../src/group/flights/flights.ts'

test('each waiter gets one result, and no stale value is stored', async () => {
  type Operation = readonly ['join' | 'fence', string]
  const operation: fc.Arbitrary<Operation> = fc.tuple(
    fc.constantFrom('join', 'join', 'fence'),
    fc.constantFrom('a', 'b', 'c', 'd'),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 2, max: 4 }),
      fc.infiniteStream(fc.constantFrom('value', 'absent', 'error', 'all fail')),
      async (scheduler, clients, max, endings) => {
        let time = 0
        const written = new Map<string, number>()
        const stored = new Map<string, number>()
        const wrong: string[] = []
        let [waiting, answered] = [0, 0]
        const answer = (key: string, at: number): string | null | Error => {
          const ending = endings.next().value
          return ending === 'absent' ? null : ending === 'error' ? new Error(key) : `${key} ${at}`
        }
        const flights: Flights = new Flights({
          group: 'g',
          origin: {
            kind: 'test',
            async load(key) {
              const at = time++
              await scheduler.schedule(Promise.resolve(), `load ${key}`)
              const given = answer(key, at)
              if (given instanceof Error) throw given
              return given
            },
            async loadMany(keys) {
              const at = time++
              if (keys.length > max || keys.length < 2 || new Set(keys).size < keys.length)
                wrong.push(`a batch of ${keys}`)
              await scheduler.schedule(Promise.resolve(), `load ${keys}`)
              if (endings.next().value === 'all fail') throw new Error('all')
              return keys.map((key) => answer(key, at))
            },
          },
          timeoutMs: 0,
          batch: { max, windowMs: 0 },
          now: () => 0,
          timers: new ManualClock(),
          gather: (dispatch) => {
            let cancelled = false
            void scheduler.schedule(Promise.resolve(), 'flush').then(() => {
              if (!cancelled) dispatch()
            })
            return {
              joined: () => undefined,
              cancel: () => {
                cancelled = true
              },
            }
          },
          store: (key, { value, fenced }) => {
            const name = key.toString()
            if (fenced) return undefined
            stored.delete(name)
            if (value !== null) stored.set(name, Number(value.toString().split(' ')[1]))
            return undefined
          },
          reportFault: (error) => wrong.push(String(error)),
        })
        const run = ([kind, key]: Operation): void => {
          if (kind === 'fence') {
            flights.fence(Buffer.from(key), 0, Buffer.byteLength(key))
            written.set(key, time++)
            stored.delete(key)
            return
          }
          waiting++
          const since = written.get(key) ?? -1
          flights.join(Buffer.from(key), ({ value, error }) => {
            answered++
            if (error !== undefined && error !== key && error !== 'all') wrong.push(error)
            if (error !== undefined || value === null) return
            const [name, at] = value.toString().split(' ')
            if (name !== key || Number(at) < since) wrong.push(`${key} after ${since} got ${value}`)
          })
        }
        for (const [i, operations] of clients.entries()) {
          scheduler.scheduleSequence(
            operations.map((each) => ({
              label: `client ${i}: ${each.join(' ')}`,
              builder: async () => run(each),
            })),
          )
        }
        await scheduler.waitIdle()
        await new Promise((resolve) => setImmediate(resolve))
        await scheduler.waitIdle()
        for (const [key, at] of stored) if (at < (written.get(key) ?? -1)) wrong.push(`stored ${key} ${at}`)
        expect(wrong).toEqual([])
        expect([answered, flights.size]).toEqual([waiting, 0])
      },
    ),
    { numRuns: 200 },
  )
})
