// An acknowledged flush leaves nothing that was there before it, wherever entries are on their way, and waits for nobody for long.

import { describe, expect, test } from 'vitest'
import { type Answer, SimConnection } from './connection.ts'
import { SimMember } from './members.ts'
import { Network } from './network.ts'

const FIRST = Number(process.env.SIMULATION_SEED ?? 45)
const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 15)
const KEYS = Array.from({ length: 40 }, (_, i) => `key ${i}`)
const MAX_STEPS = 200_000
/** `cluster.timeout`, ms. */
const TIMEOUT = 1000

class Nodes {
  readonly network: Network
  readonly #names: readonly string[]
  readonly #seed: number
  readonly #timeout: number | undefined
  readonly #running = new Map<string, SimMember>()
  #runs = 0
  /** Faults that are not over. */
  #faults = 0

  constructor(seed: number, names: readonly string[], timeout?: number) {
    this.network = new Network(seed)
    this.#seed = seed
    this.#names = names
    this.#timeout = timeout
  }

  start(...names: readonly string[]): void {
    for (const name of names) {
      const options = { timeout: this.#timeout }
      const member = new SimMember(name, ++this.#runs, this.#names, this.network, options)
      this.#running.set(name, member)
      member.start()
    }
  }

  /** The member hands its slots over and ends. */
  leave(name: string): SimMember {
    const member = this.#take(name)
    void member.leave()
    return member
  }

  kill(name: string): void {
    void this.#take(name).end()
  }

  async until(isOver: () => boolean): Promise<void> {
    const limit = this.network.step + MAX_STEPS
    while (!isOver()) {
      if (this.network.step > limit) throw new Error(`seed ${this.#seed}: no end`)
      await this.network.next()
    }
  }

  settled(): Promise<void> {
    const { size } = this.#running
    return this.until(() => [...this.#running.values()].every((member) => member.isSettled(size)))
  }

  /** So many steps. */
  pass(steps: number): Promise<void> {
    const end = this.network.step + steps
    return this.until(() => this.network.step >= end)
  }

  later(run: () => void, ms: number): void {
    this.#faults++
    this.network.clock.after(ms, () => {
      this.#faults--
      run()
    })
  }

  /** Nothing arrives between the node and the others for so many ms. */
  isolate(name: string, ms: number, others: readonly string[]): void {
    const cut = (isCut: boolean): void => {
      for (const other of others) if (other !== name) this.network.cut(name, other, isCut)
    }
    cut(true)
    this.later(() => cut(false), ms)
  }

  /** Resolves when all faults are over, and what has followed from them. */
  async repaired(): Promise<void> {
    await this.until(() => this.#faults === 0)
    await this.settled()
  }

  begin(at: string, ...command: readonly string[]): SimConnection {
    const connection = new SimConnection(this.network, 'client', at)
    connection.send([command])
    return connection
  }

  async call(at: string, ...command: readonly string[]): Promise<Answer> {
    const connection = this.begin(at, ...command)
    await this.until(() => connection.replies.length > 0)
    return connection.replies[0]
  }

  get warnings(): readonly string[] {
    return [...this.#running.values()].flatMap(({ warnings }) => warnings)
  }

  #take(name: string): SimMember {
    const member = this.#running.get(name)
    if (member === undefined) throw new Error(`${name} does not run`)
    this.#running.delete(name)
    return member
  }
}

describe('while a node', () => {
  test.each(['joins', 'leaves'])('%s', async (what) => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const nodes = new Nodes(seed, ['n0:1', 'n1:1', 'n2:1'])
      nodes.start('n0:1', 'n1:1', ...(what === 'joins' ? [] : ['n2:1']))
      await nodes.settled()
      for (const key of KEYS) await nodes.call('n0:1', 'SET', key, 'before')
      if (what === 'joins') nodes.start('n2:1')
      else nodes.leave('n2:1')
      const begin = nodes.network.step + nodes.network.draw(what === 'joins' ? 700 : 300)
      await nodes.until(() => nodes.network.step >= begin)
      expect(await nodes.call('n0:1', 'FLUSHDB'), `seed ${seed}`).toBe('OK')
      expect(await nodes.call('n0:1', 'EXISTS', ...KEYS), `seed ${seed}`).toBe(0)
    }
  })
})

/** Nodes of these names release slots to each other in a circle when they join in this order and the first one leaves. */
const CIRCLE = ['n7:1', 'n8:1', 'n9:1', 'n10:1']

test.each([[['FLUSHDB']], [['GROUP', 'FLUSH']], [['INVALIDATE', 'TAG', 'red']]])(
  'after nodes have released slots to each other in a circle: %s',
  async (command) => {
    const nodes = new Nodes(1, CIRCLE, TIMEOUT)
    for (const name of CIRCLE) {
      nodes.start(name)
      await nodes.settled()
    }
    const first = nodes.leave(CIRCLE[0])
    await nodes.until(() => first.hasLeft !== undefined)
    await nodes.settled()
    const { clock } = nodes.network
    const before = clock.now()
    expect(await nodes.call(CIRCLE[1], ...command)).toBe('OK')
    expect(clock.now() - before).toBeLessThan(TIMEOUT)
  },
)

const NAMES = ['n0:1', 'n1:1', 'n2:1', 'n3:1']

const FAULTS: Readonly<Record<string, (nodes: Nodes, name: string) => void>> = {
  leaves: (nodes, name) => void nodes.leave(name),
  'is killed': (nodes, name) => nodes.kill(name),
  'is killed and starts again': (nodes, name) => {
    nodes.kill(name)
    nodes.later(() => nodes.start(name), nodes.network.draw(2 * TIMEOUT))
  },
  'leaves the view for a moment': (nodes, name) => nodes.isolate(name, 1.5 * TIMEOUT, NAMES),
  'cannot be reached by another one': (nodes, name) => nodes.isolate(name, 4 * TIMEOUT, ['n1:1']),
  'loses all its links': ({ network }, name) => {
    for (const other of NAMES) if (other !== name) network.breakLinks(name, other)
  },
}

describe.each(Object.keys(FAULTS))('while entries are on their way and a node %s', (what) => {
  test('a flush is answered soon, and leaves nothing', async () => {
    for (let seed = FIRST; seed < FIRST + SEEDS / 5; seed++) {
      const nodes = new Nodes(seed, NAMES, TIMEOUT)
      const { network } = nodes
      nodes.start('n0:1', 'n1:1', 'n2:1')
      await nodes.settled()
      for (const key of KEYS) await nodes.call('n0:1', 'SET', key, 'before', 'TAGS', '1', 'red')
      nodes.start('n3:1')
      await nodes.pass(network.draw(600))
      const command = [['FLUSHDB'], ['GROUP', 'FLUSH'], ['INVALIDATE', 'TAG', 'red']][network.draw(3)]
      const before = network.clock.now()
      const isFirst = network.draw(2) === 0
      const answer = isFirst ? nodes.begin('n0:1', ...command) : undefined
      await nodes.pass(network.draw(60))
      FAULTS[what](nodes, network.draw(2) === 0 ? 'n2:1' : 'n3:1')
      if (!isFirst) await nodes.pass(network.draw(60))
      const answered = answer ?? nodes.begin('n0:1', ...command)
      await nodes.until(() => answered.replies.length > 0)
      expect(answered.replies, `seed ${seed}`).toEqual(['OK'])
      expect(network.clock.now() - before, `seed ${seed}`).toBeLessThan(2 * TIMEOUT)
      await nodes.repaired()
      expect(await nodes.call('n0:1', 'EXISTS', ...KEYS), `seed ${seed}`).toBe(0)
    }
  })
})

describe('three nodes', () => {
  async function started(): Promise<Nodes> {
    const nodes = new Nodes(1, NAMES.slice(0, 3), TIMEOUT)
    nodes.start(...NAMES.slice(0, 3))
    await nodes.settled()
    for (const key of KEYS) await nodes.call('n0:1', 'SET', key, 'before', 'TAGS', '1', 'red')
    return nodes
  }

  test.each([[['FLUSHDB']], [['GROUP', 'FLUSH']], [['INVALIDATE', 'TAG', 'red']]])(
    'a node that CLIENT PAUSE pauses is not declared dead because %s waits for it',
    async (command) => {
      const nodes = await started()
      const { clock } = nodes.network
      const end = clock.now() + 3 * TIMEOUT
      expect(await nodes.call('n1:1', 'CLIENT', 'PAUSE', String(3 * TIMEOUT), 'WRITE')).toBe('OK')
      expect(await nodes.call('n0:1', ...command)).toBe('OK')
      expect(clock.now()).toBeGreaterThanOrEqual(end)
      expect(await nodes.call('n0:1', 'EXISTS', ...KEYS)).toBe(0)
      expect(nodes.warnings).toEqual([])
    },
  )

  test('all are stopped while each has sent a flush to the others', async () => {
    const nodes = await started()
    const answers = NAMES.slice(0, 3).map((name) => nodes.begin(name, 'FLUSHDB'))
    await nodes.pass(3)
    const { clock } = nodes.network
    clock.set(clock.now() + 0.8 * TIMEOUT)
    await nodes.until(() => answers.every(({ replies }) => replies.length > 0))
    expect(answers.map(({ replies }) => replies[0])).toEqual(['OK', 'OK', 'OK'])
    expect(nodes.warnings).toEqual([])
  })
})
