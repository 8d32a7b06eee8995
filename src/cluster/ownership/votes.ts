// The votes of the other members for each slot that this node is the target owner of.

const NO_ANSWER = 0
const OWNS = 1
const GRANTED = 2
type Answer = typeof NO_ANSWER | typeof OWNS | typeof GRANTED

/** The votes of one other member. */
export class MemberVotes {
  readonly name: string
  /** Its number in the table of owners. */
  readonly index: number
  /** The sequence number since which it has been in the view without interruption. */
  readonly memberSince: number
  /** Slots that it was asked to release, until the outcome is known. */
  readonly taking = new Set<number>()
  /** The id of the last request sent to it. */
  lastRequestId = 0
  /** Whether it knows that this node is leaving. */
  knowsLeaving = false
  /** By slot: its last answer. */
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
  /** By slot: the number of votes missing, and how many of these members have said that they own the slot. */
  readonly missing: Uint16Array
  readonly missingOwners: Uint16Array
  /** The slots that this node is the target owner of. */
  slots: readonly number[] = []
  /** The sum of `missing` over `slots`. */
  missingTotal = 0
  /** Counts the owners found; never decreases. */
  ownersFound = 0

  constructor(slots: number) {
    this.missing = new Uint16Array(slots)
    this.missingOwners = new Uint16Array(slots)
  }

  /** Whether every member has granted the slot except its current owner. */
  onlyOwnersMissing(slot: number): boolean {
    return this.missing[slot] === this.missingOwners[slot]
  }

  grant(member: MemberVotes, slot: number): void {
    const answer = member.answers[slot]
    if (answer === GRANTED) return
    if (answer === OWNS) this.missingOwners[slot]--
    member.answers[slot] = GRANTED satisfies Answer
    this.missing[slot]--
    this.missingTotal--
  }

  /** The member says that it owns the slot, or (`owns` false) no longer says so. */
  setOwner(member: MemberVotes, slot: number, owns: boolean): void {
    const answer = member.answers[slot]
    if (answer === GRANTED || (answer === OWNS) === owns) return
    member.answers[slot] = owns ? OWNS : NO_ANSWER
    this.missingOwners[slot] += owns ? 1 : -1
    if (owns) this.ownersFound++
  }

  /** Discards all votes for a slot. */
  clear(slot: number): void {
    for (const { answers } of this.members.values()) answers[slot] = NO_ANSWER
  }

  /** Counts everything again, after `members`, `slots` or many answers have changed. */
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
