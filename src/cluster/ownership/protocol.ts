// The messages by which nodes agree about the owner of each slot, and the view that they are based on.

/** The cluster as one node sees it: the basis of the target slot table. */
export interface View {
  /** Equal on two nodes only if members, target and leaving are equal. Not 0. */
  readonly epoch: number
  /** The members among which the slots are divided, including this node unless it is leaving. */
  readonly members: readonly string[]
  /** By slot: the index in `members` of the target owner. Not read when there are no members. */
  readonly target: Uint16Array
  /** Members, possibly including this node, that are alive and give their slots away. */
  readonly leaving: readonly string[]
}

/** A request to one member for votes and for the release of slots. */
export interface OwnershipRequest {
  /** Increases with each request of a node. */
  readonly id: number
  readonly epoch: number
  /** Slots for which the sender asks for the member's vote. */
  readonly ask: readonly number[]
  /** Slots that the member is to release now: all others have granted their votes. */
  readonly take: readonly number[]
  /** The serial of the sender's last heartbeat: it was sent before the sender had this epoch, or with it. */
  readonly serial?: number
}

/** The answer to an ownership request. Slots in none of these lists: ask again later. */
export interface OwnershipReply {
  /** Whether the member has the epoch of the request. */
  readonly agreed: boolean
  /** Slots for which the member votes for the sender. */
  readonly granted: readonly number[]
  /** The part of `granted` that the member owned until now, and whose entries it hands over. */
  readonly given: readonly number[]
  /** Slots that the member owns and keeps for now. */
  readonly held: readonly number[]
  /** As in the request. */
  readonly serial?: number
}

/** In `owners`: this node. */
export const SELF = 0
/** In `owners`: not known. Occurs only before the first view. */
export const UNKNOWN_OWNER = 0xffff
