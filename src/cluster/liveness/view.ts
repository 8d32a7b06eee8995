// Computes the view from the members' reports. Members that have the same reports compute the same view.

import type { Suspicion, Suspicions } from './state.ts'

/** What one member reports about the others. A member that is not named is reachable for it. */
export interface Report {
  readonly suspects: Suspicions
  /** The reporter has lost its connections: its suspicions are ignored. */
  readonly disconnected: boolean
  /** Members that it has not contacted yet. */
  readonly unknown: readonly string[]
}

export interface ReportSet {
  /** The members that may be in the view: all that are listed and do not leave. */
  readonly eligible: ReadonlySet<string>
  /** By name, the reports of this node and of the peers that are alive for it; undefined: none received yet. */
  readonly reports: ReadonlyMap<string, Report | undefined>
  /** By name, relayed reports of members that this node cannot reach. */
  readonly gossip: ReadonlyMap<string, Report>
}

/**
 * The candidates for the view: members that this node, or a peer that is alive for it, can reach. A member that
 * nobody can reach is dead; its last report no longer counts.
 */
export function reachable({ eligible, reports }: ReportSet): Set<string> {
  const found = new Set<string>()
  for (const name of eligible) if (reports.has(name)) found.add(name)
  const absent = new Set([...eligible].filter((name) => !found.has(name)))
  for (const [reporter, report] of reports) {
    if (absent.size === 0) break
    if (!report || !eligible.has(reporter)) continue
    const unknown = setOf(report.unknown)
    for (const name of absent) {
      if (unknown.has(name) || !isResponsive(report.suspects[name])) continue
      found.add(name)
      absent.delete(name)
    }
  }
  return found
}

/** The sets of lists of names: while many members start together, each list is read once for every message. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>()

function setOf(names: readonly string[]): ReadonlySet<string> {
  let set = sets.get(names)
  if (set === undefined) sets.set(names, (set = new Set(names)))
  return set
}

/**
 * The members of the view:
 *
 * 1. Suspicions of a candidate that suspects more than half of the others are ignored, until it suspects none of
 *    them. With two candidates this rule does not apply: neither can tell which of them is cut off.
 * 2. While one of the remaining members suspects another, one member is removed: the one suspected by most; of
 *    those, the one that suspects most; of those, the last by name. So a single suspicion removes the suspect, and
 *    of two members that suspect each other one stays.
 */
export function resolveView(candidates: ReadonlySet<string>, reports: ReportSet): Set<string> {
  const members = new Set(candidates)
  const graph = suspicionGraph(candidates, reports)
  const times = new Map<string, number>()
  for (const suspects of graph.values())
    for (const name of suspects.keys()) times.set(name, (times.get(name) ?? 0) + 1)
  for (
    let worst = mostSuspected(members, graph, times);
    worst;
    worst = mostSuspected(members, graph, times)
  ) {
    members.delete(worst)
    times.delete(worst)
    // The suspicions of a removed member no longer count.
    for (const name of graph.get(worst)?.keys() ?? []) {
      const rest = (times.get(name) ?? 0) - 1
      if (rest > 0) times.set(name, rest)
      else times.delete(name)
    }
  }
  return members
}

/** Whether a member suspects more than half of the other candidates. */
export function suspectsMajority(
  suspects: Suspicions,
  reporter: string,
  candidates: ReadonlySet<string>,
): boolean {
  let suspected = 0
  let others = candidates.size - 1
  for (const name in suspects) {
    if (name === reporter || !candidates.has(name)) continue
    // A refused connection proves that the process has ended, and says nothing about the reporter's own connections;
    // neither does a list without the member.
    if (suspects[name] === 'refused' || suspects[name] === 'unlisted') others--
    else suspected++
  }
  return others > 1 && suspected * 2 > others
}

/** Whether a member with this suspicion, or none, answers its reporter. */
export function isResponsive(suspicion: Suspicion | undefined): boolean {
  return suspicion !== 'refused' && suspicion !== 'silent' && suspicion !== 'unlisted'
}

/** Reporter → suspected member → reason. Candidates only, without the suspicions that are ignored. */
type SuspicionGraph = Map<string, Map<string, Suspicion>>

function suspicionGraph(candidates: ReadonlySet<string>, { reports, gossip }: ReportSet): SuspicionGraph {
  const graph: SuspicionGraph = new Map()
  for (const reporter of candidates) {
    const report = reports.get(reporter) ?? gossip.get(reporter)
    if (!report || report.disconnected || suspectsMajority(report.suspects, reporter, candidates)) continue
    const relevant = new Map<string, Suspicion>()
    for (const name in report.suspects) {
      if (name !== reporter && candidates.has(name)) relevant.set(name, report.suspects[name])
    }
    graph.set(reporter, relevant)
  }
  for (const [reporter, suspects] of graph) {
    // A recovered member stays suspected only while it suspects the reporter in turn.
    for (const [name, suspicion] of suspects) {
      if (suspicion === 'recovered' && !graph.get(name)?.has(reporter)) suspects.delete(name)
    }
  }
  return graph
}

/** @param times by how many members each member is suspected, if by any */
function mostSuspected(
  members: ReadonlySet<string>,
  graph: SuspicionGraph,
  times: ReadonlyMap<string, number>,
): string | undefined {
  const suspectedBy = (name: string) => {
    let count = 0
    for (const other of graph.get(name)?.keys() ?? []) if (members.has(other)) count++
    return count
  }
  let worst: string | undefined
  for (const [name, count] of times) {
    if (worst === undefined) worst = name
    else {
      const order =
        count - times.get(worst)! || suspectedBy(name) - suspectedBy(worst) || (name > worst ? 1 : -1)
      if (order > 0) worst = name
    }
  }
  return worst
}
