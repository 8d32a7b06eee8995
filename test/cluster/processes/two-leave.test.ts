// Five nodes as processes; two of them leave at the same moment and return, while clients of the others work.

import { expect, onTestFinished, test } from 'vitest'
import { TEST_TIMEOUT_MS } from '../../support/budget.ts'
import type { RedisReply } from '../../support/resp.ts'
import { RespClient } from '../../support/resp-client.ts'
import { agree, GROUP, PATIENT_ARGS, someKeys, startMembers } from './members.ts'

/** More rounds find rarer faults: PLANNED_ROUNDS=200. */
const ROUNDS = Number(process.env.PLANNED_ROUNDS ?? 2)
const KEYS = someKeys(1000)
const COUNTERS = Array.from({ length: 50 }, (_, i) => `counter:${i}`)
const CLIENTS = 9

/** What was wrong, and how often each counter was incremented. */
class Ledger {
  readonly wrong: string[] = []
  readonly counts = new Map<string, Set<RedisReply>>(COUNTERS.map((counter) => [counter, new Set()]))

  expect(what: string, got: RedisReply, wanted: RedisReply): void {
    if (got !== wanted) this.wrong.push(`${what}: wants ${String(wanted)}, got ${String(got)}`)
  }

  increment(counter: string, reply: RedisReply): void {
    const seen = this.counts.get(counter) as Set<RedisReply>
    if (typeof reply !== 'number' || seen.has(reply)) this.wrong.push(`INCR ${counter}: got ${String(reply)}`)
    seen.add(reply)
  }
}

/** Reads what was written at the start, increments, and reads its own writes, until it is told to stop. */
async function work(port: number, name: string, ledger: Ledger, isOver: () => boolean): Promise<void> {
  const client = await RespClient.connect(port)
  onTestFinished(() => void client.socket.destroy())
  await client.call('SELECT', GROUP)
  for (let i = 0; !isOver(); i++) {
    const key = KEYS[(i * 7) % KEYS.length]
    const counter = COUNTERS[i % COUNTERS.length]
    const own = `${name}:${i % 20}`
    const [value, count, written, read] = await client.pipeline(
      ['GET', key],
      ['INCR', counter],
      ['SET', own, String(i)],
      ['GET', own],
    )
    ledger.expect(`GET ${key}`, value, `value of ${key}`)
    ledger.increment(counter, count)
    ledger.expect(`SET ${own}`, written, 'OK')
    ledger.expect(`GET ${own}`, read, String(i))
  }
}

test(
  'two of five nodes leave at once and return: nothing is lost',
  { timeout: TEST_TIMEOUT_MS * Math.max(1, ROUNDS) },
  async () => {
    const nodes = await startMembers(5, { args: PATIENT_ARGS })
    const [first] = nodes
    const client = await RespClient.connect(first.port)
    onTestFinished(() => void client.socket.destroy())
    await client.call('SELECT', GROUP)
    await client.pipeline(...KEYS.map((key) => ['SET', key, `value of ${key}`]))
    const ledger = new Ledger()
    let isOver = false
    const workers = Array.from({ length: CLIENTS }, (_, i) =>
      work(nodes[i % 3].port, `client ${i}`, ledger, () => isOver),
    )
    const leavers = nodes.slice(3)
    for (let round = 0; round < ROUNDS && ledger.wrong.length === 0; round++) {
      const outcomes = await Promise.all(leavers.map((node) => node.terminate()))
      expect(outcomes.map(({ code }) => code)).toEqual([0, 0])
      await Promise.all(leavers.map((node) => node.start()))
      await agree(nodes)
    }
    isOver = true
    await Promise.all(workers)
    expect(ledger.wrong).toEqual([])
    for (const [counter, replies] of ledger.counts)
      expect(Number((await client.call('GET', counter)) ?? 0), counter).toBe(replies.size)
    for (const key of KEYS) expect(await client.call('GET', key)).toBe(`value of ${key}`)
  },
)
