// Links that fail for a while or flap: how old a value can be that a group answers, by its onPartition.

import { describe, expect, test } from 'vitest'
import { Counters } from './counters.ts'
import { SimMember, type SimMemberOptions } from './members.ts'
import { Network } from './network.ts'
import { Registers } from './registers.ts'

/** More seeds find rarer faults: SIMULATION_SEEDS=1000, from SIMULATION_SEED on. */
const FIRST = Number(process.env.SIMULATION_SEED ?? 1)
const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 3)

/** `cluster.timeout`, ms. */
const TIMEOUT = 1000

type OnPartition = SimMemberOptions['onPartition']

type Cut = (a: number, b: number, isCut: boolean) => void

class Run {
  readonly network: Network
  readonly registers: Registers
  readonly counters: Counters
  readonly #names: readonly string[]
  readonly #members: readonly SimMember[]

  private constructor(seed: number, count: number, onPartition: OnPartition) {
    this.network = new Network(seed)
    this.#names = Array.from({ length: count }, (_, i) => `n${i}:1`)
    this.#members = this.#names.map(
      (name, i) => new SimMember(name, i + 1, this.#names, this.network, { timeout: TIMEOUT, onPartition }),
    )
    for (const member of this.#members) member.start()
    this.registers = new Registers(this.network, this.#names, 12, 6)
    this.counters = new Counters(this.network, this.#names, 4)
  }

  static async started(seed: number, count: number, onPartition: OnPartition): Promise<Run> {
    const run = new Run(seed, count, onPartition)
    await run.settle()
    return run
  }

  readonly cut: Cut = (a, b, isCut) => this.network.cut(this.#names[a], this.#names[b], isCut)

  readonly silence: Cut = (from, to, isSilent) =>
    this.network.silence(this.#names[from], this.#names[to], isSilent)

  /** So many ms with work. */
  async pass(ms: number): Promise<void> {
    const end = this.network.clock.now() + ms
    while (this.network.clock.now() < end) await this.#next()
  }

  async settle(): Promise<void> {
    while (!this.#members.every((member) => member.isSettled(this.#members.length))) await this.#next()
  }

  async #next(): Promise<void> {
    if (this.network.draw(4) === 0) this.registers.work()
    if (this.network.draw(12) === 0) this.counters.work()
    await this.network.next()
  }
}

async function worstOf(
  count: number,
  faults: (run: Run) => Promise<void>,
  onPartition: OnPartition = 'serve',
): Promise<number> {
  let worst = 0
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const run = await Run.started(seed, count, onPartition)
    await run.pass(TIMEOUT)
    await faults(run)
    await run.settle()
    await run.pass(TIMEOUT)
    const { registers, counters } = run
    expect(registers.reads).toBeGreaterThan(100)
    expect(counters.replies).toBeGreaterThan(20)
    if (onPartition === 'refuse') expect(counters.problems, `seed ${seed}`).toEqual([])
    worst = Math.max(worst, registers.worst)
  }
  return worst
}

test.each([3, 4])('two of %i nodes cannot reach each other', async (count) => {
  const worst = await worstOf(count, async (run) => {
    run.cut(0, 1, true)
    await run.pass(5 * TIMEOUT)
    run.cut(0, 1, false)
  })
  expect(worst).toBeLessThanOrEqual(TIMEOUT)
})

test.each([3, 4])('one of %i nodes receives nothing from another, which receives from it', async (count) => {
  const worst = await worstOf(count, async (run) => {
    run.silence(0, 1, true)
    // A request waits for five timeouts until nodes agree about the owner of its key.
    await run.pass(8 * TIMEOUT)
    run.silence(0, 1, false)
    for (const error of run.registers.errors) expect(error).toMatch(/cannot be reached from here$/)
  })
  expect(worst).toBeLessThanOrEqual(TIMEOUT)
})

test.each([3, 4])('one link of %i nodes flaps', async (count) => {
  const worst = await worstOf(count, async (run) => {
    for (let i = 0; i < 12; i++) {
      run.cut(0, 1, i % 2 === 0)
      await run.pass(100 + run.network.draw(1.5 * TIMEOUT))
    }
    run.cut(0, 1, false)
  })
  expect(worst).toBeLessThanOrEqual(TIMEOUT)
})

async function failInTurn(run: Run): Promise<void> {
  for (let i = 0; i < 12; i++) {
    const a = run.network.draw(3)
    run.cut(a, (a + 1) % 3, true)
    await run.pass(100 + run.network.draw(2.5 * TIMEOUT))
    run.cut(a, (a + 1) % 3, false)
    await run.pass(run.network.draw(TIMEOUT))
  }
}

test('the links of three nodes fail one after the other', async () => {
  expect(await worstOf(3, failInTurn)).toBeLessThanOrEqual(TIMEOUT)
})

async function cutOff(run: Run): Promise<void> {
  for (const other of [1, 2]) run.cut(0, other, true)
  await run.pass(4 * TIMEOUT)
  for (const other of [1, 2]) run.cut(0, other, false)
}

async function cutApart(run: Run): Promise<void> {
  for (let i = 0; i < 6; i++) {
    run.cut(0, 1, i % 2 === 0)
    await run.pass(2 * TIMEOUT)
  }
}

describe("a group with onPartition 'refuse' reads nothing old", () => {
  test('one of three nodes is cut off', async () => {
    expect(await worstOf(3, cutOff, 'serve')).toBeGreaterThan(TIMEOUT)
    expect(await worstOf(3, cutOff, 'refuse')).toBe(0)
  })

  test('the links of three nodes fail one after the other', async () => {
    const worst = await worstOf(3, failInTurn, 'refuse')
    expect(worst).toBe(0)
  })

  test('two of three nodes cannot reach each other, again and again', async () => {
    expect(await worstOf(3, cutApart, 'refuse')).toBe(0)
  })
})
