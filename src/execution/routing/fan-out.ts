// Fan-out: runs a command on all nodes and merges their replies into one.

import { encodeRequest, type Reply } from '../../cluster/links/request.ts'
import type { FanOut } from '../../commands/spec/command.ts'
import { CUT_OFF, FLUSH_LATER, PASSING_FLUSH } from '../../commands/spec/errors.ts'
import { completeWith, isGone, type ReplyTarget, readReply, writeReply } from './gather.ts'
import type { Nodes } from './key-reports.ts'

/** The kinds whose replies `merge` combines. The others have files of their own: lists.ts, scans.ts. */
export type MergedFanOut = Exclude<FanOut, 'list' | 'cursor'>

interface FanOutRequest extends ReplyTarget {
  readonly merge: MergedFanOut
  readonly request: Buffer
  /** Whether this node is partitioned from members that may continue to serve. */
  readonly isCutOff: () => boolean
  /** Whether the command may run twice on the same node. */
  readonly isRepeatable: boolean
  /** How long to wait in total for nodes that relay a flush, ms. */
  readonly timeout: number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** The interval at which a node is asked whether it has finished relaying a flush, ms. */
const PASSING_WAIT = 5
/** The wait before a node that could not run the flush is asked again, ms. */
const LATER_WAIT = 20
/** How often a write runs at most, if nodes leave the cluster while it runs. */
const MAX_ROUNDS = 5

/**
 * Asks all nodes at once. A node that has left has no keys and is ignored. A write (`ok`) also runs on nodes that
 * join meanwhile: they may have taken over keys from a node before it ran the write. If a node leaves before it has
 * run the write, it runs everywhere again: others may have run it before they took over the keys of that node. A node
 * that relays a flush (see `FlushRelay`) is asked again until it has finished, and one that is paused, or
 * checks its leases, until it is not.
 */
export function fanOut(whole: FanOutRequest, { ask, owners, after }: Nodes): void {
  const { request, isCutOff } = whole
  const isWrite = whole.merge === 'ok'
  const replies: Reply[] = []
  const asked = new Set<number>()
  let missing = 0
  let waited = 0
  let rounds = 1
  let hasLeft = false
  const askAll = (nodes: readonly number[]): void => {
    missing += nodes.length
    for (const owner of nodes) asked.add(owner)
    for (const owner of nodes) askOne(owner)
  }
  const askOne = (owner: number): void => ask(owner, request, (bytes) => take(owner, bytes))
  const askAgain = (owner: number): void => {
    waited += PASSING_WAIT
    ask(owner, PASSED, (bytes) => take(owner, bytes))
  }
  const take = (owner: number, bytes: Buffer): void => {
    const answer = readReply(bytes)
    if (isWrite && isError(answer, FLUSH_LATER)) {
      after(LATER_WAIT, () => askOne(owner))
      return
    }
    if (isWrite && isError(answer, PASSING_FLUSH) && waited < whole.timeout) {
      after(PASSING_WAIT, () => askAgain(owner))
      return
    }
    if (!isGone(answer) || (isWrite && owners().includes(owner))) replies.push(answer)
    else hasLeft = true
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
    completeWith(whole, () => merge(whole, replies))
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

const PASSED = encodeRequest(['PEER', 'FLUSHED'])

function isError(answer: Reply, message: string): boolean {
  return answer instanceof Error && answer.message === message
}
