// The messages by which nodes agree about the owner of each slot, and the view that they are based on.

/*
 * The protocol
 *
 * The target table of a view says which member is to own a slot. `owners` says where this node sends requests for it
 * now. Ownership moves as in distributed mutual exclusion (Ricart and Agrawala, 1981; a vote stays valid until it is
 * withdrawn, as in Carvalho and Roucairol, 1983):
 *
 *   1. The target owner of a slot asks every other live member for its vote (`OwnershipRequest.ask`). A member with the
 *      same epoch that does not own the slot grants it. The current owner answers `held` and keeps serving the slot.
 *   2. When all members but the current owner have granted, the target owner asks that one to release the slot
 *      (`take`). Its reply (`given`) transfers the slot. Until then it continues to serve, so no request waits.
 *   3. With all votes granted and no current owner, the slot is gained without a source of entries.
 *
 * Who may reply for a slot: only a node whose `owners[slot]` is `SELF`, without exception. All others forward to
 * `owners[slot]`, which may be wrong while a slot moves: between the release and the arrival of its reply nobody owns
 * the slot, and the previous and the next owner name each other. Requests wait for that moment: see `Dispatcher`.
 *
 * What a vote means: "I do not own this slot, and I will not take it on votes that I was granted earlier." A member
 * that releases a slot of which it is the target owner itself restarts its own votes. A vote is valid until its receiver
 * stops being the target owner, is declared dead, or one of the two leaves the view. A reply to a request that was sent
 * before then is ignored (`#votesSince`, `#resetSequence`, `memberSince` in `Ownership`).
 *
 * Invariants:
 *   - As long as no live node is declared dead, at most one node owns a slot at any time.
 *   - Two nodes with the same `agreedEpoch` (not 0) never both own a slot, and each owns every slot that the other one
 *     sends to it. So a peer with the same epoch need not check who owns the key.
 *   - A slot is not released while it is busy (`OwnershipOptions.busy`): entries are still being transferred to this
 *     node, entries from before it gained the slot are not dropped yet, or writes to an origin are pending. The
 *     requester then gets `held` and asks again.
 *   - `lost` runs before the reply that releases a slot is sent: when the next owner starts, flights are fenced, hot
 *     copies are recalled and the handover has begun.
 *   - A lost reply is repeated: `#givenTo` remembers to whom a slot was released. Requests are numbered, and a request
 *     older than the last one of that member is not answered.
 *
 * Failures: when an owner is declared dead, nobody answers `held`, and the target owner gains its slots as soon as all
 * live members have granted their votes. Not before: a member that is gone and was the target owner of a slot need not
 * have owned it. While nodes join together their views differ for a moment, and a third one may still own it. Only a
 * node that is alone takes slots without votes (`#confirmed` is 0); it asks for the votes when it sees others, and
 * gives such a slot up at once if the target changes first. A node that learns that it was declared dead drops
 * everything and owns nothing until it has been granted votes again (`declaredDead`). Between the two events both may
 * serve the slot; the lease check of the failure detector keeps that time short.
 */

import type { HeartbeatPart } from '../liveness/state.ts'

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
export interface OwnershipRequest extends HeartbeatPart {
  /** Increases with each request of a node. */
  readonly id: number
  readonly epoch: number
  /** Slots for which the sender asks for the member's vote. */
  readonly ask: readonly number[]
  /** Slots that the member is to release now: all others have granted their votes. */
  readonly take: readonly number[]
}

/** The answer to an ownership request. Slots in none of these lists: ask again later. */
export interface OwnershipReply extends HeartbeatPart {
  /** Whether the member has the epoch of the request. */
  readonly agreed: boolean
  /** Slots for which the member votes for the sender. */
  readonly granted: readonly number[]
  /** The part of `granted` that the member owned until now, and whose entries it hands over. */
  readonly given: readonly number[]
  /** Slots that the member owns and keeps for now. */
  readonly held: readonly number[]
}

/** In `owners`: this node. */
export const SELF = 0
/** In `owners`: not known. Occurs only before the first view. */
export const UNKNOWN_OWNER = 0xffff
