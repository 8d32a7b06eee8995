// This node's state as its heartbeats carry it: encoded once per change, whatever the number of peers.

import type { StateMessage } from '../state.ts'

/** The fields that differ between messages with the same state. */
export type Envelope = Required<Pick<StateMessage, 'serial' | 'at' | 'seen'>> &
  Pick<StateMessage, 'answers' | 'answersAt' | 'lease' | 'listed'>

export type State = Omit<StateMessage, keyof Envelope | 'name' | 'runId' | 'version'>

export class OwnState {
  /** Increases with each change; at first 0, which is never sent. */
  version = 0
  readonly #identity: Pick<StateMessage, 'name' | 'runId'>
  #state: State | undefined
  #text = ''
  /** The beginning of each repeat of this state. */
  #repeatHead = ''

  constructor({ name, runId }: Pick<StateMessage, 'name' | 'runId'>) {
    this.#identity = { name, runId }
  }

  /** The fingerprint of the list of members, see StateMessage. */
  get list(): string {
    return this.#state?.list ?? ''
  }

  set(state: State): void {
    const text = JSON.stringify(state)
    if (text === this.#text) return
    this.#text = text
    this.#state = state
    this.version++
    const { runId } = this.#identity
    this.#repeatHead = `{"runId":${JSON.stringify(runId)},"repeats":${this.version},"serial":`
  }

  /** `set` was called before. */
  whole(envelope: Envelope): StateMessage {
    return { ...this.#identity, ...envelope, version: this.version, ...this.#state! }
  }

  /** The same as JSON. */
  encode(envelope: Envelope): string {
    const head = JSON.stringify({ ...this.#identity, ...envelope, version: this.version })
    return `${head.slice(0, -1)},${this.#text.slice(1)}`
  }

  /** The heartbeat, as JSON, for a peer that has this version: see `Repeat`. */
  encodeRepeat({ serial, at, seen, answers, answersAt, lease }: Envelope): string {
    const answer =
      answers === undefined ? '' : `,"answers":${answers},"answersAt":${answersAt},"lease":${lease}`
    return `${this.#repeatHead}${serial},"at":${at},"seen":${seen}${answer}}`
  }
}
