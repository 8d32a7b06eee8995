// The effective slot table of this node: which member owns each slot now, and how ownership moves; see `protocol.ts`.

import { SLOT_COUNT } from '../../bytes/crc16.ts'
import { type ChangeEvents, SlotChanges } from './changes.ts'
import { type OwnershipReply, type OwnershipRequest, SELF, UNKNOWN_OWNER, type View } from './protocol.ts'
import { MemberVotes, Votes } from './votes.ts'

export interface OwnershipOptions extends ChangeEvents {
  readonly self: string
  /** The number of another member in `owners`, from 1 to 65,534. It never changes. */
  readonly indexOf: (name: string) => number
  readonly nameOf: (index: number) => string
  /** Computes the target table for these members. */
  readonly assign: (members: readonly string[]) => Uint16Array
  /** Whether a transfer of entries to this node or a write to an origin is pending in this slot: it is not released then. */
  readonly busy: (slot: number) => boolean
  /**
   * The first sequence number, larger than any that an earlier run of this node has used. Microseconds since the
   * epoch are: a change of the members increments the sequence by at most the number of slots.
   */
  readonly firstSequence: number
  /** The number of slots; for tests. */
  readonly slots?: number
}

export class Ownership {
  /** By slot: the number of the member to which requests are sent. The array object never changes. */
  readonly owners: Uint16Array
  epoch = 0
  /** The number of slots that this node owns. */
  slotCount = 0
  readonly #options: OwnershipOptions
  readonly #votes: Votes
  /** By slot: the target owner, and the sequence number since which votes for this node count. */
  readonly #target: Uint16Array
  readonly #votesSince: Float64Array
  /** By own slot: 1 if all votes were granted or the previous owner released it; 0 if it was taken from a dead owner. */
  readonly #confirmed: Uint8Array
  /** By slot: the member to which this node released it, 0 if none. The reply is repeated until the entries are handed over. */
  readonly #givenTo: Uint16Array
  /** By slot: the member, among those that granted it, that has its entries; 0 if none. */
  readonly #entriesAt: Uint16Array
  /** By slot: the member that was asked to release it. */
  readonly #takingFrom: Uint16Array
  /** By member: the id of its last request that was answered. */
  readonly #lastRequestIds = new Map<string, number>()
  #sequence: number
  #leaving = false
  #leavingSequence = 0
  #resetSequence = 0
  #view: View | undefined
  /** The number of slots in `#takingFrom` that are not 0. */
  #takeCount = 0
  readonly #changes: SlotChanges

  constructor(options: OwnershipOptions) {
    const slots = options.slots ?? SLOT_COUNT
    this.#options = options
    this.#changes = new SlotChanges(options)
    this.#sequence = options.firstSequence
    this.#votes = new Votes(slots)
    this.owners = new Uint16Array(slots).fill(UNKNOWN_OWNER)
    this.#target = new Uint16Array(slots).fill(UNKNOWN_OWNER)
    this.#votesSince = new Float64Array(slots)
    this.#confirmed = new Uint8Array(slots)
    this.#givenTo = new Uint16Array(slots)
    this.#entriesAt = new Uint16Array(slots)
    this.#takingFrom = new Uint16Array(slots)
  }

  /** Whether votes or releases are outstanding. */
  get isPending(): boolean {
    return this.#votes.missingTotal > 0 || this.#takeCount > 0
  }

  /**
   * The epoch sent with a forwarded request, or 0 while ownership is unsettled. If the peer has the same one, and it is
   * not 0, both nodes agree about every slot, and the peer need not check who owns the key. A request that its sender
   * coordinates does not carry it: see `RequestContexts.encode`.
   */
  get agreedEpoch(): number {
    return this.isPending || this.#view?.members.length === 0 ? 0 : this.epoch
  }

  /** Whether this node owns nothing and, if it leaves, all others know that it does, so that none declares it dead. */
  get hasReleasedAll(): boolean {
    const members = [...this.#votes.members.values()]
    return (
      this.slotCount === 0 &&
      this.#takeCount === 0 &&
      (!this.#leaving || members.every(({ knowsLeaving }) => knowsLeaving))
    )
  }

  /** The other live members. */
  get peers(): readonly string[] {
    return [...this.#votes.members.keys()]
  }

  /** The cluster has changed, or this is the first view. */
  setView(view: View): void {
    this.#sequence++
    this.#view = view
    this.epoch = view.epoch
    const leaving = view.leaving.includes(this.#options.self)
    if (leaving && !this.#leaving) this.#leavingSequence = this.#sequence
    this.#leaving = leaving
    this.#updateMembers([...view.members, ...view.leaving])
    this.#retarget(view)
    this.#countVotes()
    this.#changes.notify()
  }

  /** There is no other node: this one owns all slots. */
  ownAll(): void {
    const target = new Uint16Array(this.owners.length)
    this.setView({ epoch: 0, members: [this.#options.self], target, leaving: [] })
  }

  /** Others declared this node dead and may have served its slots: it owns nothing until it is granted votes again. */
  declaredDead(): void {
    this.#resetSequence = ++this.#sequence
    for (let slot = 0; slot < this.owners.length; slot++)
      if (this.owners[slot] === SELF) this.#changes.lost(slot, undefined)
    for (const table of [this.#confirmed, this.#givenTo, this.#entriesAt, this.#takingFrom]) table.fill(0)
    for (const table of [this.owners, this.#target]) table.fill(UNKNOWN_OWNER)
    for (const { taking, answers } of this.#votes.members.values()) {
      taking.clear()
      answers.fill(0)
    }
    this.#takeCount = 0
    this.slotCount = 0
    if (this.#view !== undefined) this.#retarget(this.#view)
    this.#countVotes()
    this.#changes.notify()
  }

  /**
   * The request to send to a member now; its reply goes to `handleReply`. At most one request to a member is in
   * flight. If it is lost, call this again: the new request asks for what is needed then.
   */
  request(name: string): OwnershipRequest | undefined {
    const member = this.#votes.members.get(name)
    if (member === undefined) return undefined
    const id = ++this.#sequence
    const ask: number[] = []
    for (const slot of this.#votes.slots) {
      if (member.hasGranted(slot) || this.#takingFrom[slot] === member.index) continue
      if (!member.saysItOwns(slot)) ask.push(slot)
      else if (this.#takingFrom[slot] === 0 && this.#votes.onlyOwnersMissing(slot))
        this.#startTake(member, slot)
    }
    const isUnaware = this.#leaving && !member.knowsLeaving
    if (ask.length === 0 && member.taking.size === 0 && !isUnaware) return undefined
    member.lastRequestId = id
    return { id, epoch: this.epoch, ask, take: [...member.taking] }
  }

  /** A member was restarted. Its request ids may be lower than before, if its clock was set back. */
  peerRestarted(name: string): void {
    this.#lastRequestIds.delete(name)
  }

  /** Answers another member's request. `lost` is called before the reply is returned. */
  handleRequest(by: string, request: OwnershipRequest): OwnershipReply {
    const reply = { agreed: request.epoch === this.epoch, granted: [], given: [], held: [] }
    const member = this.#votes.members.get(by)
    if (member === undefined || request.id <= (this.#lastRequestIds.get(by) ?? 0)) return reply
    this.#lastRequestIds.set(by, request.id)
    for (const slot of request.take) this.#decide(member, slot, true, reply)
    for (const slot of request.ask) this.#decide(member, slot, false, reply)
    this.#changes.notify()
    return reply
  }

  /** Handles the reply to a request of this node. True: there is progress, so call `request` for every member again. */
  handleReply(by: string, request: OwnershipRequest, reply: OwnershipReply): boolean {
    const member = this.#votes.members.get(by)
    if (member === undefined || request.id <= this.#resetSequence || request.id < member.memberSince)
      return false
    this.#sequence++
    const { missingTotal, ownersFound } = this.#votes
    if (this.#leaving && reply.agreed && request.id > this.#leavingSequence) member.knowsLeaving = true
    const given = new Set(reply.given)
    const granted = new Set(reply.granted)
    const held = new Set(reply.held)
    for (const slot of request.take) {
      if (!granted.has(slot) && request.id !== member.lastRequestId) continue
      if (this.#endTake(member, slot) && given.has(slot)) this.#gain(slot, true, member.name)
      else if (given.has(slot)) this.#entriesAt[slot] = member.index
    }
    for (const slot of [...request.take, ...request.ask]) {
      if (this.#target[slot] !== SELF || request.id < this.#votesSince[slot]) continue
      if (!granted.has(slot)) {
        this.#votes.setOwner(member, slot, held.has(slot))
        if (held.has(slot) && this.owners[slot] !== SELF) this.#learnOwner(slot, member.index)
        continue
      }
      if (given.has(slot)) this.#entriesAt[slot] = member.index
      this.#votes.grant(member, slot)
      if (this.#votes.missing[slot] === 0) this.#complete(slot)
    }
    this.#changes.notify()
    return this.#votes.missingTotal < missingTotal || this.#votes.ownersFound > ownersFound
  }

  /** Whether entries from this member may arrive for a slot before this node knows that it has gained it. */
  expectsEntries(slot: number, from: string): boolean {
    if (this.owners[slot] === SELF) return false
    return this.#target[slot] === SELF || this.#takingFrom[slot] === this.#votes.members.get(from)?.index
  }

  /**
   * The member has received all entries of these slots, so it knows that they were released to it. If it asks for them
   * another time, it has lost them since: this node has nothing to hand over.
   */
  handedOver(slots: readonly number[], to: string): void {
    const index = this.#votes.members.get(to)?.index
    for (const slot of slots) if (this.#givenTo[slot] === index) this.#givenTo[slot] = 0
  }

  /** Requests that were sent to the previously known owner may be in flight: later ones must not overtake them. */
  #learnOwner(slot: number, owner: number): void {
    if (this.owners[slot] === owner) return
    this.owners[slot] = owner
    this.#changes.moved()
  }

  #startTake(member: MemberVotes, slot: number): void {
    member.taking.add(slot)
    this.#takingFrom[slot] = member.index
    this.#takeCount++
  }

  /** The outcome of a release request is known. False: it was known before. */
  #endTake(member: MemberVotes, slot: number): boolean {
    if (!member.taking.delete(slot)) return false
    this.#takingFrom[slot] = 0
    this.#takeCount--
    return true
  }

  #decide(
    member: MemberVotes,
    slot: number,
    take: boolean,
    reply: { agreed: boolean; granted: number[]; given: number[]; held: number[] },
  ): void {
    const holds = this.owners[slot] === SELF
    const agreed = reply.agreed && this.#target[slot] === member.index
    const given = this.#givenTo[slot] === member.index && !holds
    if (this.#takingFrom[slot] !== 0 || !(agreed || (take && given))) return
    if (holds && (!take || this.#options.busy(slot))) {
      reply.held.push(slot)
      return
    }
    reply.granted.push(slot)
    if (holds) {
      this.#givenTo[slot] = member.index
      this.#lose(slot, member.index)
    } else if (!given) return
    // If it was released before, that reply was lost. Votes for this node restart: some may have been granted since.
    if (this.#target[slot] === SELF) {
      this.#restartVotes(slot)
      this.#votes.recount()
      this.owners[slot] = member.index
    }
    reply.given.push(slot)
    this.#changes.lost(slot, member.name)
  }

  /** Removes the members that left and adds new ones. */
  #updateMembers(live: readonly string[]): void {
    const { members } = this.#votes
    const present = new Set(live)
    for (const member of members.values()) {
      if (present.has(member.name)) continue
      for (const slot of [...member.taking]) this.#endTake(member, slot)
      for (let slot = 0; slot < this.owners.length; slot++) {
        if (this.#givenTo[slot] === member.index) this.#givenTo[slot] = 0
        if (this.#entriesAt[slot] === member.index) this.#entriesAt[slot] = 0
      }
      members.delete(member.name)
    }
    for (const name of present) {
      if (name === this.#options.self || members.has(name)) continue
      members.set(
        name,
        new MemberVotes(name, this.#options.indexOf(name), this.#sequence, this.owners.length),
      )
    }
  }

  #retarget(view: View): void {
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
      // Taken without votes and no longer ours: a target owner with all votes from before would not ask for its release.
      if (to !== SELF && this.owners[slot] === SELF && this.#confirmed[slot] === 0) {
        this.#lose(slot, to)
        this.#changes.lost(slot, to === UNKNOWN_OWNER ? undefined : this.#options.nameOf(to))
      }
      if (this.owners[slot] === SELF) continue
      if (to !== SELF) {
        if (to !== UNKNOWN_OWNER) this.owners[slot] = to
        continue
      }
      const owner = this.owners[slot]
      if (live.has(owner)) continue
      // The member that is gone may have owned the slot, or was only its target owner. Another owner would answer
      // `held`.
      before ??= this.#withoutSelf(view)
      if (before[slot] === UNKNOWN_OWNER) this.#gain(slot, false, undefined)
      else this.owners[slot] = before[slot]
    }
    this.#votes.slots = own
  }

  /** The owners of the slots if this node did not exist: `UNKNOWN_OWNER` if it is the only member. */
  #withoutSelf({ members, leaving }: View): Uint16Array {
    const { self, assign, indexOf } = this.#options
    const others = members.filter((name) => name !== self)
    const names = others.length > 0 ? others : leaving.filter((name) => name !== self)
    if (names.length === 0) return new Uint16Array(this.owners.length).fill(UNKNOWN_OWNER)
    const numbers = names.map(indexOf)
    return assign(names).map((place) => numbers[place])
  }

  /** Discards the votes for a slot: they are requested again. */
  #restartVotes(slot: number): void {
    this.#votesSince[slot] = ++this.#sequence
    this.#entriesAt[slot] = 0
    this.#votes.clear(slot)
  }

  #countVotes(): void {
    this.#votes.recount()
    for (const slot of this.#votes.slots) if (this.#votes.missing[slot] === 0) this.#complete(slot)
  }

  /** All members have granted this slot. */
  #complete(slot: number): void {
    const source = this.#entriesAt[slot]
    if (this.owners[slot] === SELF) this.#confirmed[slot] = 1
    else this.#gain(slot, true, source === 0 ? undefined : this.#options.nameOf(source))
  }

  #gain(slot: number, confirmed: boolean, from: string | undefined): void {
    if (this.owners[slot] === SELF) return
    this.owners[slot] = SELF
    this.#confirmed[slot] = confirmed ? 1 : 0
    this.#givenTo[slot] = 0
    this.slotCount++
    this.#changes.gained(slot, from)
  }

  #lose(slot: number, to: number): void {
    this.owners[slot] = to
    this.#confirmed[slot] = 0
    this.slotCount--
  }
}
