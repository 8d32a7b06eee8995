// Writes and reads heartbeats: the whole state to a peer that does not have it, a repeat to one that does.

import type { Clock } from '../../../bytes/clock.ts'
import type { Member } from '../../member.ts'
import type { MemberNames } from '../../membership/member-names.ts'
import type { PeerTable } from '../peer-table.ts'
import { isStateMessage, type StateMessage } from '../state.ts'
import { type Envelope, OwnState, type State } from './own-state.ts'
import { isRepeat, type Repeat, wholeOf } from './repeat.ts'

export interface ExchangeOptions {
  readonly self: Member
  readonly runId: string
  readonly clock: Clock
  readonly peers: PeerTable
  /** This node's state as it is now. */
  readonly state: () => State
  readonly listed: () => MemberNames
  /** How long this node will not consider a member dead, ms; 0: the member is not in the view. */
  readonly leaseFor: (name: string) => number
}

export interface Heartbeat {
  /** As JSON. */
  readonly text: string
  /** The version of the state that it repeats; 0: it has the whole state. */
  readonly repeats: number
}

export class Exchange {
  /** The serial of the last message. */
  serial = 0
  readonly #options: ExchangeOptions
  readonly #own: OwnState
  #hasChanged = true

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#own = new OwnState({ name: options.self.name, runId: options.runId })
  }

  /** The state may have changed. */
  changed(): void {
    this.#hasChanged = true
  }

  /** The version of this node's state. */
  get version(): number {
    return this.#state().version
  }

  /** A message with the whole state, for any peer. */
  message(): StateMessage {
    return this.#state().whole(this.#envelope(0))
  }

  /** The next heartbeat to the peer. */
  heartbeat(name: string): Heartbeat {
    const { version } = this.#state()
    const state = this.#options.peers.get(name)?.state
    const text = this.#encode(state?.seen, this.#envelope(state?.version))
    return { text, repeats: state?.seen === version ? version : 0 }
  }

  /**
   * The peer has answered a heartbeat. Returns whether it does not have the state that was repeated: then the next
   * heartbeat has the whole state, and is due now.
   */
  hasMissed(name: string, { repeats }: Heartbeat, answer: StateMessage | Repeat): boolean {
    if (repeats === 0 || answer.seen === repeats) return false
    const state = this.#options.peers.get(name)?.state
    if (state !== undefined) state.seen = 0
    return true
  }

  /** The answer to a heartbeat of the peer, as JSON. The heartbeat was given to the detector before, if it could be read. */
  answer(name: string, heartbeat: StateMessage | Repeat): string {
    const { peers, leaseFor, listed } = this.#options
    const { serial, at = 0 } = heartbeat
    const state = peers.get(name)?.state
    const own = this.#state()
    const envelope: Envelope = {
      serial: ++this.serial,
      at: this.#options.clock.now(),
      seen: state?.version ?? 0,
      answers: serial,
      answersAt: at,
      lease: leaseFor(name),
    }
    const mustTell = 'name' in heartbeat && own.list !== '' && own.list !== heartbeat.list
    if (mustTell) return own.encode({ ...envelope, listed: [...listed().names] })
    return this.#encode(state?.seen, envelope)
  }

  /** A parsed heartbeat or answer of the peer: the message; a repeat if it repeats what is not known; else `undefined`. */
  read(name: string, value: unknown): StateMessage | Repeat | undefined {
    if (isRepeat(value)) {
      const state = this.#options.peers.get(name)?.state
      return wholeOf(value, state?.runId === value.runId ? state.message : undefined) ?? value
    }
    return isStateMessage(value) && value.name === name ? value : undefined
  }

  #encode(seen: number | undefined, envelope: Envelope): string {
    const own = this.#state()
    return seen === own.version ? own.encodeRepeat(envelope) : own.encode(envelope)
  }

  #envelope(seen = 0): Envelope {
    return { serial: ++this.serial, at: this.#options.clock.now(), seen }
  }

  #state(): OwnState {
    if (this.#hasChanged) {
      this.#hasChanged = false
      this.#own.set(this.#options.state())
    }
    return this.#own
  }
}
