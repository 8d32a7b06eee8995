// Puts together what this node and its peers say of each other: what a view follows from, and what others are told.

import type { Member } from '../member.ts'
import type { PeerReport } from './events.ts'
import type { PeerHealth } from './health.ts'
import type { Correspondent } from './peer-state.ts'
import type { Charge, Charges, Hearsay, Mark, StateMessage } from './state.ts'
import { answers, type Evidence, type Opinion } from './view.ts'

/** One other member, as this node knows it. */
export interface Peer {
  /** As the membership lists it. */
  readonly member: Member
  readonly health: PeerHealth
  readonly said: Correspondent
}

export type Peers = ReadonlyMap<string, Peer>

/** This node's own opinion of its peers. */
export function opinionOf(peers: Peers, deaf: boolean): Opinion {
  const accused: Record<string, Charge> = {}
  const unknown: string[] = []
  for (const [name, { health }] of peers) {
    if (health.charge) accused[name] = health.charge
    if (health.verdict === 'unknown') unknown.push(name)
  }
  return { accused, deaf, unknown }
}

/**
 * All that is known.
 *
 * @param present whether this node may be in the view
 */
export function evidenceOf(peers: Peers, self: string, own: Opinion, present: boolean): Evidence {
  const eligible = new Set<string>()
  const opinions = new Map<string, Opinion | undefined>([[self, own]])
  const hearsay = new Map<string, Hearsay>()
  if (present) eligible.add(self)
  for (const [name, { health, said }] of peers) {
    if (said.message?.leaving) continue
    eligible.add(name)
    if (!health.talking) continue
    opinions.set(name, said.message)
    for (const [other, heard] of Object.entries(said.message?.hearsay ?? {})) {
      const known = hearsay.get(other)
      if (!known || heard.serial > known.serial) hearsay.set(other, heard)
    }
  }
  const reported = new Map<string, Opinion>()
  for (const [name, heard] of hearsay) {
    const opinion = opinions.get(name)
    const message = peers.get(name)?.said.message
    if (!opinion) reported.set(name, { ...heard, unknown: [] })
    else if (message && message.runId === heard.runId && message.serial < heard.serial) {
      // A third member heard it sooner. It does not pass on all, so that what is missing there may still hold.
      opinions.set(name, { ...message, deaf: heard.deaf, accused: { ...message.accused, ...heard.accused } })
    }
  }
  return { eligible, opinions, hearsay: reported }
}

/**
 * What peers that somebody may not hear say against members that somebody can talk to.
 *
 * @param own this node's opinion
 */
export function hearsayOf(peers: Peers, reached: ReadonlySet<string>, own: Opinion): Record<string, Hearsay> {
  const messages = new Map<string, StateMessage>()
  for (const [name, { health, said }] of peers) {
    if (health.talking && said.message && !said.message.leaving) messages.set(name, said.message)
  }
  const unheard = new Set<string>()
  for (const { accused, deaf } of [own, ...messages.values()]) {
    for (const name in accused) if (!deaf || !answers(accused[name])) unheard.add(name)
  }
  const all: Record<string, Hearsay> = {}
  for (const name of unheard) {
    const message = messages.get(name)
    if (!message) continue
    const { runId, serial, epoch, deaf } = message
    const accused: Record<string, Charge> = {}
    const deposed: Record<string, Mark> = {}
    for (const other in message.accused) {
      if (!reached.has(other)) continue
      accused[other] = message.accused[other]
      if (message.deposed[other]) deposed[other] = message.deposed[other]
    }
    if (Object.keys(accused).length > 0) all[name] = { runId, serial, epoch, deaf, accused, deposed }
  }
  return all
}

/** Whether a charge against somebody that others can talk to, and that did not certainly end, is left. */
export function accusesAny(accused: Charges, reached: ReadonlySet<string>): boolean {
  for (const name in accused) if (reached.has(name) && accused[name] !== 'refused') return true
  return false
}

/** Whether more than half of the others are silent; those whose process is certainly gone do not count. */
export function isolationOf(peers: Peers): { readonly isolated: boolean; readonly others: number } {
  let silent = 0
  let others = 0
  for (const { health, said } of peers.values()) {
    if (health.charge === 'refused' || said.message?.leaving) continue
    others++
    if (health.charge === 'silent') silent++
  }
  return { isolated: silent * 2 > others, others }
}

/** The members of those names, sorted by name, each with the weight that it gave itself. */
export function membersOf(names: Iterable<string>, self: Member, peers: Peers): Member[] {
  return [...names].sort().map((name) => {
    if (name === self.name) return self
    const { member, said } = peers.get(name)!
    const weight = said.message?.weight ?? member.weight
    return weight === member.weight ? member : { ...member, weight }
  })
}

export function reportsOf(peers: Peers): PeerReport[] {
  return [...peers].map(([name, { said, health }]) => {
    const { verdict, charge, since, lastHeard, latency, falls, linked } = health
    return { name, runId: said.runId, verdict, charge, since, lastHeard, latency, falls, linked }
  })
}
