// Members with scores that were copied out of a store.

import { compareBytes } from '../span.ts'
import { StringList } from '../string-list.ts'
import { sortStrings } from './string-order.ts'

/** The score of member `i` of `members` is `scores[i]`. */
export class ScoredMembers {
  readonly members: StringList = new StringList()
  scores: Float64Array = new Float64Array(32)

  get count(): number {
    return this.members.count
  }

  add(bytes: Uint8Array, start: number, end: number, score: number): void {
    const i = this.members.count
    if (i === this.scores.length) {
      const larger = new Float64Array(2 * i)
      larger.set(this.scores)
      this.scores = larger
    }
    this.members.add(bytes, start, end)
    this.scores[i] = score
  }
}

/** The indexes of members in the order of a sorted set: by score, then by their bytes. Scores are never NaN. */
export function rankOrder(members: StringList, scores: Float64Array): Int32Array {
  const { count } = members
  const direction = directionOf(members, scores)
  if (direction === 0) return byMembers(members, scores, byScores(scores, count))
  const order = new Int32Array(count)
  for (let i = 0; i < count; i++) order[i] = i
  return direction > 0 ? order : order.reverse()
}

/** 1: the members are in this order already, -1: in the opposite one, as Redis dumps them, 0: in neither. */
function directionOf(members: StringList, scores: Float64Array): number {
  let direction = 0
  for (let i = 1; i < members.count; i++) {
    const own = Math.sign(scores[i] - scores[i - 1] || compareMembers(members, i, i - 1))
    if (direction === 0) direction = own
    if (own !== direction) return 0
  }
  return direction === 0 ? 1 : direction
}

function compareMembers({ bytes, starts, ends }: StringList, a: number, b: number): number {
  return compareBytes(bytes, starts[a], ends[a], bytes, starts[b], ends[b])
}

const BITS = 16
const BUCKETS = 1 << BITS
const SIGN = 1 << 31

/** For fewer members, the buckets of a radix sort would cost more than the members. */
const FEW = 2 ** 12

/** The indexes in the order of the scores. */
function byScores(scores: Float64Array, count: number): Int32Array {
  let order = new Int32Array(count)
  for (let i = 0; i < count; i++) order[i] = i
  if (count < FEW) return order.sort((a, b) => scores[a] - scores[b] || 0)
  const keys = orderedKeys(scores, count)
  let other = new Int32Array(count)
  const starts = new Int32Array(BUCKETS)
  for (let pass = 0; pass < 4; pass++) {
    starts.fill(0)
    for (let i = 0; i < count; i++) starts[keys[4 * i + pass]]++
    // A digit that all scores have in common, such as the low digits of small integers, is skipped.
    if (starts[keys[pass]] === count) continue
    for (let bucket = 0, sum = 0; bucket < BUCKETS; bucket++) {
      const size = starts[bucket]
      starts[bucket] = sum
      sum += size
    }
    for (let i = 0; i < count; i++) {
      const index = order[i]
      other[starts[keys[4 * index + pass]]++] = index
    }
    ;[order, other] = [other, order]
  }
  return order
}

/** Scores as unsigned 64-bit integers in the same order, in four digits each, the lowest one first. */
function orderedKeys(scores: Float64Array, count: number): Uint16Array {
  const doubles = new Float64Array(count)
  // 0 and -0 are equal.
  for (let i = 0; i < count; i++) doubles[i] = scores[i] + 0
  const words = new Int32Array(doubles.buffer)
  for (let i = 1; i < words.length; i += 2) {
    if (words[i] >= 0) words[i] ^= SIGN
    else {
      words[i] = ~words[i]
      words[i - 1] = ~words[i - 1]
    }
  }
  return new Uint16Array(doubles.buffer)
}

/** Orders members of equal score by their bytes. */
function byMembers(members: StringList, scores: Float64Array, order: Int32Array): Int32Array {
  for (let from = 0; from < order.length; ) {
    const score = scores[order[from]]
    let to = from + 1
    while (to < order.length && scores[order[to]] === score) to++
    if (to - from > 1) sortStrings(members, order.subarray(from, to))
    from = to
  }
  return order
}
