// Decides, from what the members say of each other, which of them form the cluster: the same on all that can talk.

import type { Charge, Charges } from './state.ts'

/** What one member says of the others; whom it does not name, it vouches for. */
export interface Opinion {
  readonly accused: Charges
  readonly unknown: readonly string[]
}

export interface Evidence {
  /** The members that may be in the view: all that are listed, but those that leave. */
  readonly eligible: ReadonlySet<string>
  /** The opinions of this node and of the members that it talks to, by name; undefined: not heard yet. */
  readonly opinions: ReadonlyMap<string, Opinion | undefined>
  /** What members that this node cannot talk to have been heard to say, by name. */
  readonly hearsay: ReadonlyMap<string, Charges>
}

export interface Agreement {
  /** The members in the view. */
  readonly members: ReadonlySet<string>
  /** All that somebody can talk to, whether they are in the view or not. */
  readonly reached: ReadonlySet<string>
}

/**
 * The view that follows from the evidence. All nodes that hold the same evidence come to the same view:
 *
 * 1. Candidates are the members that this node, or one that it talks to, can talk to. A member whom nobody can
 *    talk to is dead and needs no further proof; what it said before counts no more.
 * 2. A candidate that accuses more than half of the others is itself the one that hears badly (unless there are
 *    only two, where nobody can tell): what it says does not count.
 * 3. Among the rest, as long as one accuses another, one leaves: the most accused; of those, the one that accuses
 *    most; of those, the last by name. So a lone accusation takes out the accused, and of two that accuse each
 *    other one stays.
 */
export function agree(evidence: Evidence): Agreement {
  const reached = candidates(evidence)
  const members = new Set(reached)
  const charges = chargesAmong(reached, evidence)
  for (let leaver = mostAccused(members, charges); leaver; leaver = mostAccused(members, charges)) {
    members.delete(leaver)
  }
  return { members, reached }
}

/** Whether one that is charged so answers its accuser. */
function answers(charge: Charge | undefined): boolean {
  return charge !== 'refused' && charge !== 'silent'
}

function candidates({ eligible, opinions }: Evidence): Set<string> {
  const found = new Set<string>()
  for (const name of eligible) {
    if (opinions.has(name)) {
      found.add(name)
      continue
    }
    for (const [witness, opinion] of opinions) {
      if (!opinion || !eligible.has(witness)) continue
      if (!answers(opinion.accused[name]) || opinion.unknown.includes(name)) continue
      found.add(name)
      break
    }
  }
  return found
}

/** Accuser → accused → charge, of candidates only and without the charges that do not count. */
type Accusations = Map<string, Map<string, Charge>>

function chargesAmong(candidates: ReadonlySet<string>, { opinions, hearsay }: Evidence): Accusations {
  const all: Accusations = new Map()
  for (const accuser of candidates) {
    const accused = opinions.get(accuser)?.accused ?? hearsay.get(accuser)
    const relevant = new Map<string, Charge>()
    for (const name in accused) {
      if (name !== accuser && candidates.has(name)) relevant.set(name, accused[name])
    }
    if (relevant.size > 0) all.set(accuser, relevant)
  }
  for (const [accuser, accused] of all) {
    // One that is ready to take the other back waits for it to do the same; if that does not accuse, it is over.
    for (const [name, charge] of accused) {
      if (charge === 'willing' && !all.get(name)?.has(accuser)) accused.delete(name)
    }
  }
  const deaf = [...all].filter(([, accused]) => hearsBadly(accused, candidates.size - 1))
  for (const [accuser] of deaf) all.delete(accuser)
  return all
}

/** Whether the charges are against more than half of the others. Who is refused is certainly gone: left out. */
function hearsBadly(accused: ReadonlyMap<string, Charge>, others: number): boolean {
  let refused = 0
  for (const charge of accused.values()) if (charge === 'refused') refused++
  const rest = others - refused
  return others > 1 && rest > 1 && (accused.size - refused) * 2 > rest
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
