// What the other members have said about each slot that this node is to own: nothing yet, 'I hold it', or 'take it'.

const NO_ANSWER = 0
const OWNS = 1
const GRANTED = 2
type Answer = typeof NO_ANSWER | typeof OWNS | typeof GRANTED

/** What one other member has said. */
export class MemberVotes {
  readonly name: string
  /** Its number in the table of owners. */
  readonly index: number
  /** The moment since which it has been in the view without interruption. */
  readonly memberSince: number
  /** Slots that it was asked to give up, while what became of that is not known. */
  readonly taking = new Set<number>()
  /** The number of the last claim sent to it. */
  lastRequestId = 0
  /** Whether it knows that this node leaves. */
  knowsLeaving = false
  readonly answers: Uint8Array

  constructor(name: string, index: number, since: number, slots: number) {
    this.name = name
    this.index = index
    this.memberSince = since
    this.answers = new Uint8Array(slots)
  }

  hasGranted(slot: number): boolean {
    return this.answers[slot] === GRANTED
  }

  saysItOwns(slot: number): boolean {
    return this.answers[slot] === OWNS
  }
}

export class Votes {
  readonly members = new Map<string, MemberVotes>()
  /** By slot: how many have not consented, and how many of these hold it. */
  readonly missing: Uint16Array
  readonly missingOwners: Uint16Array
  /** The slots that this node is to own. */
  slots: readonly number[] = []
  /** Pairs of a slot and a member that has not consented. */
  missingTotal = 0
  /** Holders found; never falls. */
  ownersFound = 0

  constructor(slots: number) {
    this.missing = new Uint16Array(slots)
    this.missingOwners = new Uint16Array(slots)
  }

  /** Whether everyone has consented who is not known to hold the slot. */
  onlyOwnersMissing(slot: number): boolean {
    return this.missing[slot] === this.missingOwners[slot]
  }

  grant(voice: MemberVotes, slot: number): void {
    const mark = voice.answers[slot]
    if (mark === GRANTED) return
    if (mark === OWNS) this.missingOwners[slot]--
    voice.answers[slot] = GRANTED satisfies Answer
    this.missing[slot]--
    this.missingTotal--
  }

  /** The member holds the slot, or (`holds` false) nothing is known about that any more. */
  setOwner(voice: MemberVotes, slot: number, holds: boolean): void {
    const mark = voice.answers[slot]
    if (mark === GRANTED || (mark === OWNS) === holds) return
    voice.answers[slot] = holds ? OWNS : NO_ANSWER
    this.missingOwners[slot] += holds ? 1 : -1
    if (holds) this.ownersFound++
  }

  /** Whatever was said about a slot counts no more. */
  clear(slot: number): void {
    for (const { answers } of this.members.values()) answers[slot] = NO_ANSWER
  }

  /** Counts anew, after `voices`, `slots` or what was said has changed as a whole. */
  recount(): void {
    this.missingTotal = 0
    for (const slot of this.slots) {
      let lacking = 0
      let holders = 0
      for (const { answers } of this.members.values()) {
        if (answers[slot] !== GRANTED) lacking++
        if (answers[slot] === OWNS) holders++
      }
      this.missing[slot] = lacking
      this.missingOwners[slot] = holders
      this.missingTotal += lacking
    }
  }
}
