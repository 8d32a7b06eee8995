// Fan-out: runs a command on all nodes and merges their replies into one.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { encodeRequest, type Reply } from '../../cluster/links/request.ts'
import type { ScanStep } from '../../cluster/scan-order.ts'
import type { CompleteReply } from '../../commands/spec/client.ts'
import type { FanOut } from '../../commands/spec/command.ts'
import { CUT_OFF, PASSING_FLUSH } from '../../commands/spec/errors.ts'
import type { Args } from '../../resp/args.ts'
import type { ReplyWriter } from '../../resp/reply.ts'
import { readReply, writeReply } from './gather.ts'
import type { Ask } from './scatter.ts'

interface ReplyTarget {
  readonly protocol: 2 | 3
  readonly reply: ReplyWriter
  readonly complete: CompleteReply
}

interface FanOutRequest extends ReplyTarget {
  readonly merge: FanOut
  readonly request: Buffer
  /** The current members. */
  readonly owners: () => readonly number[]
  /** Whether this node is partitioned from members that may go on serving. */
  readonly isCutOff: () => boolean
  /** Whether it does no harm to run it again. */
  readonly isRepeatable: boolean
  readonly after: (ms: number, run: () => void) => void
  /** How long nodes that pass a flush on are waited for, ms. */
  readonly timeout: number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** The wait before a node that passes a flush on is asked whether it has done so, ms. */
const PASSING_WAIT = 5
/** The most times that a write is run again because a node has left meanwhile. */
const MAX_ROUNDS = 5

/**
 * Asks all nodes at once. A node that has left has no keys and is ignored. A write (`ok`) also runs on nodes that
 * join meanwhile: they may have taken over keys from a node before it ran the write. If a node leaves before it has
 * run the write, it runs everywhere again: others may have run it before they took over the keys of that node. A node
 * may have to pass a flush on (see `FlushRelay`): it is asked until it has done so.
 */
export function fanOut(whole: FanOutRequest, ask: Ask): void {
  const { owners, request, reply, complete, protocol, isCutOff } = whole
  const isWrite = whole.merge === 'ok'
  const replies: Reply[] = []
  /** Lists are not parsed: they may have millions of items. */
  const lists: Buffer[] = []
  const asked = new Set<number>()
  let missing = 0
  let waited = 0
  let rounds = 1
  let hasLeft = false
  const askAll = (nodes: readonly number[]): void => {
    missing += nodes.length
    for (const owner of nodes) asked.add(owner)
    for (const owner of nodes) ask(owner, request, (bytes) => take(owner, bytes))
  }
  const askAgain = (owner: number): void => {
    waited += PASSING_WAIT
    ask(owner, PASSED, (bytes) => take(owner, bytes))
  }
  const take = (owner: number, bytes: Buffer): void => {
    if (whole.merge === 'list' && bytes[0] === ASTERISK) lists.push(bytes)
    else {
      const answer = readReply(bytes)
      if (isWrite && isPassing(answer) && waited < whole.timeout) {
        whole.after(PASSING_WAIT, () => askAgain(owner))
        return
      }
      if (!isGone(answer) || (isWrite && owners().includes(owner))) replies.push(answer)
      else hasLeft = true
    }
    if (--missing === 0) finish()
  }
  const finish = (): void => {
    if (isWrite && hasLeft && whole.isRepeatable && rounds++ < MAX_ROUNDS) {
      hasLeft = false
      asked.clear()
      askAll(owners())
      return
    }
    const joined = isWrite ? owners().filter((each) => !asked.has(each)) : []
    if (joined.length !== 0) {
      askAll(joined)
      return
    }
    if (isWrite && isCutOff()) replies.push(new Error(CUT_OFF))
    reply.protocol = protocol
    if (whole.merge === 'list') mergeLists(reply, replies, lists)
    else merge(whole, replies)
    const [first, ...rest] = reply.takeParts()
    complete(first, rest)
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
  lists.forEach((list, i) => void reply.own(list.subarray(heads[i] + 2)))
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

const PASSED = encodeRequest(['PEER', 'FLUSHED'])

function isPassing(answer: Reply): boolean {
  return answer instanceof Error && answer.message === PASSING_FLUSH
}

function isGone(answer: Reply): boolean {
  return answer instanceof Error && answer.message.startsWith('PEERDOWN')
}
