// What members tell each other with every ping: whom they cannot vouch for, and whom they have declared dead.

/**
 * Why a member does not vouch for another: `refused` – nobody listened there, its process is gone; `silent` – it
 * did not answer within the timeout; `probation` – it answers again, but not yet for long enough; `willing` – it
 * has been good for long enough, and is taken back as soon as it takes the accuser back.
 */
export type Charge = 'refused' | 'silent' | 'probation' | 'willing'

/** Names of members and what they are charged with. */
export type Charges = Readonly<Record<string, Charge>>

/** A declaration that a run of a member is dead. */
export interface Mark {
  /** '' when no run of it was ever met: whichever it is. */
  readonly runId: string
  /** Rises with each declaration. */
  readonly count: number
}

export type Marks = Readonly<Record<string, Mark>>

/** What a third member has said, for those who cannot hear it themselves. */
export interface Hearsay {
  readonly runId: string
  /** The serial of the message that said so. */
  readonly serial: number
  readonly epoch: number
  readonly deaf: boolean
  /** Only charges against members that somebody still vouches for. */
  readonly accused: Charges
  readonly deposed: Marks
}

/** The state of one member, as it travels between members (as JSON). */
export interface StateMessage {
  readonly name: string
  /** Changes with each start of the process. */
  readonly runId: string
  /** Rises with every message of this run: a message that was overtaken by a newer one is known by it. */
  readonly serial: number
  /** In an answer: the serial of the message that it answers. */
  readonly answers?: number
  /** The fingerprint of the sender's view. */
  readonly epoch: number
  readonly weight: number
  /** True while the sender drains or may not own anything: it is not in anybody's view. */
  readonly leaving: boolean
  readonly accused: Charges
  /** True from when the sender accused most of those that others can talk to, until it accuses none of them. */
  readonly deaf: boolean
  /** Members that the sender was told of and has not reached yet. */
  readonly unknown: readonly string[]
  /** Declared dead by the sender: their slots were taken over. */
  readonly deposed: Marks
  /**
   * Declared dead while the sender lost touch with most of the others: it was more probably the one who was cut
   * off. It counts for those who cannot be sure that they were not.
   */
  readonly alone: Marks
  /** By the name of the third member. */
  readonly hearsay: Readonly<Record<string, Hearsay>>
}
