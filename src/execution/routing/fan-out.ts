// Fan-out: runs a command on all nodes and merges their replies into one.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { encodeRequest, type Reply } from '../../cluster/links/request.ts'
import type { ScanStep } from '../../cluster/scan-order.ts'
import type { FanOut } from '../../commands/spec/command.ts'
import { CUT_OFF } from '../../commands/spec/errors.ts'
import type { Args } from '../../resp/args.ts'
import type { ReplyWriter } from '../../resp/reply.ts'
import { readReply, writeReply } from './gather.ts'
import type { Ask } from './scatter.ts'

interface ReplyTarget {
  readonly protocol: 2 | 3
  readonly reply: ReplyWriter
  readonly complete: (reply: Buffer) => void
}

interface FanOutRequest extends ReplyTarget {
  readonly merge: FanOut
  readonly request: Buffer
  /** The current members. */
  readonly owners: () => readonly number[]
  /** Whether this node is partitioned from members that may go on serving. */
  readonly isCutOff: () => boolean
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/**
 * Asks all nodes at once. A node that has left has no keys and is ignored. A write (`ok`) also runs on nodes that
 * join meanwhile: they may have taken over keys from a node before it ran the write.
 */
export function fanOut(whole: FanOutRequest, ask: Ask): void {
  const { owners, request, reply, complete, protocol, isCutOff } = whole
  const isWrite = whole.merge === 'ok'
  const replies: Reply[] = []
  /** Lists are not parsed: they may have millions of items. */
  const lists: Buffer[] = []
  const asked = new Set<number>()
  let missing = 0
  const askAll = (nodes: readonly number[]): void => {
    missing += nodes.length
    for (const owner of nodes) asked.add(owner)
    for (const owner of nodes) ask(owner, request, (bytes) => take(owner, bytes))
  }
  const take = (owner: number, bytes: Buffer): void => {
    if (whole.merge === 'list' && bytes[0] === ASTERISK) {
      lists.push(bytes)
    } else takeReply(owner, readReply(bytes))
    if (--missing === 0) finish()
  }
  const takeReply = (owner: number, answer: Reply): void => {
    if (!isGone(answer) || (isWrite && owners().includes(owner))) replies.push(answer)
  }
  const finish = (): void => {
    const joined = isWrite ? owners().filter((each) => !asked.has(each)) : []
    if (joined.length !== 0) {
      askAll(joined)
      return
    }
    if (isWrite && isCutOff()) replies.push(new Error(CUT_OFF))
    reply.protocol = protocol
    if (whole.merge === 'list') mergeLists(reply, replies, lists)
    else merge(whole, replies)
    complete(reply.take())
  }
  askAll(owners())
}

function merge({ merge, reply, random }: FanOutRequest, replies: readonly Reply[]): void {
  const error = replies.find((each) => each instanceof Error)
  if (error !== undefined) writeReply(reply, error)
  else if (merge === 'ok') reply.ok()
  else if (merge === 'sum') reply.integer(replies.reduce<number>((sum, each) => sum + Number(each), 0))
  else {
    const keys = replies.filter((each) => each !== null)
    writeReply(reply, keys.length === 0 ? null : keys[Math.floor(random() * keys.length)])
  }
}

/** Concatenates arrays of bulk strings, which RESP2 and RESP3 write alike. An error of one node is the reply. */
function mergeLists(reply: ReplyWriter, others: readonly Reply[], lists: readonly Buffer[]): void {
  const error = others.find((each) => each instanceof Error)
  if (error !== undefined) {
    writeReply(reply, error)
    return
  }
  const heads = lists.map((list) => list.indexOf('\r\n'))
  reply.array(lists.reduce((sum, list, i) => sum + parseInteger(list, 1, heads[i]), 0))
  lists.forEach((list, i) => void reply.raw(list.subarray(heads[i] + 2)))
}

const ASTERISK = 0x2a

/** Cursors of a scan within one node are below this. */
const LOCAL_CURSORS = 2 ** 32

interface CursorScan extends ReplyTarget {
  readonly args: Args
  /** By token, ascending. */
  readonly steps: readonly ScanStep[]
}

/**
 * SCAN over all nodes, one after the other. A cursor combines the token of a node and the cursor within that node.
 * Tokens derive from node names, so that a join or leave during the scan does not skip other nodes.
 */
export function fanOutByCursor({ args, steps, protocol, reply, complete }: CursorScan, ask: Ask): void {
  const cursor = Number(args.latin1(1, 32))
  const token = Number.isSafeInteger(cursor) && cursor >= 0 ? Math.floor(cursor / LOCAL_CURSORS) : 0
  const step = steps.find((each) => each.token >= token)
  if (step === undefined) {
    reply.protocol = protocol
    writeReply(reply, [Buffer.from('0'), []])
    complete(reply.take())
    return
  }
  const isWithin = Number.isSafeInteger(cursor) && cursor >= LOCAL_CURSORS
  const local = isWithin ? (step.token === token ? String(cursor % LOCAL_CURSORS) : '0') : args.latin1(1)
  // The node that is asked handles an invalid or unknown cursor: it answers an error or ends the scan.
  const parts = Array.from({ length: args.count }, (_, i) => (i === 1 ? Buffer.from(local) : args.copy(i)))
  ask(step.owner, encodeRequest(parts), (bytes) => {
    const answer = readReply(bytes)
    reply.protocol = protocol
    if (answer instanceof Error && !isGone(answer)) writeReply(reply, answer)
    else {
      const [next, keys] = Array.isArray(answer) ? answer : [0, []]
      writeReply(reply, [Buffer.from(String(cursorAfter(steps, step, Number(next)))), keys ?? []])
    }
    complete(reply.take())
  })
}

function cursorAfter(steps: readonly ScanStep[], { token }: ScanStep, local: number): number {
  if (local !== 0) return token * LOCAL_CURSORS + local
  const next = steps.find((each) => each.token > token)
  return next === undefined ? 0 : next.token * LOCAL_CURSORS
}

function isGone(answer: Reply): boolean {
  return answer instanceof Error && answer.message.startsWith('PEERDOWN')
}
