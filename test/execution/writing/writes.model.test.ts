// Reads, writes and invalidations in any order, with an origin that answers in any order: nobody reads less than is acknowledged.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultWrites, type WriteMode } from '../../../src/group/writes/writes.ts'
import { Harness } from '../../support/harness.ts'

const KEYS = ['a', 'b'] as const

/** What clients do to a key, each on a connection of its own. `flush` stands for whatever makes the cache forget. */
const step = fc.record({
  what: fc.constantFrom('get', 'get', 'set', 'set', 'del', 'append', 'flush'),
  key: fc.constantFrom(...KEYS),
  fails: fc.integer({ min: 0, max: 9 }).map((n) => n < 2),
})

interface Seen {
  /** How many writes of the key were acknowledged when the read was sent. */
  readonly least: number
  readonly key: string
  readonly value: string | null
}

async function run(
  mode: WriteMode,
  steps: readonly { what: string; key: string; fails: boolean }[],
  scheduler: fc.Scheduler,
): Promise<void> {
  const values = new Map<string, string>()
  /** By key: what the origin has held, the last at the end. */
  const history = new Map<string, (string | null)[]>(KEYS.map((key) => [key, [null]]))
  const failing = new Set<string>()
  let isOver = false
  const later = (what: string): Promise<void> =>
    isOver ? Promise.resolve() : scheduler.schedule(Promise.resolve(), what)
  const change = async (key: string, value: string | null): Promise<void> => {
    await later(`write ${key} ${value}`)
    // The last one of a key that waits behind must not fail for ever.
    if (value !== null && failing.delete(value)) throw new Error('no')
    if (value === null) values.delete(key)
    else values.set(key, value)
    history.get(key)?.push(value)
  }
  const origin = {
    async load(key: string): Promise<string | null> {
      await later(`asked for ${key}`)
      const value = values.get(key) ?? null
      await later(`gives ${key} ${value}`)
      return value
    },
    store: (key: string, value: Uint8Array) => change(key, String(value)),
    remove: (key: string) => change(key, null),
  }
  const harness = new Harness({ groups: { users: { origin, writes: { ...defaultWrites, mode } } } })
  /** By key: what the acknowledged writes have made of it, in their order. */
  const acknowledged = new Map<string, (string | null)[]>(KEYS.map((key) => [key, [null]]))
  const reads: Seen[] = []
  let running = 0
  const send = async ({ what, key, fails }: (typeof steps)[number], i: number): Promise<void> => {
    const client = harness.connect()
    const list = acknowledged.get(key) ?? []
    if (what === 'flush') await client.call('FLUSHALL')
    else if (what === 'get') {
      const least = list.length - 1
      reads.push({ least, key, value: (await client.call('GET', key)) as string | null })
    } else {
      const value = what === 'del' ? null : `<${i}>`
      if (fails && what === 'set' && value !== null) failing.add(value)
      const command = value === null ? ['DEL', key] : [what.toUpperCase(), key, value]
      const reply = await client.call(...command)
      if (reply instanceof Error) return
      list.push(what === 'append' ? `${list.at(-1) ?? ''}${value}` : value)
    }
  }
  for (const [i, each] of steps.entries()) {
    running++
    void scheduler.schedule(Promise.resolve(), `step ${i}`).then(async () => {
      await send(each, i)
      running--
    })
  }
  for (let idle = 0; idle < 5 || running > 0; ) {
    if (scheduler.count() === 0) idle++
    else await scheduler.waitOne()
    // Pauses between tries.
    harness.clock.advance(100)
    await harness.settle()
    expect(idle, 'it comes to an end').toBeLessThan(500)
  }
  isOver = true
  for (const { least, key, value } of reads) {
    const list = acknowledged.get(key) ?? []
    // Some write that was acknowledged later, or was under way, may be seen; none from before.
    const older = list.slice(0, least).filter((each) => !list.slice(least).includes(each))
    expect(older).not.toContain(value)
  }
  for (const key of KEYS) {
    const last = acknowledged.get(key)?.at(-1) ?? null
    expect(values.get(key) ?? null).toBe(last)
    expect(await harness.call('GET', key)).toBe(last)
    const order = (acknowledged.get(key) ?? []).filter((each) => each !== null)
    const kept = (history.get(key) ?? []).filter((each) => each !== null)
    // Behind, later ones take the place of those before; the order is the same.
    if (mode === 'through') expect(kept).toEqual(order)
    else expect(order.filter((each) => kept.includes(each))).toEqual(kept)
  }
  harness.group('users').store.verify()
}

test.each(['through', 'behind'] as const)('write %s', async (mode) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.scheduler(), (steps, scheduler) =>
      run(mode, steps, scheduler),
    ),
    { numRuns: 400 },
  )
})
