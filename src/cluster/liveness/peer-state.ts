// The latest state that one peer has sent, and its tombstones that concern this node.

import { MemberNames } from '../membership/member-names.ts'
import type { StateMessage, Tombstone, Tombstones } from './state.ts'

/** How many runs of a peer are remembered, so that late messages of an ended run are recognised. */
const RUNS_KEPT = 8

interface Run {
  /** A later run was seen. */
  hasEnded: boolean
  /** The highest counts of this node's tombstones seen from this run. */
  count: number
  weakCount: number
}

/** The part of a message, or of a relayed state, that declares members dead. */
type Declared = Pick<StateMessage, 'runId' | 'tombstones'> & Partial<Pick<StateMessage, 'weakTombstones'>>

export class PeerState {
  /** The current run; '' before the first contact. */
  runId = ''
  /** The newest message of that run. */
  message: StateMessage | undefined
  /** The first message with that state, by serial. */
  stateSerial = 0
  /** The version of this node's state that the peer has; 0: none, or it does not say. */
  seen = 0
  /** The part of a message without a version that `update` compares, as text. */
  #content = ''
  /** The last list that it has sent, and its fingerprint. */
  #list: MemberNames | undefined
  readonly #self: string
  readonly #selfRun: string
  readonly #runs = new Map<string, Run>()
  /** The peer took over this node's slots while this node served them too, and still does as far as is known. */
  #conflicts = false
  /** Up to this serial of its current run, what the peer reported is from before it had this node's epoch. */
  #agreedSerial = -1
  /** This node was paused or cut off after it had sent this serial, so that weak tombstones may be right about it. */
  #uncertainSince: number | undefined

  /**
   * @param self the name of this node
   * @param selfRun its run
   */
  constructor(self: string, selfRun: string) {
    this.#self = self
    this.#selfRun = selfRun
  }

  /** This node was paused or cut off after it had sent the message of that serial. */
  mayHaveMissedDeath(serial: number): void {
    this.#uncertainSince = serial
  }

  /**
   * This node has declared the peer dead, with most of the others: the peer has to drop what it holds, and what it
   * declares about this node while it is cut off says nothing.
   */
  declaredDead(): void {
    this.#uncertainSince = undefined
  }

  /** The peer's answer to the message of that serial was processed. */
  answered(serial: number): void {
    if (this.#uncertainSince !== undefined && serial > this.#uncertainSince) this.#uncertainSince = undefined
  }

  /** The version of its state that this node has; 0: none, or it does not number them. */
  get version(): number {
    return this.message?.version ?? 0
  }

  /** Whether a later run than this one was seen. */
  hasEnded(runId: string): boolean {
    return this.#runs.get(runId)?.hasEnded === true
  }

  /** A run of the peer was seen. Returns whether it replaces another one. */
  observeRun(runId: string): boolean {
    if (runId === this.runId) return false
    const previous = this.#runs.get(this.runId)
    if (previous) previous.hasEnded = true
    this.runId = runId
    this.message = undefined
    this.seen = 0
    this.#list = undefined
    this.#conflicts = false
    this.#agreedSerial = -1
    this.#run(runId)
    return previous !== undefined
  }

  /**
   * Whether the current run has sent something newer that was received before: messages arrive over two connections,
   * and an ownership message may overtake the heartbeats.
   */
  isOutdated({ serial }: StateMessage): boolean {
    return serial <= this.#agreedSerial || (this.message !== undefined && serial < this.message.serial)
  }

  /**
   * The peer had this node's epoch when it had sent the heartbeat of that serial. Returns whether a conflict ends with
   * that.
   */
  agreed(serial: number): boolean {
    this.#agreedSerial = Math.max(this.#agreedSerial, serial)
    return this.#endConflict()
  }

  /** Stores a message of the current run. Returns whether it reports anything new. */
  update(message: StateMessage): boolean {
    const before = this.message
    if (before && message.serial <= before.serial) return false
    this.message = message
    this.seen = message.seen ?? 0
    const isNews = !before || this.#differs(message, before)
    if (isNews) this.stateSerial = message.serial
    const { list, listed } = message
    if (list !== undefined && listed !== undefined) this.#list = new MemberNames(listed, list)
    return isNews
  }

  #differs(message: StateMessage, before: StateMessage): boolean {
    if (message.version !== undefined) return message.version !== before.version
    const content = contentOf(message)
    const differs = content !== this.#content
    this.#content = content
    return differs
  }

  /** The names that its list contains, if they are known and differ from this node's. */
  otherList(own: MemberNames): MemberNames | undefined {
    const { list = '' } = this.message ?? {}
    return list === '' || list === own.fingerprint || list !== this.#list?.fingerprint
      ? undefined
      : this.#list
  }

  /** Whether the tombstones contain a new declaration that this node is dead, and that is binding for it. */
  hasNewTombstone({ runId, tombstones, weakTombstones = {} }: Declared): boolean {
    return this.#noteCounts(runId, this.#countOf(tombstones), this.#countOf(weakTombstones))
  }

  /** The same of the tombstone in an ownership message of the current run. */
  isNewTombstone(tombstone: Tombstone): boolean {
    return this.runId !== '' && this.#noteCounts(this.runId, this.#countOf({ [this.#self]: tombstone }), 0)
  }

  /** Whether these counts of tombstones are higher than those seen from that run before, and binding. */
  #noteCounts(runId: string, count: number, weakCount: number): boolean {
    if (this.hasEnded(runId)) return false
    const seen = this.#run(runId)
    const isNew = count > seen.count || (weakCount > seen.weakCount && this.#uncertainSince !== undefined)
    seen.count = Math.max(seen.count, count)
    seen.weakCount = Math.max(seen.weakCount, weakCount)
    return isNew
  }

  /**
   * Whether a conflict ends with this message: the peer had declared this node dead and served its slots, while this
   * node served them too. Entries stored here after the tombstone was first seen are as invalid as those before.
   *
   * @param isOutdated whether a newer message was received before: this one's statements about this node are obsolete
   * @param cameAlive whether the peer became alive with this message
   * @param owns whether this node is in its own view
   * @param epoch the epoch of this node
   */
  conflictEnds(
    message: StateMessage,
    { isOutdated, cameAlive, owns }: { isOutdated: boolean; cameAlive: boolean; owns: boolean },
    epoch: number,
  ): boolean {
    if (isOutdated) return cameAlive && this.#endConflict()
    if (owns && message.epoch !== epoch && this.#replaces(message)) this.#conflicts = true
    return (cameAlive && this.#endConflict()) || this.agreesOnEpoch(message, epoch)
  }

  /** The same, when a third member relays that the peer has this node's epoch. */
  agreesOnEpoch({ runId, epoch }: { readonly runId: string; readonly epoch: number }, own: number): boolean {
    return epoch === own && runId === this.runId && this.#endConflict()
  }

  #endConflict(): boolean {
    const ended = this.#conflicts
    this.#conflicts = false
    return ended
  }

  /** Whether the peer serves this node's slots because it declared this node dead. */
  #replaces({ suspects, tombstones, weakTombstones }: StateMessage): boolean {
    const suspicion = suspects[this.#self]
    if (suspicion === undefined || suspicion === 'recovered') return false
    const count = this.#countOf(tombstones)
    const weakCount = this.#countOf(weakTombstones)
    return count > weakCount || (weakCount > 0 && this.#uncertainSince !== undefined)
  }

  /** The count of this node's tombstone if it concerns this run; 0: there is none. */
  #countOf(tombstones: Tombstones): number {
    const tombstone = tombstones[this.#self]
    return tombstone && (tombstone.runId === '' || tombstone.runId === this.#selfRun) ? tombstone.count : 0
  }

  #run(runId: string): Run {
    let run = this.#runs.get(runId)
    if (!run) {
      run = { hasEnded: false, count: 0, weakCount: 0 }
      this.#runs.set(runId, run)
      for (const old of this.#runs.keys()) {
        if (this.#runs.size <= RUNS_KEPT) break
        if (old !== this.runId) this.#runs.delete(old)
      }
    }
    return run
  }
}

function contentOf(message: StateMessage): string {
  const { epoch, weight, leaving, suspects, disconnected, unknown, gossip, list, tombstones } = message
  return JSON.stringify([epoch, weight, leaving, suspects, disconnected, unknown, gossip, list, tombstones])
}
