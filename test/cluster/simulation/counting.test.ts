// DBSIZE, KEYS and SCAN while nodes join and leave: each key is counted once, and found.

import { expect, test } from 'vitest'
import { encodeRequest, parseReplies, type Reply } from '../../../src/cluster/links/request.ts'
import { ReplyFramer } from '../../../src/resp/framer.ts'
import { SimMember } from './members.ts'
import { Network } from './network.ts'

/** More seeds find rarer faults: SIMULATION_SEEDS=1000, from SIMULATION_SEED on. */
const FIRST = Number(process.env.SIMULATION_SEED ?? 1)
const SEEDS = Number(process.env.SIMULATION_SEEDS ?? 2)
const KEYS: readonly string[] = Array.from({ length: 60 }, (_, i) => `key ${i}`).sort()
const MAX_STEPS = 400_000

class Caller {
  readonly #socket: ReturnType<Network['connect']>
  readonly #until: (isOver: () => boolean) => Promise<void>
  #bytes = Buffer.alloc(0)

  constructor(network: Network, at: string, until: (isOver: () => boolean) => Promise<void>) {
    this.#until = until
    this.#socket = network.connect('client', at)
    this.#socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
    })
  }

  async call(...command: string[]): Promise<Reply> {
    this.#bytes = Buffer.alloc(0)
    this.#socket.write(encodeRequest(command))
    await this.#until(() => {
      const framer = new ReplyFramer()
      framer.scan(this.#bytes, 0, this.#bytes.length, 1)
      return framer.count === 1
    })
    return parseReplies(this.#bytes)[0]
  }

  async keys(): Promise<string[]> {
    return texts(await this.call('KEYS', '*'))
  }

  /** The keys that a scan finds, each once. */
  async scan(): Promise<string[]> {
    const found: string[] = []
    let cursor = '0'
    do {
      const [next, keys] = (await this.call('SCAN', cursor, 'COUNT', '7')) as [Buffer, Buffer[]]
      cursor = next.toString()
      found.push(...texts(keys))
    } while (cursor !== '0')
    return [...new Set(found)]
  }
}

function texts(keys: Reply): string[] {
  return (keys as Buffer[]).map(String)
}

class Run {
  readonly network: Network
  readonly names = ['n0:1', 'n1:1', 'n2:1']
  running: SimMember[] = []
  #runs = 0

  constructor(seed: number) {
    this.network = new Network(seed)
  }

  start(name: string): SimMember {
    const member = new SimMember(name, ++this.#runs, this.names, this.network)
    member.start()
    this.running.push(member)
    return member
  }

  async leave(member: SimMember): Promise<void> {
    this.running = this.running.filter((each) => each !== member)
    await member.leave()
  }

  readonly until = async (isOver: () => boolean): Promise<void> => {
    const limit = this.network.step + MAX_STEPS
    while (!isOver()) {
      if (this.network.step > limit) throw new Error('no end')
      await this.network.next()
    }
  }

  get isSettled(): boolean {
    return this.running.every((member) => member.isSettled(this.running.length))
  }
}

type Check = (caller: Caller, run: string) => Promise<void>

const checks: readonly (readonly [string, Check])[] = [
  ['DBSIZE', async (caller, run) => expect(await caller.call('DBSIZE'), run).toBe(KEYS.length)],
  ['KEYS', async (caller, run) => expect((await caller.keys()).sort(), run).toEqual(KEYS)],
  ['SCAN', async (caller, run) => expect((await caller.scan()).sort(), run).toEqual(KEYS)],
]

test.each(checks.flatMap(([name, check]) => [1, 2].map((stay) => ({ name, stay, check }))))(
  '$name at one of $stay while another node leaves and returns',
  async ({ stay, check }) => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const run = new Run(seed)
      for (const name of run.names.slice(0, stay)) run.start(name)
      let mover = run.start(run.names[stay])
      await run.until(() => run.isSettled)
      const caller = new Caller(run.network, run.names[0], run.until)
      for (const key of KEYS) await caller.call('SET', key, 'value')
      for (let i = 0; i < 2; i++) {
        let isOver = false
        void run.leave(mover).then(() => {
          isOver = true
        })
        while (!isOver) await check(caller, `seed ${seed}`)
        mover = run.start(run.names[stay])
        do await check(caller, `seed ${seed}`)
        while (!run.isSettled)
      }
      await check(caller, `seed ${seed}`)
    }
  },
)
