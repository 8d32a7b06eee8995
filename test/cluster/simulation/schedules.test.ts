// Every order of the messages of a join and of a leave in which one channel is late, or two.

import { describe, expect, test } from 'vitest'
import { type Hold, run, type Schedule } from './schedules.ts'

/** How many channels are held. */
const MOST = Number(process.env.SCHEDULE_HOLDS ?? 1)
/** How many schedules are run, evenly spread over all; SCHEDULE_RUNS=1000000: all. */
const RUNS = Number(process.env.SCHEDULE_RUNS ?? 12)
/** Held until nothing else happens; or beyond the wait for a reply to PEER PEEK. */
const HOLD_MS = [0, 300]

/** All schedules with at most `most` holds, given how many steps a run without has. */
function* schedules(joins: boolean, steps: number, most: number): Generator<Schedule> {
  function* extend(holds: readonly Hold[]): Generator<readonly Hold[]> {
    yield holds
    if (holds.length === most) return
    for (let step = (holds.at(-1)?.step ?? -1) + 1; step < steps; step++)
      for (const ms of HOLD_MS) yield* extend([...holds, { step, ms }])
  }
  for (const holds of extend([]))
    for (let sendAt = 0; sendAt < steps; sendAt++) yield { joins, sendAt, holds }
}

describe.each([true, false])('a node joins (true) or leaves: %s', (joins) => {
  test('every reply is that of a single node', async () => {
    const { wrong, steps } = await run({ joins, sendAt: 0, holds: [] })
    expect(wrong).toEqual([])
    const all = [...schedules(joins, steps, MOST)]
    const stride = Math.max(1, all.length / RUNS)
    for (let i = 0; i < all.length; i += stride) {
      const schedule = all[Math.floor(i)]
      const outcome = await run(schedule)
      expect(outcome.wrong, JSON.stringify(schedule)).toEqual([])
    }
  })
})
