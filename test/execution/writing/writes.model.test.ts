// Reads, writes and invalidations in any order, with an origin that answers in any order: reads see all acknowledged writes.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultWrites, type WriteMode } from '../../../src/group/writes/writes.ts'
import { Harness } from '../../support/harness.ts'

const KEYS = ['a', 'b'] as const

/** A command on a key, each on a connection of its own. `flush` stands for all that drops entries from the cache. */
const step = fc.record({
  what: fc.constantFrom('get', 'get', 'set', 'set', 'del', 'append', 'flush'),
  key: fc.constantFrom(...KEYS),
  fails: fc.integer({ min: 0, max: 9 }).map((n) => n < 2),
})

interface Seen {
  /** The number of acknowledged writes of the key when the read was sent. */
  readonly acknowledgedBefore: number
  readonly key: string
  readonly value: string | null
}

async function run(
  mode: WriteMode,
  steps: readonly { what: string; key: string; fails: boolean }[],
  scheduler: fc.Scheduler,
): Promise<void> {
  const values = new Map<string, string>()
  /** By key: the values of the origin, oldest first. */
  const history = new Map<string, (string | null)[]>(KEYS.map((key) => [key, [null]]))
  const failing = new Set<string>()
  let isOver = false
  const later = (what: string): Promise<void> =>
    isOver ? Promise.resolve() : scheduler.schedule(Promise.resolve(), what)
  const change = async (key: string, value: string | null): Promise<void> => {
    await later(`write ${key} ${value}`)
    // Each write fails once only, as write-behind retries the last write of a key.
    if (value !== null && failing.delete(value)) throw new Error('no')
    if (value === null) values.delete(key)
    else values.set(key, value)
    history.get(key)?.push(value)
  }
  const origin = {
    async load(key: string): Promise<string | null> {
      await later(`load ${key}`)
      const value = values.get(key) ?? null
      await later(`loaded ${key} ${value}`)
      return value
    },
    store: (key: string, value: Uint8Array) => change(key, String(value)),
    remove: (key: string) => change(key, null),
  }
  const harness = new Harness({ groups: { users: { origin, writes: { ...defaultWrites, mode } } } })
  /** By key: the values after each acknowledged write, in order. */
  const acknowledged = new Map<string, (string | null)[]>(KEYS.map((key) => [key, [null]]))
  const reads: Seen[] = []
  let running = 0
  const send = async ({ what, key, fails }: (typeof steps)[number], i: number): Promise<void> => {
    const client = harness.connect()
    const list = acknowledged.get(key) ?? []
    if (what === 'flush') await client.call('FLUSHALL')
    else if (what === 'get') {
      const acknowledgedBefore = list.length - 1
      reads.push({ acknowledgedBefore, key, value: (await client.call('GET', key)) as string | null })
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
    // The backoff between tries.
    harness.clock.advance(100)
    await harness.settle()
    expect(idle, 'all steps end').toBeLessThan(500)
  }
  isOver = true
  for (const { acknowledgedBefore, key, value } of reads) {
    const list = acknowledged.get(key) ?? []
    // A read may see a write that was pending or was acknowledged later, but no older value.
    const older = list
      .slice(0, acknowledgedBefore)
      .filter((each) => !list.slice(acknowledgedBefore).includes(each))
    expect(older).not.toContain(value)
  }
  for (const key of KEYS) {
    const last = acknowledged.get(key)?.at(-1) ?? null
    expect(values.get(key) ?? null).toBe(last)
    expect(await harness.call('GET', key)).toBe(last)
    const order = (acknowledged.get(key) ?? []).filter((each) => each !== null)
    const stored = (history.get(key) ?? []).filter((each) => each !== null)
    // Write-behind may skip values that a later write replaces; the order is the same.
    if (mode === 'through') expect(stored).toEqual(order)
    else expect(order.filter((each) => stored.includes(each))).toEqual(stored)
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
