// The effective slot table of this node: which member answers for each slot at this moment, and how that changes hands.

/*
 * The target table says who is to own a slot, this one who does. A slot changes hands like the right to a critical
 * section in a network (Ricart and Agrawala, 1981; consents are kept as Roucairol and Carvalho proposed, 1983):
 *
 *   1. Whoever is to own a slot asks every other live member. One with the same view that does not hold the slot
 *      consents, and by that gives up its own claim, if it had one. One that holds it says so, and keeps it.
 *   2. When only the holder has not consented, it is asked to give the slot up; its answer moves the slot. Until then
 *      the holder serves it, so that nobody has to wait.
 *   3. A consent lasts until its receiver gives the slot up or consents to another's claim.
 *
 * So two nodes can hold the same slot only if one took the other for dead. Then the one that was declared dead is
 * told, and owns nothing until it has asked again (`deposed`).
 */

import { SLOT_COUNT } from '../../bytes/crc16.ts'
import { MemberVotes, Votes } from './votes.ts'

/** What a node believes about the cluster. */
export interface View {
  /** Equal on two nodes only if members, target and leaving are: they then agree about every slot. Not 0. */
  readonly epoch: number
  /** Those among whom the slots are divided, this node included unless it is leaving. */
  readonly members: readonly string[]
  /** The slot table: places in `members`. Not read when there are no members. */
  readonly target: Uint16Array
  /** Those, this node included, that are alive and give their slots away. */
  readonly leaving: readonly string[]
}

/** Asks one member for slots. */
export interface OwnershipRequest {
  /** Rises with each claim of a node. */
  readonly id: number
  readonly epoch: number
  /** Slots for which the member's consent is asked. */
  readonly ask: readonly number[]
  /** Slots that it is to give up now: all others have consented. */
  readonly take: readonly number[]
}

/** Slots of the claim that are in none of these lists: ask again later. */
export interface OwnershipReply {
  /** Whether the member has the view of the claim. */
  readonly agreed: boolean
  readonly granted: readonly number[]
  /** Those among `granted` that the member held until now and whose entries it hands over. */
  readonly given: readonly number[]
  /** Slots that the member holds. */
  readonly held: readonly number[]
}

export interface OwnershipOptions {
  readonly self: string
  /** The number of another member in `owners`, from 1 to 65,534, always the same. */
  readonly indexOf: (name: string) => number
  readonly nameOf: (index: number) => string
  /** The target table for these members. */
  readonly assign: (members: readonly string[]) => Uint16Array
  /** Whether something of this slot is on its way, entries to this node or writes from it: until then it is not given up. */
  readonly busy: (slot: number) => boolean
  /** This node now owns these slots; `from` has their entries and hands them over. */
  readonly gained: (slots: readonly number[], from: string | undefined) => void
  /** This node no longer owns these slots; `to` takes their entries, `undefined`: nobody does. */
  readonly lost: (slots: readonly number[], to: string | undefined) => void
  /**
   * More than any number that an earlier run of this node had counted to, from its own: microseconds since the epoch
   * are. Claims are numbered from it, and a change of the members may count up by the number of slots.
   */
  readonly firstSequence: number
  /** How many slots there are; for tests. */
  readonly slots?: number
}

/** In `owners`: this node. */
export const SELF = 0
/** In `owners`: not known. Only before the first view. */
export const UNKNOWN_OWNER = 0xffff

export class Ownership {
  /** By slot: the number of the member to which a request goes. The array stays the same. */
  readonly owners: Uint16Array
  epoch = 0
  /** How many slots this node owns. */
  slotCount = 0
  readonly #options: OwnershipOptions
  readonly #votes: Votes
  /** By slot: the target, and since when it has been this node. */
  readonly #target: Uint16Array
  readonly #votesSince: Float64Array
  /** By slot: whether everyone had consented, or the holder gave it. Else it was taken because its owner was dead. */
  readonly #confirmed: Uint8Array
  /** By slot: to whom this node gave it, 0: nobody. Said again if the answer was lost. */
  readonly #givenTo: Uint16Array
  /** By slot: who of those that consented has its entries. */
  readonly #entriesAt: Uint16Array
  /** By slot: who was asked to give it up, when first, and whether a correction has said that it did. */
  readonly #takingFrom: Uint16Array
  readonly #takeSequence: Float64Array
  readonly #corrected = new Set<number>()
  /** The last claim of each member. */
  readonly #lastRequestIds = new Map<string, number>()
  #sequence: number
  #leaving = false
  #leavingSequence = 0
  #resetSequence = 0
  #view: View | undefined
  /** Slots in `#taking`. */
  #takeCount = 0
  readonly #gains = new Map<string | undefined, number[]>()
  readonly #losses = new Map<string | undefined, number[]>()

  constructor(options: OwnershipOptions) {
    const slots = options.slots ?? SLOT_COUNT
    this.#options = options
    this.#sequence = options.firstSequence
    this.#votes = new Votes(slots)
    this.owners = new Uint16Array(slots).fill(UNKNOWN_OWNER)
    this.#target = new Uint16Array(slots).fill(UNKNOWN_OWNER)
    this.#votesSince = new Float64Array(slots)
    this.#confirmed = new Uint8Array(slots)
    this.#givenTo = new Uint16Array(slots)
    this.#entriesAt = new Uint16Array(slots)
    this.#takingFrom = new Uint16Array(slots)
    this.#takeSequence = new Float64Array(slots)
  }

  /** Whether claims are outstanding. */
  get isPending(): boolean {
    return this.#votes.missingTotal > 0 || this.#takeCount > 0
  }

  /**
   * What goes with a request that this node's own view sends to a peer. If the peer has the same stamp, and it is not
   * 0, its view would send the request to the same node: it need not look. Where another node has said that one still
   * has a slot, the stamp says nothing: it may have given that away since.
   */
  get agreedEpoch(): number {
    return this.isPending || this.#view?.members.length === 0 ? 0 : this.epoch
  }

  /** Rises with everything that happens; see `corrected`. */
  get sequence(): number {
    return this.#sequence
  }

  /** Whether this node, which leaves, owns nothing, and all others know that it leaves: they will not take it for dead. */
  get hasReleasedAll(): boolean {
    const voices = [...this.#votes.members.values()]
    return (
      this.slotCount === 0 &&
      this.#takeCount === 0 &&
      (!this.#leaving || voices.every(({ knowsLeaving }) => knowsLeaving))
    )
  }

  /** The other live members. */
  get peers(): readonly string[] {
    return [...this.#votes.members.keys()]
  }

  /** The cluster has changed, or is seen for the first time. */
  setView(view: View): void {
    this.#sequence++
    const left = new Set(this.#view?.leaving.map((name) => this.#votes.members.get(name)?.index))
    this.#view = view
    this.epoch = view.epoch
    const leaving = view.leaving.includes(this.#options.self)
    if (leaving && !this.#leaving) this.#leavingSequence = this.#sequence
    this.#leaving = leaving
    this.#updateMembers([...view.members, ...view.leaving])
    this.#retarget(view, left)
    this.#countVotes()
    this.#notify()
  }

  /** There is no other node. */
  ownAll(): void {
    const target = new Uint16Array(this.owners.length)
    this.setView({ epoch: 0, members: [this.#options.self], target, leaving: [] })
  }

  /** Others have held this node for dead, and may have served its slots: it owns nothing before it has asked again. */
  declaredDead(): void {
    this.#resetSequence = ++this.#sequence
    for (let slot = 0; slot < this.owners.length; slot++)
      if (this.owners[slot] === SELF) note(this.#losses, undefined, slot)
    for (const table of [this.#confirmed, this.#givenTo, this.#entriesAt, this.#takingFrom]) table.fill(0)
    for (const table of [this.owners, this.#target]) table.fill(UNKNOWN_OWNER)
    for (const { taking, answers } of this.#votes.members.values()) {
      taking.clear()
      answers.fill(0)
    }
    this.#corrected.clear()
    this.#takeCount = 0
    this.slotCount = 0
    if (this.#view !== undefined) this.#retarget(this.#view, new Set())
    this.#countVotes()
    this.#notify()
  }

  /**
   * What is to be asked of a member, to be sent now: its answer goes to `answered`. One claim to a member at a time,
   * sent anew (with what is then to be asked) when it was lost.
   */
  request(name: string): OwnershipRequest | undefined {
    const voice = this.#votes.members.get(name)
    if (voice === undefined) return undefined
    const id = ++this.#sequence
    const ask: number[] = []
    for (const slot of this.#votes.slots) {
      if (voice.hasGranted(slot) || this.#takingFrom[slot] === voice.index) continue
      if (!voice.saysItOwns(slot)) ask.push(slot)
      else if (this.#takingFrom[slot] === 0 && this.#votes.onlyOwnersMissing(slot))
        this.#startTake(voice, slot)
    }
    const silent = this.#leaving && !voice.knowsLeaving
    if (ask.length === 0 && voice.taking.size === 0 && !silent) return undefined
    voice.lastRequestId = id
    return { id, epoch: this.epoch, ask, take: [...voice.taking] }
  }

  /** Another process has taken a member's place: it numbers its claims by a clock that may have been set back. */
  peerRestarted(name: string): void {
    this.#lastRequestIds.delete(name)
  }

  /** Answers the claim of another member. `lost` is called before the answer is there to be sent. */
  handleRequest(by: string, claim: OwnershipRequest): OwnershipReply {
    const answer = { agreed: claim.epoch === this.epoch, granted: [], given: [], held: [] }
    const voice = this.#votes.members.get(by)
    if (voice === undefined || claim.id <= (this.#lastRequestIds.get(by) ?? 0)) return answer
    this.#lastRequestIds.set(by, claim.id)
    for (const slot of claim.take) this.#decide(voice, slot, true, answer)
    for (const slot of claim.ask) this.#decide(voice, slot, false, answer)
    this.#notify()
    return answer
  }

  /** The answer to a claim of this node. Whether it told something new: then more may be claimed at once, of anyone. */
  handleReply(by: string, claim: OwnershipRequest, answer: OwnershipReply): boolean {
    const voice = this.#votes.members.get(by)
    if (voice === undefined || claim.id <= this.#resetSequence || claim.id < voice.memberSince) return false
    this.#sequence++
    const { missingTotal, ownersFound } = this.#votes
    if (this.#leaving && answer.agreed && claim.id > this.#leavingSequence) voice.knowsLeaving = true
    const given = new Set(answer.given)
    const granted = new Set(answer.granted)
    const held = new Set(answer.held)
    for (const slot of claim.take) {
      if (!granted.has(slot) && claim.id !== voice.lastRequestId) continue
      if (this.#endTake(voice, slot) && given.has(slot)) this.#gain(slot, true, voice.name)
      else if (given.has(slot)) this.#entriesAt[slot] = voice.index
      else if (this.#corrected.delete(slot)) note(this.#gains, undefined, slot)
      this.#corrected.delete(slot)
    }
    for (const slot of [...claim.take, ...claim.ask]) {
      if (this.#target[slot] !== SELF || claim.id < this.#votesSince[slot]) continue
      if (!granted.has(slot)) {
        this.#votes.setOwner(voice, slot, held.has(slot))
        if (held.has(slot) && this.owners[slot] !== SELF) this.owners[slot] = voice.index
        continue
      }
      if (given.has(slot)) this.#entriesAt[slot] = voice.index
      this.#votes.grant(voice, slot)
      if (this.#votes.missing[slot] === 0) this.#complete(slot)
    }
    this.#notify()
    return this.#votes.missingTotal < missingTotal || this.#votes.ownersFound > ownersFound
  }

  /**
   * A request that this node sent when `moment` was what it was then came back: `by` says that this node owns the
   * slot. If it had been asked to give it up, it did so, and its answer is still on the way. Whether this node owns
   * the slot now.
   */
  handleCorrection(by: string, slot: number, moment: number): boolean {
    const voice = this.#votes.members.get(by)
    if (this.owners[slot] === SELF) return true
    if (voice === undefined || this.#takingFrom[slot] !== voice.index || moment < this.#takeSequence[slot])
      return false
    this.#sequence++
    this.#corrected.add(slot)
    this.#gain(slot, true, by)
    this.#notify()
    return true
  }

  /** Whether entries from this member may come for a slot of which this node does not know yet that it is its own. */
  expectsEntries(slot: number, from: string): boolean {
    if (this.owners[slot] === SELF) return false
    return this.#target[slot] === SELF || this.#takingFrom[slot] === this.#votes.members.get(from)?.index
  }

  #startTake(voice: MemberVotes, slot: number): void {
    voice.taking.add(slot)
    this.#takingFrom[slot] = voice.index
    this.#takeSequence[slot] = this.#sequence
    this.#takeCount++
  }

  /** What became of a slot that was asked for is known. False: it was known before. */
  #endTake(voice: MemberVotes, slot: number): boolean {
    if (!voice.taking.delete(slot)) return false
    this.#takingFrom[slot] = 0
    this.#takeCount--
    return true
  }

  #decide(
    voice: MemberVotes,
    slot: number,
    take: boolean,
    answer: { agreed: boolean; granted: number[]; given: number[]; held: number[] },
  ): void {
    const holds = this.owners[slot] === SELF
    const agreed = answer.agreed && this.#target[slot] === voice.index
    const given = this.#givenTo[slot] === voice.index && !holds
    if (this.#takingFrom[slot] !== 0 || !(agreed || (take && given))) return
    if (holds && (!take || this.#options.busy(slot))) {
      answer.held.push(slot)
      return
    }
    answer.granted.push(slot)
    if (holds) {
      this.#givenTo[slot] = voice.index
      this.#lose(slot, voice.index)
    } else if (!given) return
    // If it was given before, that answer was lost. A claim of our own begins anew: it may have been consented to.
    if (this.#target[slot] === SELF) {
      this.#restartVotes(slot)
      this.#votes.recount()
      this.owners[slot] = voice.index
    }
    answer.given.push(slot)
    note(this.#losses, voice.name, slot)
  }

  /** Forgets who left, and hears who came. */
  #updateMembers(live: readonly string[]): void {
    const { members } = this.#votes
    const present = new Set(live)
    for (const voice of members.values()) {
      if (present.has(voice.name)) continue
      for (const slot of [...voice.taking]) {
        this.#endTake(voice, slot)
        this.#corrected.delete(slot)
      }
      for (let slot = 0; slot < this.owners.length; slot++) {
        if (this.#givenTo[slot] === voice.index) this.#givenTo[slot] = 0
        if (this.#entriesAt[slot] === voice.index) this.#entriesAt[slot] = 0
      }
      members.delete(voice.name)
    }
    for (const name of present) {
      if (name === this.#options.self || members.has(name)) continue
      members.set(
        name,
        new MemberVotes(name, this.#options.indexOf(name), this.#sequence, this.owners.length),
      )
    }
  }

  /** @param left those that were leaving in the view before: they gave their slots away, whoever has them now */
  #retarget(view: View, left: ReadonlySet<number | undefined>): void {
    const { members, target } = view
    const numbers = members.map((name) => (name === this.#options.self ? SELF : this.#options.indexOf(name)))
    const live = new Set([...this.#votes.members.values()].map(({ index }) => index))
    const own: number[] = []
    let before: Uint16Array | undefined
    for (let slot = 0; slot < this.owners.length; slot++) {
      const had = this.#target[slot]
      const to = members.length === 0 ? UNKNOWN_OWNER : numbers[target[slot]]
      this.#target[slot] = to
      if (to === SELF) own.push(slot)
      if ((had === SELF) !== (to === SELF)) this.#restartVotes(slot)
      // Taken without asking, and not to be kept: nobody would ask for it who had consent from before.
      if (to !== SELF && this.owners[slot] === SELF && this.#confirmed[slot] === 0) {
        this.#lose(slot, to)
        note(this.#losses, to === UNKNOWN_OWNER ? undefined : this.#options.nameOf(to), slot)
      }
      if (this.owners[slot] === SELF) continue
      if (to !== SELF) {
        if (to !== UNKNOWN_OWNER) this.owners[slot] = to
        continue
      }
      const owner = this.owners[slot]
      if (owner === UNKNOWN_OWNER || (left.has(owner) && !live.has(owner))) {
        before ??= this.#withoutSelf(view)
        this.owners[slot] = before[slot]
      }
      if (!live.has(this.owners[slot])) this.#gain(slot, false, undefined)
    }
    this.#votes.slots = own
  }

  /** Who would own the slots if this node were not there: `NOBODY` if it is the only one. */
  #withoutSelf({ members, leaving }: View): Uint16Array {
    const { self, assign, indexOf } = this.#options
    const others = members.filter((name) => name !== self)
    const names = others.length > 0 ? others : leaving.filter((name) => name !== self)
    if (names.length === 0) return new Uint16Array(this.owners.length).fill(UNKNOWN_OWNER)
    const numbers = names.map(indexOf)
    return assign(names).map((place) => numbers[place])
  }

  /** Consents to what this node claims for a slot are asked anew. */
  #restartVotes(slot: number): void {
    this.#votesSince[slot] = ++this.#sequence
    this.#entriesAt[slot] = 0
    this.#votes.clear(slot)
  }

  #countVotes(): void {
    this.#votes.recount()
    for (const slot of this.#votes.slots) if (this.#votes.missing[slot] === 0) this.#complete(slot)
  }

  /** Everyone has consented. */
  #complete(slot: number): void {
    const source = this.#entriesAt[slot]
    if (this.owners[slot] === SELF) this.#confirmed[slot] = 1
    else this.#gain(slot, true, source === 0 ? undefined : this.#options.nameOf(source))
  }

  #gain(slot: number, firm: boolean, from: string | undefined): void {
    if (this.owners[slot] === SELF) return
    this.owners[slot] = SELF
    this.#confirmed[slot] = firm ? 1 : 0
    this.#givenTo[slot] = 0
    this.slotCount++
    note(this.#gains, from, slot)
  }

  #lose(slot: number, to: number): void {
    this.owners[slot] = to
    this.#confirmed[slot] = 0
    this.slotCount--
  }

  /** Tells what has changed hands, once everything here is as it will be. */
  #notify(): void {
    const losses = [...this.#losses]
    const gains = [...this.#gains]
    this.#losses.clear()
    this.#gains.clear()
    for (const [to, slots] of losses) this.#options.lost(slots, to)
    for (const [from, slots] of gains) this.#options.gained(slots, from)
  }
}

function note(lists: Map<string | undefined, number[]>, name: string | undefined, slot: number): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [slot])
  else list.push(slot)
}
