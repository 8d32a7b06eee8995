// SCAN over all nodes, one after the other.

import { encodeRequest } from '../../cluster/links/request.ts'
import type { ScanStep } from '../../cluster/ring/scan-order.ts'
import type { Client } from '../../commands/spec/client.ts'
import type { Args } from '../../resp/args.ts'
import { completeWith, isGone, type ReplyTarget, readReply, writeReply } from './gather.ts'
import { askReports, type KeyReports, type Nodes, stampOf } from './key-reports.ts'

/*
 * A cursor is a safe integer:
 *
 *   second pass 1 bit | token of a node 20 bits | cursor within that node 32 bits
 *
 * Tokens derive from node names, so that a join or leave during the scan does not skip other nodes. An entry that moves
 * meanwhile from a node that is still to be scanned to one that has been would be missed. So if a node has received
 * entries since the scan began, all are scanned once more: a key that moves at most once during a pass is found. It may
 * be returned twice, as SCAN may.
 */

/** The cursors of one node are below this. */
const LOCAL_CURSORS = 2 ** 32
const SECOND_PASS = 2 ** 52
/** A scan that was begun on another connection counts as begun this long ago, ms. */
const LONGEST_SCAN_MS = 60_000

interface CursorScan extends ReplyTarget {
  readonly client: Client
  readonly args: Args
  /** By token, ascending. */
  readonly steps: () => readonly ScanStep[]
}

/** Whether a cursor is one of a scan over several nodes. */
export function isOfAllNodes(args: Args): boolean {
  return Number(args.latin1(1, 32)) >= LOCAL_CURSORS
}

export function fanOutByCursor(scan: CursorScan, nodes: Nodes): void {
  const { client, args } = scan
  const text = args.latin1(1, 32)
  // Copied: the context's arguments are reused before the reports arrive.
  const parts = Array.from({ length: args.count }, (_, i) => args.copy(i))
  if (text !== '0') {
    step(scan, nodes, text, parts)
    return
  }
  askReports(nodes, (reports) => {
    client.scans ??= { open: 0, stamp: '' }
    if (client.scans.open++ === 0) client.scans.stamp = reports === undefined ? '' : stampOf(reports)
    step(scan, nodes, text, parts)
  })
}

function step(scan: CursorScan, nodes: Nodes, text: string, parts: Buffer[]): void {
  const number = Number(text)
  const cursor = Number.isSafeInteger(number) && number >= 0 ? number : 0
  const pass = cursor < SECOND_PASS ? 0 : SECOND_PASS
  const token = Math.floor((cursor - pass) / LOCAL_CURSORS)
  const steps = scan.steps()
  const at = steps.find((each) => each.token >= token)
  if (at === undefined) {
    endPass(scan, nodes, pass, [])
    return
  }
  // The cursor of a node that was alone: its keys may have moved since, so the scan begins again.
  if (cursor > 0 && cursor < LOCAL_CURSORS) parts[1] = Buffer.from('0')
  // The node that is asked handles an invalid or unknown cursor: it answers an error or ends the scan.
  if (cursor >= LOCAL_CURSORS)
    parts[1] = Buffer.from(at.token === token ? String(cursor % LOCAL_CURSORS) : '0')
  nodes.ask(at.owner, encodeRequest(parts), (bytes) => {
    const reply = readReply(bytes)
    if (reply instanceof Error && !isGone(reply)) {
      completeWith(scan, (writer) => writeReply(writer, reply))
      return
    }
    const [local, keys] = Array.isArray(reply) ? reply : [0, []]
    const found = (keys ?? []) as Buffer[]
    const next = steps.find((each) => each.token > at.token)
    if (Number(local) !== 0) answer(scan, pass + at.token * LOCAL_CURSORS + Number(local), found)
    else if (next !== undefined) answer(scan, pass + next.token * LOCAL_CURSORS, found)
    else queueMicrotask(() => endPass(scan, nodes, pass, found))
  })
}

function endPass(scan: CursorScan, nodes: Nodes, pass: number, found: Buffer[]): void {
  const { scans } = scan.client
  const end = (): void => {
    if (scans !== undefined && scans.open > 0) scans.open--
    answer(scan, 0, found)
  }
  if (pass !== 0) {
    end()
    return
  }
  askReports(nodes, (reports) => {
    if (reports === undefined || !hasMoved(reports, scans?.open ? scans.stamp : undefined)) end()
    else answer(scan, SECOND_PASS, found)
  })
}

function hasMoved(reports: KeyReports, stamp: string | undefined): boolean {
  if (stamp !== undefined) return stamp !== stampOf(reports)
  return [...reports.values()].some(({ quietMs, received }) => received > 0 && quietMs < LONGEST_SCAN_MS)
}

function answer(scan: CursorScan, cursor: number, keys: Buffer[]): void {
  completeWith(scan, (reply) => writeReply(reply, [Buffer.from(String(cursor)), keys]))
}
