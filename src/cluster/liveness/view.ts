// Decides, from what the members say of each other, which of them form the cluster: the same on all that can talk.

import type { Charge, Charges } from './state.ts'

/** What one member says of the others; whom it does not name, it vouches for. */
export interface Opinion {
  readonly accused: Charges
  /** Whether it accuses so many that it is itself suspect. */
  readonly deaf: boolean
  /** Those it has not met yet. */
  readonly unknown: readonly string[]
}

export interface Evidence {
  /** The members that may be in the view: all that are listed, but those that leave. */
  readonly eligible: ReadonlySet<string>
  /** The opinions of this node and of the members that it talks to, by name; undefined: not heard yet. */
  readonly opinions: ReadonlyMap<string, Opinion | undefined>
  /** What members that this node cannot talk to have been heard to say, by name. */
  readonly hearsay: ReadonlyMap<string, Opinion>
}

/**
 * The candidates for the view: the members that this node, or one that it talks to, can talk to. A member whom
 * nobody can talk to is dead and needs no further proof; what it said before counts no more.
 */
export function reachable({ eligible, opinions }: Evidence): Set<string> {
  const found = new Set<string>()
  const absent: string[] = []
  for (const name of eligible) if (opinions.has(name)) found.add(name)
  for (const name of eligible) if (!found.has(name)) absent.push(name)
  if (absent.length === 0) return found
  for (const [witness, opinion] of opinions) {
    if (!opinion || !eligible.has(witness)) continue
    const unknown = new Set(opinion.unknown)
    for (const name of absent) if (answers(opinion.accused[name]) && !unknown.has(name)) found.add(name)
  }
  return found
}

/**
 * The view that follows from the evidence. All nodes that hold the same evidence come to the same view:
 *
 * 1. A candidate that accuses more than half of the others is itself the one that hears badly (unless there are
 *    only two, where nobody can tell): what it says does not count, until it accuses none of them.
 * 2. Among the rest, as long as one accuses another, one leaves: the most accused; of those, the one that accuses
 *    most; of those, the last by name. So a lone accusation takes out the accused, and of two that accuse each
 *    other one stays.
 */
export function agree(candidates: ReadonlySet<string>, evidence: Evidence): Set<string> {
  const members = new Set(candidates)
  const charges = chargesAmong(candidates, evidence)
  for (let leaver = mostAccused(members, charges); leaver; leaver = mostAccused(members, charges)) {
    members.delete(leaver)
  }
  return members
}

/** Whether the charges of one candidate are against more than half of the others. */
export function hearsBadly(accused: Charges, accuser: string, candidates: ReadonlySet<string>): boolean {
  let charged = 0
  let others = candidates.size - 1
  for (const name in accused) {
    if (name === accuser || !candidates.has(name)) continue
    // Who is refused is certainly gone: left out.
    if (accused[name] === 'refused') others--
    else charged++
  }
  return others > 1 && charged * 2 > others
}

/** Whether one that is charged with this, or nothing, answers its accuser. */
export function answers(charge: Charge | undefined): boolean {
  return charge !== 'refused' && charge !== 'silent'
}

/** Accuser → accused → charge, of candidates only and without the charges that do not count. */
type Accusations = Map<string, Map<string, Charge>>

function chargesAmong(candidates: ReadonlySet<string>, { opinions, hearsay }: Evidence): Accusations {
  const all: Accusations = new Map()
  for (const accuser of candidates) {
    const opinion = opinions.get(accuser) ?? hearsay.get(accuser)
    if (!opinion || opinion.deaf || hearsBadly(opinion.accused, accuser, candidates)) continue
    const relevant = new Map<string, Charge>()
    for (const name in opinion.accused) {
      if (name !== accuser && candidates.has(name)) relevant.set(name, opinion.accused[name])
    }
    all.set(accuser, relevant)
  }
  for (const [accuser, accused] of all) {
    // One that is ready to take the other back waits for it to do the same; if that does not accuse, it is over.
    for (const [name, charge] of accused) {
      if (charge === 'willing' && !all.get(name)?.has(accuser)) accused.delete(name)
    }
  }
  return all
}

function mostAccused(members: ReadonlySet<string>, charges: Accusations): string | undefined {
  const times = new Map<string, number>()
  for (const [accuser, accused] of charges) {
    if (!members.has(accuser)) continue
    for (const name of accused.keys()) if (members.has(name)) times.set(name, (times.get(name) ?? 0) + 1)
  }
  const accusing = (name: string) => {
    let count = 0
    for (const other of charges.get(name)?.keys() ?? []) if (members.has(other)) count++
    return count
  }
  let worst: string | undefined
  for (const [name, count] of times) {
    if (worst === undefined) worst = name
    else {
      const order = count - times.get(worst)! || accusing(name) - accusing(worst) || (name > worst ? 1 : -1)
      if (order > 0) worst = name
    }
  }
  return worst
}
