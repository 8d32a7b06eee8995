// KEYS of all nodes: concatenates their lists, and finds each key exactly once while slots move.

import { parseInteger } from '../../bytes/numbers/decimal.ts'
import { KeySet } from '../../cluster/handover/key-set.ts'
import type { Reply } from '../../cluster/links/request.ts'
import { completeWith, isGone, type ReplyTarget, readReply, writeReply } from './gather.ts'
import { askNodes, askReports, isMoving, type KeyReports, type Nodes } from './key-reports.ts'

const ASTERISK = 0x2a
/** Keys that are compared before other work runs. */
const STEP = 2000

interface List extends ReplyTarget {
  readonly request: Buffer
}

/**
 * Asks all nodes. A node that has received entries meanwhile is asked again: an entry may have left its previous node
 * before that one listed its keys, and arrived here after this one did. So a key that moves at most once meanwhile is
 * found. During a handover duplicates are removed: both nodes may list a key.
 */
export function fanOutList(list: List, nodes: Nodes): void {
  const lists = new Map<number, Buffer[]>()
  const others: Reply[] = []
  const collect = (asked: readonly number[], then: () => void): void =>
    askNodes(nodes, asked, list.request, (replies) => {
      for (const [node, bytes] of replies) {
        // Lists are not parsed: they may have millions of items.
        if (bytes[0] === ASTERISK) lists.set(node, [...(lists.get(node) ?? []), bytes])
        else {
          const answer = readReply(bytes)
          if (!isGone(answer)) others.push(answer)
        }
      }
      then()
    })
  const finish = (mayRepeatKeys: boolean): void => {
    const error = others.find((each) => each instanceof Error)
    const all = [...lists.values()].flat()
    if (error !== undefined) completeWith(list, (reply) => writeReply(reply, error))
    else if (mayRepeatKeys) void distinct(all).then((parts) => answer(list, parts))
    else answer(list, all.map(itemsOf))
  }
  askReports(nodes, (before) =>
    collect(nodes.owners(), () =>
      askReports(nodes, (after) => {
        if (before === undefined || after === undefined) {
          finish(false)
          return
        }
        const changed = [...after.keys()].filter((node) => hasReceived(node, before, after))
        if (changed.length > 0) collect(changed, () => finish(true))
        else finish(isMoving(before) || isMoving(after))
      }),
    ),
  )
}

function hasReceived(node: number, before: KeyReports, after: KeyReports): boolean {
  const then = before.get(node)
  const now = after.get(node)
  return then?.name !== now?.name || then?.received !== now?.received
}

/** The elements of an array of bulk strings without its header; RESP2 and RESP3 encode them alike. */
interface Items {
  readonly count: number
  readonly parts: readonly Buffer[]
}

function itemsOf(list: Buffer): Items {
  const head = list.indexOf('\r\n')
  return { count: parseInteger(list, 1, head), parts: [list.subarray(head + 2)] }
}

/** Removes duplicates. Yields to other work after every `STEP` keys. */
async function distinct(lists: readonly Buffer[]): Promise<Items[]> {
  const seen = new KeySet()
  const all: Items[] = []
  for (const list of lists) {
    const parts: Buffer[] = []
    let count = 0
    let from = list.indexOf('\r\n') + 2
    let steps = 0
    for (let at = from; at < list.length; ) {
      const head = list.indexOf('\r\n', at)
      const start = head + 2
      const end = start + parseInteger(list, at + 1, head)
      if (seen.has(list, start, end, 0)) {
        if (at > from) parts.push(list.subarray(from, at))
        from = end + 2
      } else {
        seen.add(list, start, end, 0)
        count++
      }
      at = end + 2
      if (++steps % STEP === 0) await new Promise(setImmediate)
    }
    if (from < list.length) parts.push(list.subarray(from))
    all.push({ count, parts })
  }
  return all
}

function answer({ reply, protocol, complete }: List, all: readonly Items[]): void {
  reply.protocol = protocol
  reply.array(all.reduce((sum, { count }) => sum + count, 0))
  for (const { parts } of all) for (const part of parts) reply.own(part)
  const [first, ...rest] = reply.takeParts()
  complete(first, rest)
}
