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
  readonly born: number
  /** How many slots there are; for tests. */
  readonly slots?: number
}

/** In `owners`: this node. */
export const SELF = 0
/** In `owners`: not known. Only before the first view. */
export const NOBODY = 0xffff

export class Ownership {
  /** By slot: the number of the member to which a request goes. The array stays the same. */
  readonly owners: Uint16Array
  epoch = 0
  /** How many slots this node owns. */
  held = 0
  readonly #options: OwnershipOptions
  readonly #votes: Votes
  /** By slot: the target, and since when it has been this node. */
  readonly #target: Uint16Array
  readonly #since: Float64Array
  /** By slot: whether everyone had consented, or the holder gave it. Else it was taken because its owner was dead. */
  readonly #firm: Uint8Array
  /** By slot: to whom this node gave it, 0: nobody. Said again if the answer was lost. */
  readonly #given: Uint16Array
  /** By slot: who of those that consented has its entries. */
  readonly #source: Uint16Array
  /** By slot: who was asked to give it up, when first, and whether a correction has said that it did. */
  readonly #taking: Uint16Array
  readonly #takenAt: Float64Array
  readonly #corrected = new Set<number>()
  /** The last claim of each member. */
  readonly #heard = new Map<string, number>()
  #moment: number
  #leaving = false
  #leavingSince = 0
  #deposedAt = 0
  #view: View | undefined
  /** Slots in `#taking`. */
  #takes = 0
  readonly #gains = new Map<string | undefined, number[]>()
  readonly #losses = new Map<string | undefined, number[]>()

  constructor(options: OwnershipOptions) {
    const slots = options.slots ?? SLOT_COUNT
    this.#options = options
    this.#moment = options.born
    this.#votes = new Votes(slots)
    this.owners = new Uint16Array(slots).fill(NOBODY)
    this.#target = new Uint16Array(slots).fill(NOBODY)
    this.#since = new Float64Array(slots)
    this.#firm = new Uint8Array(slots)
    this.#given = new Uint16Array(slots)
    this.#source = new Uint16Array(slots)
    this.#taking = new Uint16Array(slots)
    this.#takenAt = new Float64Array(slots)
  }

  /** Whether claims are outstanding. */
  get pending(): boolean {
    return this.#votes.open > 0 || this.#takes > 0
  }

  /**
   * What goes with a request that this node's own view sends to a peer. If the peer has the same stamp, and it is not
   * 0, its view would send the request to the same node: it need not look. Where another node has said that one still
   * has a slot, the stamp says nothing: it may have given that away since.
   */
  get stamp(): number {
    return this.pending || this.#view?.members.length === 0 ? 0 : this.epoch
  }

  /** Rises with everything that happens; see `corrected`. */
  get moment(): number {
    return this.#moment
  }

  /** Whether this node, which leaves, owns nothing, and all others know that it leaves: they will not take it for dead. */
  get released(): boolean {
    const voices = [...this.#votes.voices.values()]
    return this.held === 0 && this.#takes === 0 && (!this.#leaving || voices.every(({ aware }) => aware))
  }

  /** The other live members. */
  get peers(): readonly string[] {
    return [...this.#votes.voices.keys()]
  }

  /** The cluster has changed, or is seen for the first time. */
  view(view: View): void {
    this.#moment++
    const left = new Set(this.#view?.leaving.map((name) => this.#votes.voices.get(name)?.index))
    this.#view = view
    this.epoch = view.epoch
    const leaving = view.leaving.includes(this.#options.self)
    if (leaving && !this.#leaving) this.#leavingSince = this.#moment
    this.#leaving = leaving
    this.#meet([...view.members, ...view.leaving])
    this.#retarget(view, left)
    this.#count()
    this.#report()
  }

  /** There is no other node. */
  alone(): void {
    const target = new Uint16Array(this.owners.length)
    this.view({ epoch: 0, members: [this.#options.self], target, leaving: [] })
  }

  /** Others have held this node for dead, and may have served its slots: it owns nothing before it has asked again. */
  deposed(): void {
    this.#deposedAt = ++this.#moment
    for (let slot = 0; slot < this.owners.length; slot++)
      if (this.owners[slot] === SELF) note(this.#losses, undefined, slot)
    for (const table of [this.#firm, this.#given, this.#source, this.#taking]) table.fill(0)
    for (const table of [this.owners, this.#target]) table.fill(NOBODY)
    for (const { taking, marks } of this.#votes.voices.values()) {
      taking.clear()
      marks.fill(0)
    }
    this.#corrected.clear()
    this.#takes = 0
    this.held = 0
    if (this.#view !== undefined) this.#retarget(this.#view, new Set())
    this.#count()
    this.#report()
  }

  /**
   * What is to be asked of a member, to be sent now: its answer goes to `answered`. One claim to a member at a time,
   * sent anew (with what is then to be asked) when it was lost.
   */
  request(name: string): OwnershipRequest | undefined {
    const voice = this.#votes.voices.get(name)
    if (voice === undefined) return undefined
    const id = ++this.#moment
    const ask: number[] = []
    for (const slot of this.#votes.slots) {
      if (voice.consents(slot) || this.#taking[slot] === voice.index) continue
      if (!voice.holds(slot)) ask.push(slot)
      else if (this.#taking[slot] === 0 && this.#votes.onlyHoldersLack(slot)) this.#take(voice, slot)
    }
    const silent = this.#leaving && !voice.aware
    if (ask.length === 0 && voice.taking.size === 0 && !silent) return undefined
    voice.lastClaim = id
    return { id, epoch: this.epoch, ask, take: [...voice.taking] }
  }

  /** Another process has taken a member's place: it numbers its claims by a clock that may have been set back. */
  restarted(name: string): void {
    this.#heard.delete(name)
  }

  /** Answers the claim of another member. `lost` is called before the answer is there to be sent. */
  requested(by: string, claim: OwnershipRequest): OwnershipReply {
    const answer = { agreed: claim.epoch === this.epoch, granted: [], given: [], held: [] }
    const voice = this.#votes.voices.get(by)
    if (voice === undefined || claim.id <= (this.#heard.get(by) ?? 0)) return answer
    this.#heard.set(by, claim.id)
    for (const slot of claim.take) this.#consider(voice, slot, true, answer)
    for (const slot of claim.ask) this.#consider(voice, slot, false, answer)
    this.#report()
    return answer
  }

  /** The answer to a claim of this node. Whether it told something new: then more may be claimed at once, of anyone. */
  answered(by: string, claim: OwnershipRequest, answer: OwnershipReply): boolean {
    const voice = this.#votes.voices.get(by)
    if (voice === undefined || claim.id <= this.#deposedAt || claim.id < voice.since) return false
    this.#moment++
    const { open, known } = this.#votes
    if (this.#leaving && answer.agreed && claim.id > this.#leavingSince) voice.aware = true
    const given = new Set(answer.given)
    const granted = new Set(answer.granted)
    const held = new Set(answer.held)
    for (const slot of claim.take) {
      if (!granted.has(slot) && claim.id !== voice.lastClaim) continue
      if (this.#untake(voice, slot) && given.has(slot)) this.#own(slot, true, voice.name)
      else if (given.has(slot)) this.#source[slot] = voice.index
      else if (this.#corrected.delete(slot)) note(this.#gains, undefined, slot)
      this.#corrected.delete(slot)
    }
    for (const slot of [...claim.take, ...claim.ask]) {
      if (this.#target[slot] !== SELF || claim.id < this.#since[slot]) continue
      if (!granted.has(slot)) {
        this.#votes.hold(voice, slot, held.has(slot))
        if (held.has(slot) && this.owners[slot] !== SELF) this.owners[slot] = voice.index
        continue
      }
      if (given.has(slot)) this.#source[slot] = voice.index
      this.#votes.consent(voice, slot)
      if (this.#votes.lacking[slot] === 0) this.#complete(slot)
    }
    this.#report()
    return this.#votes.open < open || this.#votes.known > known
  }

  /**
   * A request that this node sent when `moment` was what it was then came back: `by` says that this node owns the
   * slot. If it had been asked to give it up, it did so, and its answer is still on the way. Whether this node owns
   * the slot now.
   */
  corrected(by: string, slot: number, moment: number): boolean {
    const voice = this.#votes.voices.get(by)
    if (this.owners[slot] === SELF) return true
    if (voice === undefined || this.#taking[slot] !== voice.index || moment < this.#takenAt[slot])
      return false
    this.#moment++
    this.#corrected.add(slot)
    this.#own(slot, true, by)
    this.#report()
    return true
  }

  /** Whether entries from this member may come for a slot of which this node does not know yet that it is its own. */
  expects(slot: number, from: string): boolean {
    if (this.owners[slot] === SELF) return false
    return this.#target[slot] === SELF || this.#taking[slot] === this.#votes.voices.get(from)?.index
  }

  #take(voice: MemberVotes, slot: number): void {
    voice.taking.add(slot)
    this.#taking[slot] = voice.index
    this.#takenAt[slot] = this.#moment
    this.#takes++
  }

  /** What became of a slot that was asked for is known. False: it was known before. */
  #untake(voice: MemberVotes, slot: number): boolean {
    if (!voice.taking.delete(slot)) return false
    this.#taking[slot] = 0
    this.#takes--
    return true
  }

  #consider(
    voice: MemberVotes,
    slot: number,
    take: boolean,
    answer: { agreed: boolean; granted: number[]; given: number[]; held: number[] },
  ): void {
    const holds = this.owners[slot] === SELF
    const agreed = answer.agreed && this.#target[slot] === voice.index
    const given = this.#given[slot] === voice.index && !holds
    if (this.#taking[slot] !== 0 || !(agreed || (take && given))) return
    if (holds && (!take || this.#options.busy(slot))) {
      answer.held.push(slot)
      return
    }
    answer.granted.push(slot)
    if (holds) {
      this.#given[slot] = voice.index
      this.#disown(slot, voice.index)
    } else if (!given) return
    // If it was given before, that answer was lost. A claim of our own begins anew: it may have been consented to.
    if (this.#target[slot] === SELF) {
      this.#begin(slot)
      this.#votes.recount()
      this.owners[slot] = voice.index
    }
    answer.given.push(slot)
    note(this.#losses, voice.name, slot)
  }

  /** Forgets who left, and hears who came. */
  #meet(live: readonly string[]): void {
    const { voices } = this.#votes
    const present = new Set(live)
    for (const voice of voices.values()) {
      if (present.has(voice.name)) continue
      for (const slot of [...voice.taking]) {
        this.#untake(voice, slot)
        this.#corrected.delete(slot)
      }
      for (let slot = 0; slot < this.owners.length; slot++) {
        if (this.#given[slot] === voice.index) this.#given[slot] = 0
        if (this.#source[slot] === voice.index) this.#source[slot] = 0
      }
      voices.delete(voice.name)
    }
    for (const name of present) {
      if (name === this.#options.self || voices.has(name)) continue
      voices.set(name, new MemberVotes(name, this.#options.indexOf(name), this.#moment, this.owners.length))
    }
  }

  /** @param left those that were leaving in the view before: they gave their slots away, whoever has them now */
  #retarget(view: View, left: ReadonlySet<number | undefined>): void {
    const { members, target } = view
    const numbers = members.map((name) => (name === this.#options.self ? SELF : this.#options.indexOf(name)))
    const live = new Set([...this.#votes.voices.values()].map(({ index }) => index))
    const own: number[] = []
    let before: Uint16Array | undefined
    for (let slot = 0; slot < this.owners.length; slot++) {
      const had = this.#target[slot]
      const to = members.length === 0 ? NOBODY : numbers[target[slot]]
      this.#target[slot] = to
      if (to === SELF) own.push(slot)
      if ((had === SELF) !== (to === SELF)) this.#begin(slot)
      // Taken without asking, and not to be kept: nobody would ask for it who had consent from before.
      if (to !== SELF && this.owners[slot] === SELF && this.#firm[slot] === 0) {
        this.#disown(slot, to)
        note(this.#losses, to === NOBODY ? undefined : this.#options.nameOf(to), slot)
      }
      if (this.owners[slot] === SELF) continue
      if (to !== SELF) {
        if (to !== NOBODY) this.owners[slot] = to
        continue
      }
      const owner = this.owners[slot]
      if (owner === NOBODY || (left.has(owner) && !live.has(owner))) {
        before ??= this.#withoutSelf(view)
        this.owners[slot] = before[slot]
      }
      if (!live.has(this.owners[slot])) this.#own(slot, false, undefined)
    }
    this.#votes.slots = own
  }

  /** Who would own the slots if this node were not there: `NOBODY` if it is the only one. */
  #withoutSelf({ members, leaving }: View): Uint16Array {
    const { self, assign, indexOf } = this.#options
    const others = members.filter((name) => name !== self)
    const names = others.length > 0 ? others : leaving.filter((name) => name !== self)
    if (names.length === 0) return new Uint16Array(this.owners.length).fill(NOBODY)
    const numbers = names.map(indexOf)
    return assign(names).map((place) => numbers[place])
  }

  /** Consents to what this node claims for a slot are asked anew. */
  #begin(slot: number): void {
    this.#since[slot] = ++this.#moment
    this.#source[slot] = 0
    this.#votes.forget(slot)
  }

  #count(): void {
    this.#votes.recount()
    for (const slot of this.#votes.slots) if (this.#votes.lacking[slot] === 0) this.#complete(slot)
  }

  /** Everyone has consented. */
  #complete(slot: number): void {
    const source = this.#source[slot]
    if (this.owners[slot] === SELF) this.#firm[slot] = 1
    else this.#own(slot, true, source === 0 ? undefined : this.#options.nameOf(source))
  }

  #own(slot: number, firm: boolean, from: string | undefined): void {
    if (this.owners[slot] === SELF) return
    this.owners[slot] = SELF
    this.#firm[slot] = firm ? 1 : 0
    this.#given[slot] = 0
    this.held++
    note(this.#gains, from, slot)
  }

  #disown(slot: number, to: number): void {
    this.owners[slot] = to
    this.#firm[slot] = 0
    this.held--
  }

  /** Tells what has changed hands, once everything here is as it will be. */
  #report(): void {
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
