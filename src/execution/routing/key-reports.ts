// Key reports of all nodes: with them, commands on all keys find each key once while slots move.

import type { KeyReport } from '../../cluster/handover/tally.ts'
import { encodeRequest } from '../../cluster/links/request.ts'
import { isGone, readReply } from './gather.ts'
import type { Ask } from './scatter.ts'

const SIZE = encodeRequest(['PEER', 'SIZE'])

/** The delay before all nodes are asked again because their reports do not fit together, ms, and how often at most. */
const RETRY_MS = 5
const MAX_ROUNDS = 50

/** How nodes are asked. */
export interface Nodes {
  readonly ask: Ask
  /** The current members. */
  readonly owners: () => readonly number[]
  readonly after: (ms: number, run: () => void) => void
}

/** By the number of the node. */
export type KeyReports = ReadonlyMap<number, KeyReport>

/** Asks these nodes. Calls `take` with all replies, in a microtask of its own. */
export function askNodes(
  { ask }: Nodes,
  nodes: readonly number[],
  request: Buffer,
  take: (replies: ReadonlyMap<number, Buffer>) => void,
): void {
  const replies = new Map<number, Buffer>()
  let missing = nodes.length
  for (const node of nodes)
    ask(node, request, (bytes) => {
      replies.set(node, bytes)
      // In a microtask: a command may be running.
      if (--missing === 0) queueMicrotask(() => take(replies))
    })
}

/** Asks all nodes for their reports; `undefined`: a node of an earlier version does not know the request. */
export function askReports(nodes: Nodes, take: (reports: KeyReports | undefined) => void): void {
  askNodes(nodes, nodes.owners(), SIZE, (replies) => {
    const reports = new Map<number, KeyReport>()
    for (const [node, bytes] of replies) {
      const reply = readReply(bytes)
      if (Buffer.isBuffer(reply)) reports.set(node, JSON.parse(reply.toString()) as KeyReport)
      else if (reply instanceof Error && !isGone(reply)) {
        take(undefined)
        return
      }
    }
    take(reports)
  })
}

/** Whether entries are being handed over. */
export function isMoving(reports: KeyReports): boolean {
  return [...reports.values()].some(({ sendsTo, takesFrom }) => sendsTo.length + takesFrom.length > 0)
}

/** A fingerprint that changes when a node has received an entry. */
export function stampOf(reports: KeyReports): string {
  const received = [...reports.values()].filter((report) => report.received > 0)
  return JSON.stringify(received.map((report) => [report.name, report.received]).sort())
}

/** Asks all nodes for the number of their entries; `undefined` as for `askReports`. */
export function askSize(nodes: Nodes, take: (size: number | undefined) => void): void {
  let rounds = 0
  let before = ''
  const round = (): void =>
    askReports(nodes, (reports) => {
      if (reports === undefined) {
        take(undefined)
        return
      }
      const all = [...reports.values()]
      const difference = differenceOf(all)
      const isDefinite = isComplete(reports, nodes.owners()) && (difference === '' || difference === before)
      before = difference
      if (isDefinite || ++rounds === MAX_ROUNDS) take(sizeOf(all))
      else nodes.after(RETRY_MS, round)
    })
  round()
}

/** Whether the reports are from all current members, and from all nodes that they name. */
function isComplete(reports: KeyReports, owners: readonly number[]): boolean {
  const names = new Set([...reports.values()].map(({ name }) => name))
  const isKnown = (name: string): boolean => names.has(name)
  return (
    owners.every((owner) => reports.has(owner)) &&
    [...reports.values()].every(
      ({ sendsTo, takesFrom }) => sendsTo.every(isKnown) && takesFrom.every(isKnown),
    )
  )
}

/** The number of entries; see `Tally` for the formula. */
function sizeOf(reports: readonly KeyReport[]): number {
  let sum = 0
  for (const { size } of reports) sum += size
  for (const { from, to, sent, taken } of pairsOf(reports)) if (isUnderWay(from, to)) sum += sent - taken
  return Math.max(0, sum)
}

/**
 * The contradictions between reports of nodes that hand nothing over, as text. A whole handover may have happened
 * between two reports: then they agree when they are asked again. Otherwise the link between the two nodes broke
 * before.
 */
function differenceOf(reports: readonly KeyReport[]): string {
  return pairsOf(reports)
    .filter(({ from, to, sent, taken }) => sent !== taken && !isUnderWay(from, to))
    .map(({ from, to, sent, taken }) => `${from.name} ${sent} ${to.name} ${taken}`)
    .join()
}

function isUnderWay(from: KeyReport, to: KeyReport): boolean {
  return from.sendsTo.includes(to.name) || to.takesFrom.includes(from.name)
}

interface Pair {
  readonly from: KeyReport
  readonly to: KeyReport
  readonly sent: number
  readonly taken: number
}

function pairsOf(reports: readonly KeyReport[]): Pair[] {
  return reports.flatMap((from) =>
    reports.map((to) => ({ from, to, sent: from.sent[to.name] ?? 0, taken: to.taken[from.name] ?? 0 })),
  )
}
