// Members with scores, in two trees of a region: the body of a large sorted set, and the deadlines of a hash's fields.

import { orderOfHashes } from './bulk/hash-order.ts'
import { rankOrder } from './bulk/scored-members.ts'
import type { Collections } from './collections.ts'
import { NO_PAGE } from './region/pages.ts'
import { compareBytes } from './span.ts'
import { StringList } from './string-list.ts'
import { DOUBLE_BYTES, memberBytes, TreeKind } from './tree/layout.ts'
import { Tree } from './tree/tree.ts'

/*
 *   RANKING: score, member                     gives the order and ranks
 *   SCORES:  hash of the member → score, member   finds a member
 */

/** Where the member is in an entry of SCORES: behind the score. */
const MEMBER_AT = DOUBLE_BYTES[TreeKind.SCORES]

/** For a range of at least FEW members, and this share of all, scores are removed by one pass over all scores. */
const FEW = 64
const SMALL_SHARE = 64

/** `open` chooses the region. A member that `find` has looked for is changed by the calls that follow it. */
export class RankedMembers {
  /** The result of `find`, and the argument of `insert` and `update`. Never NaN. */
  readonly score: Float64Array = new Float64Array(1)
  readonly ranking: Tree
  readonly scores: Tree
  readonly #parts: Collections
  readonly #word: number

  /** @param word where the descriptor of RANKING is in the head of a region; that of SCORES follows */
  constructor(parts: Collections, word: number) {
    this.#parts = parts
    this.#word = word
    this.ranking = new Tree(parts.regions)
    this.scores = new Tree(parts.regions)
  }

  /** The word of the head of a region that counts its members. */
  get countWord(): number {
    return this.#word + 2
  }

  /** The word of the head of a region where the descriptor of SCORES is. */
  get scoresWord(): number {
    return this.#word + 3
  }

  openRanking(region: number): Tree {
    this.ranking.open(region, TreeKind.RANKING, this.#word)
    return this.ranking
  }

  openScores(region: number): Tree {
    this.scores.open(region, TreeKind.SCORES, this.scoresWord)
    return this.scores
  }

  /** Finds a member; its score is in `score`. False: there is none, and SCORES is where it belongs. */
  find(region: number, bytes: Uint8Array, start: number, end: number): boolean {
    const scores = this.openScores(region)
    if (!scores.seekString(this.#parts.store.hashOf(bytes, start, end), bytes, start, end)) return false
    this.score[0] = scores.view.getFloat64(scores.at, true)
    return true
  }

  /** Goes to a member in RANKING, or to where it belongs. */
  seek(region: number, score: number, bytes: Uint8Array, start: number, end: number): boolean {
    const ranking = this.openRanking(region)
    ranking.keyDouble[0] = score
    return ranking.seekMember(bytes, start, end)
  }

  /** Inserts a member where `find` has not found it. */
  insert(region: number, bytes: Uint8Array, start: number, end: number): void {
    const { ranking, scores } = this
    const score = this.score[0]
    this.seek(region, score, bytes, start, end)
    const length = memberBytes(end - start)
    ranking.insert(length)
    ranking.writeString(ranking.stringsAt, bytes, start, end)
    scores.insert(length)
    this.#write(score)
  }

  /** Inserts distinct members into an empty region: in the order of the trees, so that each takes its place at the end. */
  load(region: number, members: StringList, scores: Float64Array): void {
    const { bytes, starts, ends, count } = members
    const ranking = this.openRanking(region)
    /** By member: the page of its own that it has, which both trees share. */
    let pages: Int32Array | undefined
    const order = rankOrder(members, scores)
    for (let rank = 0; rank < count; rank++) {
      const i = order[rank]
      const start = starts[i]
      const end = ends[i]
      ranking.keyDouble[0] = scores[i]
      ranking.append(memberBytes(end - start))
      ranking.writeString(ranking.stringsAt, bytes, start, end)
      const page = ranking.separatePage(ranking.stringsAt)
      if (page === NO_PAGE) continue
      pages ??= new Int32Array(count)
      pages[i] = page
    }
    ranking.endAppending()
    const table = this.openScores(region)
    const hashes = this.#parts.hashesOf(members)
    for (const i of orderOfHashes(hashes)) {
      const start = starts[i]
      const end = ends[i]
      table.key[0] = hashes[i]
      table.append(memberBytes(end - start))
      table.view.setFloat64(table.at, scores[i], true)
      const page = pages?.[i] ?? NO_PAGE
      if (page === NO_PAGE) table.writeString(table.stringsAt, bytes, start, end)
      else table.shareString(table.stringsAt, page, end - start)
    }
    table.endAppending()
  }

  /** Gives the member that was found another score. */
  update(region: number, bytes: Uint8Array, start: number, end: number): void {
    const { ranking, scores } = this
    const score = this.score[0]
    this.seek(region, scores.view.getFloat64(scores.at, true), bytes, start, end)
    if (ranking.rescore(score)) {
      scores.view.setFloat64(scores.at, score, true)
      return
    }
    ranking.remove()
    ranking.keyDouble[0] = score
    ranking.seekMember(bytes, start, end)
    ranking.insert(memberBytes(end - start))
    ranking.writeString(ranking.stringsAt, bytes, start, end)
    this.#write(score)
  }

  /** Removes the member that was found. */
  remove(region: number, bytes: Uint8Array, start: number, end: number): void {
    if (!this.seek(region, this.score[0], bytes, start, end)) throw new Error('a member has no rank')
    // The longer members have a page of their own, which belongs to RANKING.
    this.ranking.remove()
    this.scores.remove()
  }

  /** Removes `count` members from a rank on. */
  removeRange(region: number, rank: number, count: number): void {
    const ranking = this.openRanking(region)
    const scores = this.openScores(region)
    if (count >= FEW && count * SMALL_SHARE >= ranking.count) this.#filterScores(scores, ranking, rank, count)
    else if (count >= FEW) this.#removeScores(scores, ranking, rank, count)
    else {
      ranking.seekRank(rank)
      for (let left = count; left > 0; left--) {
        this.#removeScore(scores, ranking)
        if (left > 1) ranking.next()
      }
    }
    if (count === 1) ranking.remove()
    else ranking.removeRange(rank, count)
  }

  /** Removes the members of a range of RANKING from SCORES in the order of that tree: neighbours are in the cache. */
  #removeScores(scores: Tree, ranking: Tree, rank: number, count: number): void {
    const members = new StringList()
    const { span } = ranking
    ranking.seekRank(rank)
    for (let i = 0; i < count; i++) {
      ranking.readString(ranking.stringsAt)
      members.add(span.bytes, span.start, span.end)
      if (i + 1 < count) ranking.next()
    }
    const { bytes, starts, ends } = members
    const hashes = this.#parts.hashesOf(members)
    for (const i of orderOfHashes(hashes))
      if (scores.seekString(hashes[i], bytes, starts[i], ends[i])) scores.remove()
  }

  /**
   * Removes the members of a range of RANKING from SCORES, by one pass over all scores: that costs less than finding
   * each of many members. Only members with the score of an end of the range have to be compared.
   */
  #filterScores(scores: Tree, ranking: Tree, rank: number, count: number): void {
    ranking.seekRank(rank)
    const least = ranking.view.getFloat64(ranking.keyAt, true)
    ranking.readString(ranking.stringsAt)
    const first = ranking.span.copy()
    ranking.seekRank(rank + count - 1)
    const most = ranking.view.getFloat64(ranking.keyAt, true)
    ranking.readString(ranking.stringsAt)
    const last = ranking.span.copy()
    const { span } = scores
    scores.removeWhere((at) => {
      const score = scores.view.getFloat64(at, true)
      if (score < least || score > most) return false
      if (score > least && score < most) return true
      scores.readString(at + MEMBER_AT)
      const { bytes, start, end } = span
      return (
        (score > least || compareBytes(bytes, start, end, first, 0, first.length) >= 0) &&
        (score < most || compareBytes(bytes, start, end, last, 0, last.length) <= 0)
      )
    })
  }

  /** Removes the member at the position of a tree that is open as RANKING. */
  removeRead(region: number, ranking: Tree): void {
    this.#removeScore(this.openScores(region), ranking)
    ranking.remove()
  }

  /** Removes the member at the position of RANKING from SCORES. */
  #removeScore(scores: Tree, ranking: Tree): void {
    ranking.readString(ranking.stringsAt)
    const { bytes, start, end } = ranking.span
    if (scores.seekString(this.#parts.store.hashOf(bytes, start, end), bytes, start, end)) scores.remove()
  }

  /** Throws when the trees contradict each other. Returns the pages that they use. For tests. */
  verify(region: number): number {
    const ranking = this.openRanking(region)
    const scores = this.openScores(region)
    if (ranking.count !== scores.count)
      throw new Error(`${ranking.count} members have ranks, ${scores.count} can be found`)
    return ranking.verify() + scores.verify()
  }

  /** Completes the entry of SCORES that belongs to the one of RANKING. */
  #write(score: number): void {
    const { scores } = this
    scores.view.setFloat64(scores.at, score, true)
    scores.copyString(this.ranking)
  }
}
