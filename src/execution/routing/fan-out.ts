// A command on the keys of all nodes: asked of each, and one reply put together from theirs.

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
  /** The nodes that there are at this moment. */
  readonly owners: () => readonly number[]
  /** Whether others may serve on that cannot be asked. */
  readonly isCutOff: () => boolean
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/**
 * Asks all nodes at once. One that is gone has no keys: it does not count. What is to be done on all of them is done
 * on those too that have come meanwhile, which may have been given keys by a node before that one was asked.
 */
export function fanOut(whole: FanOutRequest, ask: Ask): void {
  const { owners, request, reply, complete, protocol, isCutOff } = whole
  const isDone = whole.merge === 'ok'
  const replies: Reply[] = []
  const asked = new Set<number>()
  let missing = 0
  const askThose = (some: readonly number[]): void => {
    missing += some.length
    for (const owner of some) asked.add(owner)
    for (const owner of some) ask(owner, request, (bytes) => take(owner, readReply(bytes)))
  }
  const take = (owner: number, answer: Reply): void => {
    if (!isGone(answer) || (isDone && owners().includes(owner))) replies.push(answer)
    if (--missing !== 0) return
    const others = isDone ? owners().filter((each) => !asked.has(each)) : []
    if (others.length !== 0) {
      askThose(others)
      return
    }
    if (isDone && isCutOff()) replies.push(new Error(CUT_OFF))
    reply.protocol = protocol
    merge(whole, replies)
    complete(reply.take())
  }
  askThose(owners())
}

function merge({ merge, reply, random }: FanOutRequest, replies: readonly Reply[]): void {
  const error = replies.find((each) => each instanceof Error)
  if (error !== undefined) writeReply(reply, error)
  else if (merge === 'ok') reply.ok()
  else if (merge === 'sum') reply.integer(replies.reduce<number>((sum, each) => sum + Number(each), 0))
  else if (merge === 'list') writeReply(reply, (replies as Reply[][]).flat())
  else {
    const some = replies.filter((each) => each !== null)
    writeReply(reply, some.length === 0 ? null : some[Math.floor(random() * some.length)])
  }
}

/** Cursors of a node's own walk are below this. */
const LOCAL_CURSORS = 2 ** 32

interface CursorScan extends ReplyTarget {
  readonly args: Args
  /** By token, ascending. */
  readonly steps: readonly ScanStep[]
}

/**
 * SCAN over all nodes, one after the other. A cursor is the token of the node and the cursor of the node's own walk:
 * tokens belong to names, so that who joins or leaves meanwhile does not make others be skipped.
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
  // A cursor that is none, or that is of nobody's walk, is the asked node's to refuse or to end.
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
