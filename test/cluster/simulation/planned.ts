// Nodes join and leave, one or several at once, while clients work; no request fails.

import { SimMember } from './members.ts'
import { Network } from './network.ts'
import { Shared, SimClient } from './workload.ts'

/** Steps without an end are a fault. */
const MAX_STEPS = 400_000

export interface PlannedOptions {
  readonly seed: number
  /** Nodes that stay, and that come and go. */
  readonly stayers: number
  readonly movers: number
  /** How often movers join or leave. */
  readonly changes: number
  readonly clients: number
  /** `cluster.timeout`, ms: listed members that are not started for so long count as dead. */
  readonly timeout?: number
  readonly trace?: (line: string) => void
}

/** Resolves to what was wrong. */
export async function planned(options: PlannedOptions): Promise<readonly string[]> {
  const { seed, stayers, movers, changes, clients } = options
  const network = new Network(seed)
  network.trace = options.trace
  const names = Array.from({ length: stayers + movers }, (_, i) => `n${i}:1`)
  const shared = new Shared()
  let runs = 0
  const start = (name: string): SimMember => {
    const member = new SimMember(name, ++runs, names, network, { timeout: options.timeout })
    member.start()
    return member
  }
  const running = new Map(names.slice(0, stayers).map((name) => [name, start(name)]))
  const leaving = new Set<SimMember>()
  const isSettled = (): boolean =>
    leaving.size === 0 && [...running.values()].every((member) => member.isSettled(running.size))
  const until = async (isOver: () => boolean, what: string, each = (): void => {}): Promise<void> => {
    const limit = network.step + MAX_STEPS
    while (!isOver()) {
      if (network.step > limit) throw new Error(`seed ${seed}: no end of ${what}`)
      each()
      await network.next()
    }
  }
  await until(isSettled, 'the start')
  const workers = Array.from(
    { length: clients },
    (_, i) => new SimClient(i, names[i % stayers], network, shared),
  )
  const work = (): void => {
    if (network.draw(4) === 0) workers[network.draw(workers.length)].work()
  }
  /** A mover that runs leaves, one that does not starts. */
  const change = (): void => {
    const name = names[stayers + network.draw(movers)]
    const member = running.get(name)
    if (member === undefined) {
      if ([...leaving].some((each) => each.name === name)) return
      options.trace?.(`======== ${name} starts`)
      running.set(name, start(name))
      return
    }
    options.trace?.(`======== ${name} leaves`)
    running.delete(name)
    leaving.add(member)
    void member.leave().then(() => {
      leaving.delete(member)
      options.trace?.(`======== ${name} has left`)
      // One that leaves before it has met any other holds nothing.
      if (member.hasLeft === false && member.holdsEntries)
        shared.wrong.push(`${name} has not handed everything over`)
    })
  }
  for (let i = 0; i < changes; i++) {
    change()
    if (network.draw(3) === 0) change()
    const pause = network.draw(2) === 0 ? network.draw(3000) : -1
    const end = network.step + pause
    await until(() => (pause < 0 ? isSettled() : network.step >= end), 'a change', work)
    if (shared.wrong.length > 0) break
  }
  await until(isSettled, 'the changes', work)
  await until(() => workers.every(({ outstanding }) => outstanding === 0), 'the commands')
  for (const worker of workers) worker.finish()
  await until(() => workers.every(({ outstanding }) => outstanding === 0), 'the last commands')
  for (const [i, counts] of shared.counts.entries())
    if (Math.max(0, ...counts) !== counts.length)
      shared.wrong.push(`counter ${i}: ${counts.length} increments, ${Math.max(...counts)} counted`)
  return shared.wrong
}
