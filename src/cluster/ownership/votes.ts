// What the other members have said about each slot that this node is to own: nothing yet, 'I hold it', or 'take it'.

const SILENT = 0
const HOLDS = 1
const GRANTS = 2
type Mark = typeof SILENT | typeof HOLDS | typeof GRANTS

/** What one other member has said. */
export class MemberVotes {
  readonly name: string
  /** Its number in the table of owners. */
  readonly index: number
  /** The moment since which it has been in the view without interruption. */
  readonly since: number
  /** Slots that it was asked to give up, while what became of that is not known. */
  readonly taking = new Set<number>()
  /** The number of the last claim sent to it. */
  lastClaim = 0
  /** Whether it knows that this node leaves. */
  aware = false
  readonly marks: Uint8Array

  constructor(name: string, index: number, since: number, slots: number) {
    this.name = name
    this.index = index
    this.since = since
    this.marks = new Uint8Array(slots)
  }

  consents(slot: number): boolean {
    return this.marks[slot] === GRANTS
  }

  holds(slot: number): boolean {
    return this.marks[slot] === HOLDS
  }
}

export class Votes {
  readonly voices = new Map<string, MemberVotes>()
  /** By slot: how many have not consented, and how many of these hold it. */
  readonly lacking: Uint16Array
  readonly holders: Uint16Array
  /** The slots that this node is to own. */
  slots: readonly number[] = []
  /** Pairs of a slot and a member that has not consented. */
  open = 0
  /** Holders found; never falls. */
  known = 0

  constructor(slots: number) {
    this.lacking = new Uint16Array(slots)
    this.holders = new Uint16Array(slots)
  }

  /** Whether everyone has consented who is not known to hold the slot. */
  onlyHoldersLack(slot: number): boolean {
    return this.lacking[slot] === this.holders[slot]
  }

  consent(voice: MemberVotes, slot: number): void {
    const mark = voice.marks[slot]
    if (mark === GRANTS) return
    if (mark === HOLDS) this.holders[slot]--
    voice.marks[slot] = GRANTS satisfies Mark
    this.lacking[slot]--
    this.open--
  }

  /** The member holds the slot, or (`holds` false) nothing is known about that any more. */
  hold(voice: MemberVotes, slot: number, holds: boolean): void {
    const mark = voice.marks[slot]
    if (mark === GRANTS || (mark === HOLDS) === holds) return
    voice.marks[slot] = holds ? HOLDS : SILENT
    this.holders[slot] += holds ? 1 : -1
    if (holds) this.known++
  }

  /** Whatever was said about a slot counts no more. */
  forget(slot: number): void {
    for (const { marks } of this.voices.values()) marks[slot] = SILENT
  }

  /** Counts anew, after `voices`, `slots` or what was said has changed as a whole. */
  recount(): void {
    this.open = 0
    for (const slot of this.slots) {
      let lacking = 0
      let holders = 0
      for (const { marks } of this.voices.values()) {
        if (marks[slot] !== GRANTS) lacking++
        if (marks[slot] === HOLDS) holders++
      }
      this.lacking[slot] = lacking
      this.holders[slot] = holders
      this.open += lacking
    }
  }
}
