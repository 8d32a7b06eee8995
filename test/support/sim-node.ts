// One node of a simulated cluster: its failure detector, its links, and the events of its detector.

import type { Detector } from '../../src/cluster/liveness/detector.ts'
import type { Member } from '../../src/cluster/member.ts'

/** An event of a detector. */
export type DetectorEvent =
  | { readonly at: number; readonly what: 'view'; readonly members: string }
  | { readonly at: number; readonly what: 'declaredDead' | 'settled' }
  | { readonly at: number; readonly what: 'leaseCheck' | 'isolated'; readonly value: boolean }

export interface SimLink {
  readonly to: SimNode
  /** The run of the peer's process that accepted it. */
  run: number
  state: 'connecting' | 'open' | 'closed'
  heard: number
}

export class SimNode {
  readonly name: string
  readonly member: Member
  detector!: Detector
  events: DetectorEvent[] = []
  /** The number of runs so far. */
  run = 0
  alive = false
  /** While the machine is up, connections to a process that has ended are refused. */
  isHostUp = true
  paused = false
  backlog: (() => void)[] = []
  links = new Map<string, SimLink>()

  constructor(name: string, weight = 1) {
    this.name = name
    this.member = { name, host: name.slice(0, -5), port: 7000, weight }
  }

  /** The first letters of the names in its view. */
  get viewNames(): string {
    return this.detector.view.members.map(({ name }) => name[0]).join('')
  }

  countEvents(what: DetectorEvent['what'], since = 0): number {
    return this.events.filter((event) => event.what === what && event.at >= since).length
  }

  /** The events in order, without times; a view as the first letters of its names. */
  get log(): string[] {
    return this.events.map((event) => {
      if (event.what === 'view') return event.members
      return 'value' in event ? `${event.what}:${event.value}` : event.what
    })
  }
}

/** The events of each node, as one text per node. */
export function logsOf(nodes: readonly SimNode[]): string[] {
  return nodes.map(({ log }) => log.join(' '))
}

/** Clears the events. Returns a function that gives those since then. */
export function logsSince(nodes: readonly SimNode[]): () => string[] {
  for (const node of nodes) node.events = []
  return () => logsOf(nodes)
}
