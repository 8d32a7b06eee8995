// Declarations of death in both directions: peers that this node declares dead, and peers that declare this node dead.

import type { PeerTable } from './peer-table.ts'
import { isolationOf, type Peer } from './reports.ts'
import type { StateMessage, Tombstone, Tombstones } from './state.ts'
import { TombstoneTable } from './tombstones.ts'

export class Declarations {
  /** Whether this node is isolated from several others. */
  isCutOff = false
  readonly #peers: PeerTable
  readonly #tombstones = new TombstoneTable()
  readonly #declared: (name: string) => void
  #isDeclaredDead = false

  /**
   * @param declared called with a peer that was declared dead: requests from it that are in flight must not run any
   * more
   */
  constructor(peers: PeerTable, declared: (name: string) => void) {
    this.#peers = peers
    this.#declared = declared
  }

  get tombstones(): Tombstones {
    return this.#tombstones.tombstones
  }

  tombstoneOf(name: string): Tombstone | undefined {
    return this.#tombstones.of(name)
  }

  get weakTombstones(): Tombstones {
    return this.#tombstones.weakTombstones
  }

  /** Whether this node was declared dead, and this was not taken yet. */
  get isDeclaredDead(): boolean {
    return this.#isDeclaredDead
  }

  takeDeclaredDead(): boolean {
    const isDeclaredDead = this.#isDeclaredDead
    this.#isDeclaredDead = false
    return isDeclaredDead
  }

  /** This node counts as declared dead: it lost its registration, or a conflict about its slots has ended. */
  declareSelf(): void {
    this.#isDeclaredDead = true
  }

  declare(name: string, runId: string, now: number): void {
    this.#tombstones.declare(name, runId, now)
  }

  /** Runs an action on a peer's health, and declares the peer dead if it is down afterwards. */
  declareIfDown(name: string, { health, state }: Peer, now: number, act: () => void): void {
    const { status } = health
    act()
    if (health.status !== 'down' || status === 'down') return
    this.declare(name, state.runId, now)
    if (!this.isCutOff) state.declaredDead()
    // A peer that is leaving refuses new connections while its last requests are still in flight.
    if (health.suspicion !== 'refused' || state.message?.leaving !== true) this.#declared(name)
  }

  /**
   * This process was paused after it had sent the message of that serial. A peer that was dead before cannot have taken
   * anything over from the others, unless this node was the one cut off.
   */
  paused({ health, state }: Peer, serial: number): void {
    if (health.status !== 'down' || this.isCutOff) state.mayHaveMissedDeath(serial)
  }

  observeRun(name: string, runId: string): void {
    this.#tombstones.observeRun(name, runId)
  }

  /** Looks for tombstones of this node in a message and in the states that it relays. */
  readTombstones({ state }: Peer, message: StateMessage, epoch: number): void {
    if (state.hasNewTombstone(message)) this.#isDeclaredDead = true
    for (const [name, relayed] of Object.entries(message.gossip)) {
      const other = this.#peers.get(name)?.state
      if (other?.hasNewTombstone(relayed)) this.#isDeclaredDead = true
      if (other?.agreesOnEpoch(relayed, epoch)) this.#isDeclaredDead = true
    }
  }

  /**
   * Reads an ownership message of the peer.
   *
   * @param serial of the last heartbeat before it, if the peer has this node's epoch
   * @returns whether this node counts as declared dead with that
   */
  readPart({ state }: Peer, tombstone: Tombstone | undefined, serial: number | undefined): boolean {
    const isDeclared = tombstone !== undefined && state.isNewTombstone(tombstone)
    const endsConflict = serial !== undefined && state.agreed(serial)
    if (isDeclared || endsConflict) this.#isDeclaredDead = true
    return isDeclared || endsConflict
  }

  /** The peer has answered: if this node had declared it dead weakly, this node was the one that was cut off. */
  answered(name: string): void {
    if (this.#tombstones.withdraw(name)) this.#isDeclaredDead = true
  }

  /**
   * Weakens the tombstones written while this node is cut off.
   *
   * @param serial the last message sent
   * @param since when the first of them may have been written
   * @returns whether more than half of the others are silent
   */
  updateIsolation(serial: number, since: number): boolean {
    const { isolated, others } = isolationOf(this.#peers.listed)
    // With a single other member neither can tell which of them is cut off.
    const isCutOff = isolated && others > 1
    for (const [name, { health, state }] of this.#peers.listed) {
      if (isCutOff && health.suspicion === 'silent') this.#tombstones.weaken(name, since)
      if (isCutOff && !this.isCutOff) state.mayHaveMissedDeath(serial)
    }
    this.isCutOff = isCutOff
    return isolated
  }

  /** Returns whether a tombstone was forgotten. */
  prune(now: number): boolean {
    return this.#tombstones.prune((name) => this.#peers.has(name), now)
  }
}
